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

void nvme_target_init(struct nvme_target *target, uint32_t nsid, unsigned block_shift)
{
	*target = (struct nvme_target){
		.nsid = nsid,
		.block_shift = block_shift,
		.sector_shift = block_shift - 9,
		.start = {[BLOCK_READ] = nvme_command_start(NVME_READ, 0, 0, nsid),
			  [BLOCK_WRITE] = nvme_command_start(NVME_WRITE, 0, 0, nsid)},
	};
}

/* --- Requests become commands. --- */

/* Fills in what reads and writes have but for the data. */
static inline void fill(struct nvme_command *command, const struct nvme_target *target,
			const struct block_request *request, unsigned id)
{
	command->start = target->start[request->operation] | id << 16;
	command->block = request->sector >> target->sector_shift;
	command->dword12 = (uint32_t)(request->bytes >> target->block_shift) - 1;
}

/*
 * More data than the command has room for goes into an SGL where the controller takes one, for it
 * is shorter, or names what PRPs cannot; else into a list of PRPs.
 */
static void fill_list(struct nvme_queue *queue, struct nvme_command *command,
		      const struct block_request *request, unsigned id)
{
	size_t offset = id * queue->list_bytes;
	void *list = queue->lists + offset;
	phys_t at = phys_add(queue->lists_at, offset);

	if (queue->sgl) {
		nvme_sgl_build(request->segments, request->nr_segments, list, at, &command->data);
		command->flags |= NVME_COMMAND_SGL;
	} else {
		nvme_prp_build(request->segments, request->nr_segments, list, at, &command->data);
	}
}

/* Bytes from the start of the first page to the end of the first segment. */
static inline uint64_t reach(const struct block_request *request)
{
	return request->segments[0].start.addr % PAGE_SIZE + request->segments[0].length;
}

/* The command itself has room for two pages. */
static inline void fill_data(struct nvme_command *command, const struct block_request *request)
{
	uint64_t start = request->segments[0].start.addr;

	command->data.prp1 = start;
	command->data.prp2 = 0;
	if (unlikely(reach(request) > PAGE_SIZE))
		command->data.prp2 = align_down(start, PAGE_SIZE) + PAGE_SIZE;
}

static void fill_any(struct nvme_queue *queue, struct nvme_command *command,
		     const struct nvme_target *target, const struct block_request *request,
		     unsigned id)
{
	if (request->operation == BLOCK_FLUSH) {
		*command = (struct nvme_command){
			.start = nvme_command_start(NVME_FLUSH, 0, id, target->nsid),
		};
		return;
	}
	fill(command, target, request, id);
	if (request->flags & BLOCK_FUA)
		command->dword12 |= NVME_FUA;
	if (request->nr_segments == 1 && reach(request) <= 2 * PAGE_SIZE)
		fill_data(command, request);
	else
		fill_list(queue, command, request, id);
}

/* Takes an identifier for the request; there is a free one. */
static inline unsigned take_id(struct nvme_queue *queue, struct block_request *request)
{
	unsigned id = queue->free[--queue->nr_free];

	queue->requests[id] = request;
	return id;
}

/* The controller was told of the commands before `told`. */
static __attribute__((noinline)) struct block_request *start_any(struct nvme_queue *queue,
								 const struct nvme_target *target,
								 struct block_request *request,
								 unsigned told)
{
	struct block_request *next;

	for (; request; request = next) {
		next = request->next;
		/* Without a volatile cache, what was written is durable (NVMe 1.4, 6.8). */
		if (request->operation == BLOCK_FLUSH && !queue->write_cache) {
			block_complete(&queue->block, request, 0);
			continue;
		}
		if (queue->nr_free == 0)
			break;
		fill_any(queue, nvme_pair_next(&queue->pair), target, request,
			 take_id(queue, request));
		nvme_pair_push(&queue->pair);
	}
	if (queue->pair.tail != told) /* to say the same again is an error: 5.2 */
		nvme_pair_ring(&queue->pair);
	return request;
}

