/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame allocator: no frame lost, none handed out twice, in every kind of memory. */
#include <errno.h>

#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "mm/page_map.h"
#include "tests/harness/frame_chain.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

static bool have(enum memory_kind kind)
{
	return next_region(NULL, kind) != NULL;
}

/* What is handed out is aligned to its size, of the kind asked for, and marked allocated. */
TEST(alloc, gives_what_was_asked_for)
{
	static const size_t sizes[] = {PAGE_SIZE, AREA_SIZE};

	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		for (size_t i = 0; have((enum memory_kind)kind) && i < ARRAY_SIZE(sizes); i++) {
			pfn_t frame;

			require(frame_alloc((enum memory_kind)kind, NODE_ANY, sizes[i], &frame) ==
				0);
			expect_eq(pfn_to_phys(frame).addr % sizes[i], 0);
			expect_eq(pfn_to_region(frame)->kind, kind);
			expect_eq(page_size(pfn_to_page(frame)), sizes[i]);
			expect(test_look(frame).allocated);
			expect_eq(frame_free(frame, sizes[i]), 0);
			frame_alloc_flush();
			expect(!test_look(frame).allocated);
		}
	}
}

/* There are two sizes and no others. */
TEST(alloc, other_sizes_are_refused)
{
	static const size_t sizes[] = {0, 1, PAGE_SIZE - 1, 2 * PAGE_SIZE, 2 * AREA_SIZE};
	pfn_t frame;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, sizes[i], &frame), -EINVAL);
		expect_eq(frame_free(next_region(NULL, MEMORY_DRAM)->start, sizes[i]), -EINVAL);
	}
}

/* Giving back what was not handed out is refused and changes nothing. */
TEST(alloc, wrong_frees_are_refused)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	pfn_t frame;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
	expect_eq(frame_free(pfn_add(area, 1), AREA_SIZE), -EINVAL);
	expect_eq(frame_free(frame, AREA_SIZE), frame.n % PAGES_PER_AREA ? -EINVAL : -EBUSY);
	expect_eq(frame_free(frame, PAGE_SIZE), 0);
	expect_eq(frame_free(frame, PAGE_SIZE), -EINVAL);
	expect_eq(frame_free(pfn(0), PAGE_SIZE), -EINVAL);
	expect_eq(frame_free(pfn(PFN_LIMIT), PAGE_SIZE), -EINVAL);
}

/* A page that is pinned or poisoned is not handed out. */
TEST(alloc, leaves_pinned_and_poisoned_pages_alone)
{
	struct page *page;
	pfn_t first, second;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &first) == 0);
	require(frame_free(first, AREA_SIZE) == 0);
	page = page_pin(first);
	require(page != NULL);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &second), 0);
	expect(!pfn_eq(first, second));
	page_unpin(page);
	require(frame_free(second, AREA_SIZE) == 0);

	require(page_poison(first) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &second), 0);
	expect(!pfn_eq(first, second));
	require(frame_free(second, AREA_SIZE) == 0);
	require(page_unpoison(first) == 0);
	require(page_collapse(first) == 0);
}

/* What the allocator splits and collapses by itself is free memory only. */
TEST(alloc, leaves_areas_in_use_as_they_are)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	expect_eq(page_split_free(area), -EBUSY);
	require(page_split(area) == 0);
	expect_eq(page_collapse_free(area), -EBUSY);
	expect_eq(page_collapse(area), 0);
}

/* A poisoned frame that is given back stays out of use. */
TEST(alloc, poison_outlives_a_free)
{
	uint64_t before = frames_free(MEMORY_DRAM);
	struct page_info info;
	pfn_t frame;
	int error;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
	require(page_poison(frame) == 0);
	expect_eq(frame_free(frame, PAGE_SIZE), 0);
	require(page_look(frame, &info) == 0);
	expect(info.poisoned && !info.allocated);
	expect_eq(frames_free(MEMORY_DRAM), before - 1);
	require(page_unpoison(frame) == 0);
	expect_eq(frames_free(MEMORY_DRAM), before);
	/* The free came while the area could not collapse. */
	error = page_collapse(frame);
	expect(error == 0 || error == -EINVAL || error == -EBUSY);
}

/* While one node has memory, a request for it is served there. */
TEST(alloc, prefers_the_node_asked_for)
{
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		const struct region *region = NULL;

		while ((region = next_region(region, (enum memory_kind)kind))) {
			pfn_t frame;

			require(frame_alloc(region->kind, region->node, PAGE_SIZE, &frame) == 0);
			expect_eq(pfn_to_region(frame)->node, region->node);
			require(frame_free(frame, PAGE_SIZE) == 0);
		}
	}
}

/* All DRAM can be had, each frame once; afterwards it is an ordinary -ENOMEM; all comes back. */
TEST(alloc, all_memory_can_be_had)
{
	struct frame_chain chain = {.length = 0};
	pfn_t frame;

	frame_chain_take_all(&chain, AREA_SIZE);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &frame), -ENOMEM);
	frame_chain_take_all(&chain, PAGE_SIZE);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame), -ENOMEM);
	expect_eq(frames_free(MEMORY_DRAM), 0);
	note("%llu runs taken", (unsigned long long)chain.length);
	frame_chain_free(&chain);
}

