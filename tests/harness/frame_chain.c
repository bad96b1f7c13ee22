/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/frame_chain.h"

#include "mm/frame_alloc.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

enum { RUNS_PER_STEP = 1024 };

struct link {
	uint64_t self;
	pfn_t next;
	size_t size;
};

static struct link *link_of(pfn_t frame)
{
	return test_virt(frame, 0);
}

void frame_chain_push(struct frame_chain *chain, pfn_t frame, size_t size)
{
	*link_of(frame) = (struct link){.self = frame.n, .next = chain->head, .size = size};
	chain->head = frame;
	if (++chain->length % RUNS_PER_STEP == 0)
		progress(chain->length, chain->room, "run");
}

pfn_t frame_chain_pop(struct frame_chain *chain)
{
	pfn_t frame = chain->head;
	const struct link *link = link_of(frame);

	if (link->self != frame.n)
		fail("frame %#llx was overwritten through frame %#llx", (unsigned long long)frame.n,
		     (unsigned long long)link->self);
	chain->head = link->next;
	chain->length--;
	return frame;
}

void frame_chain_take_all(struct frame_chain *chain, size_t size)
{
	pfn_t frame;

	chain->room = chain->length + frames_free(MEMORY_DRAM) / (size / PAGE_SIZE);
	while (frame_alloc(MEMORY_DRAM, NODE_ANY, size, &frame) == 0)
		frame_chain_push(chain, frame, size);
}

void frame_chain_free(struct frame_chain *chain)
{
	while (chain->length > 0) {
		size_t size = link_of(chain->head)->size;

		require(frame_free(frame_chain_pop(chain), size) == 0);
		if (chain->length % RUNS_PER_STEP == 0)
			progress(chain->room - chain->length, chain->room, "run");
	}
}
