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

void nvme_target_set(struct nvme_target *target, uint32_t nsid, unsigned block_shift)
{
	target->nsid = nsid;
	target->block_shift = block_shift;
	target->sector_shift = block_shift - 9;
	target->start[BLOCK_READ] = nvme_command_start(NVME_READ, 0, 0, nsid);
	target->start[BLOCK_WRITE] = nvme_command_start(NVME_WRITE, 0, 0, nsid);
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

/* A read or write of up to two pages. */
static inline bool is_usual(const struct block_request *request)
{
	return likely(request->command <= BLOCK_WRITE && request->nr_segments == 1 &&
		      reach(request) <= 2 * PAGE_SIZE);
}

static inline void fill_usual(struct nvme_command *command, const struct nvme_target *target,
			      const struct block_request *request, unsigned id)
{
	fill(command, target, request, id);
	fill_data(command, request);
}

/* What changes stays in registers meanwhile. */
static __attribute__((noinline)) struct block_request *start_list(struct nvme_queue *queue,
								  const struct nvme_target *target,
								  struct block_request *request)
{
	struct nvme_pair pair = queue->pair;
	unsigned told = pair.tail;
	unsigned nr_free = queue->nr_free;

	for (; request && is_usual(request) && nr_free != 0; request = request->next) {
		unsigned id = queue->free[--nr_free];

		queue->requests[id] = request;
		fill_usual(nvme_pair_next(&pair), target, request, id);
		nvme_pair_push(&pair);
	}
	queue->nr_free = nr_free;
	queue->pair.tail = pair.tail;
	if (unlikely(request))
		return start_any(queue, target, request, told);
	nvme_pair_ring(&pair);
	return NULL;
}

struct block_request *nvme_queue_start(struct block_device *device, struct block_queue *block,
				       struct block_request *request)
{
	const struct nvme_target *target = (struct nvme_target *)device;
	struct nvme_queue *queue = (struct nvme_queue *)block;

	if (unlikely(!atomic_load_explicit(target->working, memory_order_relaxed) ||
		     atomic_load_explicit(&target->gone, memory_order_relaxed))) {
		block_complete_all(block, request, -ENODEV);
		return NULL;
	}
	if (request->next)
		return start_list(queue, target, request);
	if (!is_usual(request) || unlikely(queue->nr_free == 0))
		return start_any(queue, target, request, queue->pair.tail);
	fill_usual(nvme_pair_next(&queue->pair), target, request, take_id(queue, request));
	nvme_pair_push(&queue->pair);
	nvme_pair_ring(&queue->pair);
	return NULL;
}

/* --- Completions. --- */

/*
 * Whether a completion's word has an identifier and a place that can be, and no other bit: the rest
 * is as expected, for a bit above either number makes it too large.
 */
static inline bool is_good(const struct nvme_pair *pair, uint64_t word)
{
	return likely(word >> NVME_COMPLETION_ID_SHIFT < pair->entries &&
		      (uint32_t)word < pair->entries);
}

/* Takes the request out that is in flight by this identifier. NULL: there is none. */
static inline struct block_request *take_out(struct nvme_queue *queue, uint64_t id)
{
	struct block_request *request = queue->requests[id];

	queue->requests[id] = NULL;
	return request;
}

/* Goes on after `nr` completions, with one that is not good. */
static __attribute__((noinline)) int poll_any(struct nvme_queue *queue, int nr)
{
	struct nvme_pair *pair = &queue->pair;
	uint64_t word;

	for (; nvme_pair_peek(pair, &word); nr++) {
		unsigned id = nvme_completion_id(word);
		unsigned status = nvme_completion_status(word);
		struct block_request *request = NULL;

		if (nvme_pair_owns(pair, word) && id < pair->entries)
			request = take_out(queue, id);
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
 * As many as there are after the first. What changes stays in registers meanwhile. They end, for no
 * more can be over than was in flight.
 */
static __attribute__((noinline)) int poll_list(struct nvme_queue *queue)
{
	struct nvme_pair pair = queue->pair;
	unsigned nr_free = queue->nr_free;
	int nr = 1;
	uint64_t word;

	for (; is_good(&pair, word = nvme_pair_look(&pair)); nr++) {
		uint64_t id = word >> NVME_COMPLETION_ID_SHIFT;
		struct block_request *request = take_out(queue, id);

		if (unlikely(!request))
			return -EPROTO;
		queue->free[nr_free++] = (uint8_t)id;
		nvme_pair_advance(&pair);
		block_complete(&queue->block, request, 0);
	}
	queue->nr_free = nr_free;
	queue->pair.head = pair.head;
	queue->pair.expected = pair.expected;
	if (unlikely(!(word & NVME_COMPLETION_PHASE)))
		return poll_any(queue, nr);
	nvme_pair_acknowledge(&pair);
	return nr;
}

int nvme_queue_poll(struct block_device *device, struct block_queue *block)
{
	struct nvme_queue *queue = (struct nvme_queue *)block;
	struct nvme_pair *pair = &queue->pair;
	uint64_t word = nvme_pair_look(pair);
	uint64_t id = word >> NVME_COMPLETION_ID_SHIFT;
	struct block_request *request;

	(void)device;
	if (!is_good(pair, word))
		return word & NVME_COMPLETION_PHASE ? 0 : poll_any(queue, 0);
	request = take_out(queue, id);
	if (unlikely(!request))
		return -EPROTO;
	queue->free[queue->nr_free++] = (uint8_t)id;
	nvme_pair_advance(pair);
	block_complete(block, request, 0);
	if (block->in_flight > 0)
		return poll_list(queue);
	nvme_pair_acknowledge(pair);
	return 1;
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