/*
 * Here only what is usual, which takes no call and so saves no registers, and for which the ends of
 * the ring and of the stack of identifiers stay in registers.
 */
struct block_request *nvme_queue_start(struct nvme_queue *queue, const struct nvme_target *target,
				       struct block_request *request)
{
	struct nvme_pair pair = queue->pair;
	unsigned told = pair.tail;
	unsigned nr_free = queue->nr_free;

	do {
		unsigned id;

		if (unlikely(request->command > BLOCK_WRITE || request->nr_segments != 1 ||
			     reach(request) > 2 * PAGE_SIZE || nr_free == 0))
			break;
		id = queue->free[--nr_free];
		queue->requests[id] = request;
		fill(nvme_pair_next(&pair), target, request, id);
		fill_data(nvme_pair_next(&pair), request);
		nvme_pair_push(&pair);
		request = request->next;
	} while (request);
	queue->nr_free = nr_free;
	queue->pair.tail = pair.tail;
	if (unlikely(request))
		return start_any(queue, target, request, told);
	nvme_pair_ring(&pair);
	return NULL;
}

/* --- Completions. --- */

/* Takes the request out that is in flight by this identifier. NULL: there is none. */
static inline struct block_request *take_out(struct nvme_queue *queue, uint64_t id)
{
	struct block_request *request;

	if (unlikely(id >= queue->pair.entries))
		return NULL;
	request = queue->requests[id];
	queue->requests[id] = NULL;
	return request;
}

/* There is a completion that is not as usual; `nr` were taken. */
static __attribute__((noinline)) int poll_any(struct nvme_queue *queue, int nr)
{
	struct nvme_pair *pair = &queue->pair;
	uint64_t word;

	for (; nvme_pair_peek(pair, &word); nr++) {
		unsigned id = nvme_completion_id(word);
		unsigned status = nvme_completion_status(word);
		struct block_request *request =
			nvme_pair_owns(pair, word) ? take_out(queue, id) : NULL;

		if (!request)
			return -EPROTO;
		queue->free[queue->nr_free++] = (uint8_t)id;
		nvme_pair_advance(pair);
		block_complete(&queue->block, request, status ? queue->failed(request, status) : 0);
	}
	nvme_pair_acknowledge(pair);
	return nr;
}

/*
 * As usual, an identifier and how far commands were taken are all there is in a word, for the rest
 * is as expected. There is an end, for no more can be over than was in flight.
 */
int nvme_queue_poll(struct nvme_queue *queue)
{
	struct nvme_pair pair = queue->pair;
	unsigned nr_free = queue->nr_free;
	int nr = 0;
	uint64_t word;

	while (!((word = nvme_pair_look(&pair)) & ~NVME_COMPLETION_USUAL)) {
		uint64_t id = word >> NVME_COMPLETION_ID_SHIFT;
		struct block_request *request =
			likely((uint32_t)word < pair.entries) ? take_out(queue, id) : NULL;

		if (unlikely(!request))
			return -EPROTO;
		queue->free[nr_free++] = (uint8_t)id;
		nvme_pair_advance(&pair);
		block_complete(&queue->block, request, 0);
		nr++;
	}
	queue->nr_free = nr_free;
	queue->pair.head = pair.head;
	queue->pair.expected = pair.expected;
	if (unlikely(!(word & NVME_COMPLETION_PHASE)))
		return poll_any(queue, nr);
	if (likely(nr))
		nvme_pair_acknowledge(&pair);
	return nr;
}

void nvme_queue_fail(struct nvme_queue *queue, int why)
{
	for (unsigned id = 0; id < queue->pair.entries - 1; id++) {
		struct block_request *request = queue->requests[id];

		if (!request)
			continue;
		queue->requests[id] = NULL;
		queue->free[queue->nr_free++] = (uint8_t)id;
		block_complete(&queue->block, request, why);
	}
}