/* With every frame handed out, a frame that comes back is found, and none is made into 2 MiB. */
TEST(alloc, the_only_free_frame_is_found)
{
	struct frame_chain chain = {.length = 0};
	struct page_info info;
	pfn_t frame, again;

	frame_chain_take_all(&chain, PAGE_SIZE);
	frame = frame_chain_pop(&chain);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &again), -ENOMEM);
	expect(page_look(frame, &info) == 0 && info.size == PAGE_SIZE);
	require(frame_free(frame, PAGE_SIZE) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &again), -ENOMEM);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again), 0);
	expect(pfn_eq(again, frame));
	frame_chain_push(&chain, frame, PAGE_SIZE);
	frame_chain_free(&chain);
}

/* With everything else handed out, a free frame that was bad is found when it is healed. */
TEST(alloc, healed_frame_is_found)
{
	struct frame_chain chain = {.length = 0};
	pfn_t frame, again;

	frame_chain_take_all(&chain, PAGE_SIZE);
	frame = frame_chain_pop(&chain);
	require(frame_free(frame, PAGE_SIZE) == 0);
	frame_alloc_flush();
	require(page_poison(frame) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again), -ENOMEM);
	require(page_unpoison(frame) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again), 0);
	expect(pfn_eq(again, frame));
	frame_chain_push(&chain, frame, PAGE_SIZE);
	frame_chain_free(&chain);
}

/* With everything else handed out, what is not bad of an area that was pinned in whole is found. */
TEST(alloc, rest_of_a_poisoned_area_is_found)
{
	struct frame_chain chain = {.length = 0};
	pfn_t area, frame;
	struct page *page;

	frame_chain_take_all(&chain, AREA_SIZE);
	require(chain.length > 0);
	area = frame_chain_pop(&chain);
	frame_chain_take_all(&chain, PAGE_SIZE);
	require(frame_free(area, AREA_SIZE) == 0);
	frame_alloc_flush();
	page = test_pin(area);
	require(page_size(page) == AREA_SIZE && page_poison(area) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &frame), -ENOMEM);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame), -ENOMEM);
	page_unpin(page);
	for (size_t i = 1; i < PAGES_PER_AREA; i++) {
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
		expect(pfn_eq(pfn_area(frame), area) && !pfn_eq(frame, area));
		frame_chain_push(&chain, frame, PAGE_SIZE);
	}
	frame_chain_free(&chain);
	frame_alloc_flush();
	require(page_unpoison(area) == 0);
	require(page_collapse(area) == 0);
}

/* 2 MiB areas broken up for frames are whole again when the frames are free, in any order. */
TEST(alloc, areas_become_whole_again)
{
	enum { FRAMES = 2000 };
	static pfn_t frames[FRAMES];
	struct page_map_usage before, after;

	page_map_usage(&before);
	for (size_t i = 0; i < FRAMES; i++)
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[i]) == 0);
	for (size_t left = FRAMES; left > 0; left--) {
		size_t pick = test_random_below(left);

		require(frame_free(frames[pick], PAGE_SIZE) == 0);
		frames[pick] = frames[left - 1];
	}
	frame_alloc_flush();
	page_map_usage(&after);
	expect_eq(after.areas_split, before.areas_split);
}

static uint64_t *first_word(pfn_t frame)
{
	return test_virt(frame, 0);
}

/* Random requests against a model: sizes, frees, and at the end nothing is missing. */
TEST(alloc, random_requests_match_a_model)
{
	enum { SLOTS = 128 };
	static struct {
		pfn_t frame;
		size_t size;
	} slots[SLOTS];
	uint64_t before = frames_free(MEMORY_DRAM), taken = 0;

	for (unsigned step = 0; step < 20000; step++) {
		size_t i = test_random_below(SLOTS);

		if (slots[i].size) {
			expect_eq(*first_word(slots[i].frame), slots[i].frame.n);
			require(frame_free(slots[i].frame, slots[i].size) == 0);
			taken -= slots[i].size >> PAGE_SHIFT;
			slots[i].size = 0;
			continue;
		}
		slots[i].size = test_random_below(16) ? PAGE_SIZE : AREA_SIZE;
		if (frame_alloc(MEMORY_DRAM, NODE_ANY, slots[i].size, &slots[i].frame)) {
			slots[i].size = 0;
			continue;
		}
		taken += slots[i].size >> PAGE_SHIFT;
		*first_word(slots[i].frame) = slots[i].frame.n;
		if (step % 1000 == 0)
			expect(frames_free(MEMORY_DRAM) <= before - taken);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].size)
			require(frame_free(slots[i].frame, slots[i].size) == 0);
		slots[i].size = 0;
	}
}

/* An area can be had of the region that is asked for, and of no other, while it has one. */
TEST(alloc, area_of_a_region)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		uint64_t most = region_frames(&regions[i]) / PAGES_PER_AREA;
		pfn_t areas[4];
		size_t taken = 0;

		while (taken < ARRAY_SIZE(areas) &&
		       frame_alloc_area_in(&regions[i], &areas[taken]) == 0) {
			expect(region_holds(&regions[i], areas[taken]));
			expect_eq(areas[taken].n % PAGES_PER_AREA, 0);
			taken++;
		}
		expect(taken > 0 || most <= 1);
		for (size_t j = 0; j < taken; j++)
			expect_eq(frame_free(areas[j], AREA_SIZE), 0);
	}
}
