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
	for (unsigned id = pair->entries - 1; id-- > 0;)
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

/* Takes an identifier for the request; there is a free one. */
static inline unsigned take_id(struct nvme_queue *queue, struct block_request *request)
{
	unsigned id = queue->free[--queue->nr_free];

	queue->requests[id] = request;
	return id;
}

/* Fills in what reads and writes have but for the data, and hands the command over. */
static inline int submit_data(struct nvme_queue *queue, const struct nvme_target *target,
			      const struct block_request *request, struct nvme_command *command,
			      unsigned id, unsigned flags)
{
	unsigned opcode = request->operation == BLOCK_READ ? NVME_READ : NVME_WRITE;
	bool fua = request->flags & BLOCK_FUA;

	command->start = nvme_command_start(opcode, flags, id, target->nsid);
	command->block = request->sector >> target->sector_shift;
	command->dword12 =
		(uint32_t)((request->bytes >> target->block_shift) - 1) | (fua ? NVME_FUA : 0);
	nvme_pair_submit(&queue->pair);
	return -EINPROGRESS;
}

/* Out of line, as the next: what is usual saves no registers for them. */
static __attribute__((noinline)) int submit_flush(struct nvme_queue *queue,
						  const struct nvme_target *target,
						  struct block_request *request)
{
	struct nvme_command *command = nvme_pair_next(&queue->pair);
	unsigned id = take_id(queue, request);

	*command = (struct nvme_command){
		.start = nvme_command_start(NVME_FLUSH, 0, id, target->nsid),
	};
	nvme_pair_submit(&queue->pair);
	return -EINPROGRESS;
}

/*
 * With an SGL where the controller takes one, for it is shorter, or names what PRPs cannot; else
 * with a list of PRPs.
 */
static __attribute__((noinline)) int submit_list(struct nvme_queue *queue,
						 const struct nvme_target *target,
						 struct block_request *request)
{
	struct nvme_command *command = nvme_pair_next(&queue->pair);
	unsigned id = take_id(queue, request);
	size_t offset = id * queue->list_bytes;
	void *list = queue->lists + offset;
	phys_t at = phys_add(queue->lists_at, offset);

	if (queue->sgl) {
		nvme_sgl_build(request->segments, request->nr_segments, list, at, &command->data);
		return submit_data(queue, target, request, command, id, NVME_COMMAND_SGL);
	}
	nvme_prp_build(request->segments, request->nr_segments, list, at, &command->data);
	return submit_data(queue, target, request, command, id, 0);
}

int nvme_queue_submit(struct nvme_queue *queue, const struct nvme_target *target,
		      struct block_request *request)
{
	struct nvme_command *command = nvme_pair_next(&queue->pair);
	uint64_t start, end, second;

	if (unlikely(queue->nr_free == 0))
		return -EAGAIN;
	if (unlikely(request->operation == BLOCK_FLUSH))
		return submit_flush(queue, target, request);
	start = request->segments[0].start.addr;
	end = start + request->segments[0].length;
	second = align_down(start, PAGE_SIZE) + PAGE_SIZE;
	if (request->nr_segments > 1 || end > second + PAGE_SIZE)
		return submit_list(queue, target, request);
	/* The command itself has room for two pages. */
	command->data.prp1 = start;
	command->data.prp2 = second < end ? second : 0;
	return submit_data(queue, target, request, command, take_id(queue, request), 0);
}

int nvme_queue_poll(struct nvme_queue *queue)
{
	struct nvme_pair *pair = &queue->pair;
	uint64_t word;
	unsigned nr = 0;

	/* Completed requests may be followed by others at once, so that there must be an end. */
	while (nr < pair->entries && nvme_pair_peek(pair, &word)) {
		unsigned id = nvme_completion_id(word);
		unsigned status = nvme_completion_status(word);
		struct block_request *request;

		if (unlikely(!nvme_pair_owns(pair, word) || id >= pair->entries))
			return -EPROTO;
		request = queue->requests[id];
		if (unlikely(!request))
			return -EPROTO;
		queue->requests[id] = NULL;
		queue->free[queue->nr_free++] = (uint8_t)id;
		nvme_pair_advance(pair);
		nr++;
		block_complete(request, likely(!status) ? 0 : queue->failed(request, status));
	}
	if (nr)
		nvme_pair_acknowledge(pair);
	return (int)nr;
}

void nvme_queue_fail(struct nvme_queue *queue, int why)
{
	for (unsigned id = 0; id < queue->pair.entries - 1; id++) {
		struct block_request *request = queue->requests[id];

		if (!request)
			continue;
		queue->requests[id] = NULL;
		queue->free[queue->nr_free++] = (uint8_t)id;
		block_complete(request, why);
	}
}
