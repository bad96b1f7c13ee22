/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nvme_queue.h"

#include "drivers/nvme_prp.h"
#include "drivers/nvme_sgl.h"

#include <errno.h>
#include <string.h>

/* The rings come first, each at the start of a page. */
static size_t commands_bytes(unsigned entries)
{
	return align_up(entries * sizeof(struct nvme_command), PAGE_SIZE);
}

static size_t completions_bytes(unsigned entries)
{
	return align_up(entries * sizeof(struct nvme_completion), PAGE_SIZE);
}

static size_t rings_bytes(unsigned entries)
{
	return commands_bytes(entries) + completions_bytes(entries);
}

size_t nvme_queue_bytes(unsigned entries, size_t max_bytes)
{
	return rings_bytes(entries) + (entries - 1) * nvme_prp_list_bytes(max_bytes);
}

void nvme_queue_reset(struct nvme_queue *queue, void *memory, phys_t at, size_t max_bytes)
{
	struct nvme_pair *pair = &queue->pair;
	char *bytes = memory;

	memset(memory, 0, nvme_queue_bytes(pair->entries, max_bytes));
	pair->commands = memory;
	pair->completions = (void *)(bytes + commands_bytes(pair->entries));
	nvme_pair_reset(pair);
	queue->lists = bytes + rings_bytes(pair->entries);
	queue->lists_at = phys_add(at, rings_bytes(pair->entries));
	queue->list_bytes = nvme_prp_list_bytes(max_bytes);
	memset(queue->requests, 0, sizeof(queue->requests));
	queue->nr_free = 0;
	for (unsigned id = pair->entries - 1u; id-- > 0;)
		queue->free[queue->nr_free++] = (uint8_t)id;
}

phys_t nvme_queue_commands(const struct nvme_queue *queue)
{
	return phys(queue->lists_at.addr - rings_bytes(queue->pair.entries));
}

phys_t nvme_queue_completions(const struct nvme_queue *queue)
{
	return phys(queue->lists_at.addr - completions_bytes(queue->pair.entries));
}

/*
 * PRPs where the command itself has room for them. Beyond that an SGL is shorter, or takes what
 * PRPs cannot name, wherever the controller has them. Returns the command's flags.
 */
static inline uint8_t point_to_data(const struct nvme_queue *queue, unsigned id,
				    const struct block_request *request, union nvme_data *data)
{
	size_t at = id * queue->list_bytes;
	const struct segment *first = &request->segments[0];

	if (request->nr_segments == 1 &&
	    first->start.addr % PAGE_SIZE + first->length <= 2 * PAGE_SIZE) {
		uint64_t next = align_down(first->start.addr, PAGE_SIZE) + PAGE_SIZE;

		data->prp1 = first->start.addr;
		data->prp2 = next < first->start.addr + first->length ? next : 0;
		return 0;
	}
	if (queue->sgl) {
		nvme_sgl_build(request->segments, request->nr_segments,
			       (struct nvme_sgl_descriptor *)(queue->lists + at),
			       phys_add(queue->lists_at, at), data);
		return NVME_COMMAND_SGL;
	}
	nvme_prp_build(request->segments, request->nr_segments, (uint64_t *)(queue->lists + at),
		       phys_add(queue->lists_at, at), data);
	return 0;
}

static uint8_t opcode_of(enum block_operation operation)
{
	return operation == BLOCK_READ ? NVME_READ : NVME_WRITE;
}

int nvme_queue_submit(struct nvme_queue *queue, const struct nvme_target *target,
		      struct block_request *request)
{
	struct nvme_command *command = nvme_pair_next(&queue->pair);
	unsigned id;

	if (queue->nr_free == 0)
		return -EAGAIN;
	id = queue->free[--queue->nr_free];
	queue->requests[id] = request;
	command->id = (uint16_t)id;
	command->nsid = target->nsid;
	if (likely(request->operation != BLOCK_FLUSH)) {
		uint64_t block = request->sector >> target->sector_shift;
		size_t blocks = request->bytes / SECTOR_SIZE >> target->sector_shift;
		bool fua = request->flags & BLOCK_FUA;

		command->opcode = opcode_of(request->operation);
		command->flags = point_to_data(queue, id, request, &command->data);
		command->dword10 = (uint32_t)block;
		command->dword11 = (uint32_t)(block >> 32);
		command->dword12 = (uint32_t)(blocks - 1) | (fua ? NVME_FUA : 0);
	} else {
		command->opcode = NVME_FLUSH;
		command->flags = 0;
		command->data.prp1 = 0;
		command->data.prp2 = 0;
		command->dword10 = 0;
		command->dword11 = 0;
		command->dword12 = 0;
	}
	nvme_pair_submit(&queue->pair);
	return -EINPROGRESS;
}

int nvme_queue_poll(struct nvme_queue *queue)
{
	struct nvme_pair *pair = &queue->pair;
	uint64_t word;
	int nr = 0;

	/* Completed requests may be followed by others at once, so that there must be an end. */
	while (nr < pair->entries && nvme_pair_peek(pair, &word)) {
		unsigned id = nvme_completion_id(word);
		unsigned status = nvme_completion_status(word);
		struct block_request *request;

		if (!nvme_pair_owns(pair, word) || id >= pair->entries || !queue->requests[id])
			return -EPROTO;
		request = queue->requests[id];
		queue->requests[id] = NULL;
		queue->free[queue->nr_free++] = (uint8_t)id;
		nvme_pair_advance(pair);
		nr++;
		block_complete(request, likely(!status) ? 0 : queue->failed(request, status));
	}
	if (nr)
		nvme_pair_acknowledge(pair);
	return nr;
}

void nvme_queue_fail(struct nvme_queue *queue, int why)
{
	for (unsigned id = 0; id < queue->pair.entries - 1u; id++) {
		struct block_request *request = queue->requests[id];

		if (!request)
			continue;
		queue->requests[id] = NULL;
		queue->free[queue->nr_free++] = (uint8_t)id;
		block_complete(request, why);
	}
}
