/* SPDX-License-Identifier: BSD-2-Clause */
/* What a CPU keeps at hand of the memory that it gives back: kept, handed out, given back again. */
#include <errno.h>

#include "mm/barrier.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/row_cache.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

enum { ROWS_PER_AREA = PAGES_PER_AREA / PAGES_PER_ROW };

static struct page_info look(pfn_t frame)
{
	struct page_info info;

	require(page_look(frame, &info) == 0);
	return info;
}

/* A frame whose row is not at hand; nothing is. */
static pfn_t take_frame(void)
{
	pfn_t frame;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
	frame_alloc_flush();
	require(frame_alloc_pins() == 0);
	return frame;
}

/* A frame that comes back is at hand, whatever its row, and the next to be had. */
TEST(at_hand, free_begins_a_row)
{
	pfn_t frame = take_frame(), again;

	require(frame_free(frame, PAGE_SIZE) == 0);
	expect_eq(frame_alloc_pins(), 1);
	expect(look(frame).allocated && look(frame).pins == 1);
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again) == 0);
	expect(pfn_eq(again, frame));
	expect_eq(frame_alloc_pins(), 0);
	expect_eq(look(frame).pins, 0);
	require(frame_free(frame, PAGE_SIZE) == 0);
}

/* What comes back to a row is as good as new: it has no owner, and is clean. */
TEST(at_hand, free_takes_the_owner_away)
{
	pfn_t frame = take_frame(), again;
	struct page *page = page_pin(frame);

	require(page != NULL);
	page_set_owner(page, 0xdeadbeef);
	page_mark_dirty(page);
	page_unpin(page);
	require(frame_free(frame, PAGE_SIZE) == 0);
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again) == 0);
	expect(pfn_eq(again, frame));
	expect(look(again).owner == 0 && !look(again).dirty);
	require(frame_free(again, PAGE_SIZE) == 0);
}

/* Giving back twice is refused, whether the frame is an anchor, in a row, or with its zone. */
TEST(at_hand, second_free_is_refused)
{
	pfn_t frames[3];

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[i]) == 0);
	frame_alloc_flush();
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		require(frame_free(frames[i], PAGE_SIZE) == 0);
		expect_eq(frame_free(frames[i], PAGE_SIZE), -EINVAL);
		expect_eq(frame_free(frames[0], PAGE_SIZE), -EINVAL);
	}
	frame_alloc_flush();
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		expect_eq(frame_free(frames[i], PAGE_SIZE), -EINVAL);
}

/* The same of an area. */
TEST(at_hand, second_free_of_an_area_is_refused)
{
	pfn_t area, again;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	expect_eq(frame_free(area, AREA_SIZE), -EINVAL);
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &again) == 0);
	expect(pfn_eq(again, area));
	require(frame_free(area, AREA_SIZE) == 0);
	frame_alloc_flush();
	expect_eq(frame_free(area, AREA_SIZE), -EINVAL);
}

/* A page that somebody holds stays its user's; no row begins with it. */
TEST(at_hand, held_page_begins_no_row)
{
	pfn_t frame = take_frame();
	struct page *page = page_pin(frame);

	require(page != NULL);
	expect_eq(frame_free(frame, PAGE_SIZE), -EBUSY);
	expect_eq(frame_alloc_pins(), 0);
	expect(look(frame).allocated && look(frame).pins == 1);
	page_unpin(page);
	require(frame_free(frame, PAGE_SIZE) == 0);
}

/* A poisoned page is not kept at hand: it goes out of use when it comes back. */
TEST(at_hand, poisoned_page_begins_no_row)
{
	pfn_t frame = take_frame();

	require(page_poison(frame) == 0);
	expect_eq(frame_free(frame, PAGE_SIZE), 0);
	expect_eq(frame_alloc_pins(), 0);
	expect(look(frame).poisoned && !look(frame).allocated);
	require(page_unpoison(frame) == 0);
	/* A ragged area stays split. */
	expect(page_collapse(frame) == 0 || page_collapse(frame) == -EINVAL);
}

/* --- Many rows --- */

/* Split areas of DRAM with more rows than are kept at hand. */
static struct {
	pfn_t areas[2 * ROW_SLOTS_MAX / ROWS_PER_AREA];
	size_t nr_rows;
} many;

static void take_many(void)
{
	uint64_t enough = frames_free(MEMORY_DRAM) / PAGES_PER_AREA / 4;
	size_t nr = 0;

	for (; nr < ARRAY_SIZE(many.areas) && nr < enough; nr++) {
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &many.areas[nr]) == 0);
		require(page_split(many.areas[nr]) == 0);
	}
	many.nr_rows = nr * ROWS_PER_AREA;
}

static pfn_t frame_of_row(size_t row, size_t i)
{
	return pfn_add(many.areas[row / ROWS_PER_AREA], row % ROWS_PER_AREA * PAGES_PER_ROW + i);
}

static void free_of_each_row(size_t i)
{
	for (size_t row = 0; row < many.nr_rows; row++)
		expect_eq(frame_free(frame_of_row(row, i), PAGE_SIZE), 0);
}

static void free_rest_of_each_row(size_t first)
{
	for (size_t i = first; i < PAGES_PER_ROW; i++)
		free_of_each_row(i);
}

/* 1/32 of the memory, but an area; mm/frame_alloc.h */
static uint64_t rows_at_hand_max(void)
{
	uint64_t frames = 0;
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++)
		frames += pfn_distance(regions[i].start, regions[i].end);
	frames /= 32 * PAGES_PER_ROW;
	return frames < ROWS_PER_AREA   ? ROWS_PER_AREA
	       : frames > ROW_SLOTS_MAX ? ROW_SLOTS_MAX
					: frames;
}

/* Nothing but what tests have changes it: free DRAM may become tables. */
static uint64_t free_or_tables(void)
{
	struct page_map_usage usage;

	page_map_usage(&usage);
	return frames_free(MEMORY_DRAM) + (usage.spare_table_bytes + usage.table_bytes) / PAGE_SIZE;
}

/* A CPU keeps no more than it may: a row gives way to another, and its frames are free then. */
TEST(at_hand, row_gives_way_to_another)
{
	uint64_t before = free_or_tables();
	uint64_t allocated = 0;

	take_many();
	frame_alloc_flush();
	free_of_each_row(0);
	expect(frame_alloc_pins() > 0 && frame_alloc_pins() <= rows_at_hand_max());
	for (size_t row = 0; row < many.nr_rows; row++)
		allocated += look(frame_of_row(row, 0)).allocated;
	expect_eq(allocated, frame_alloc_pins());
	expect_eq(free_or_tables(), before - many.nr_rows * (PAGES_PER_ROW - 1));
	free_rest_of_each_row(1);
	expect(frame_alloc_pins() > 0 && frame_alloc_pins() <= rows_at_hand_max());
	expect_eq(free_or_tables(), before);
}

/* A row that gives way leaves as a whole: of an area without any row at hand all is free again. */
TEST(at_hand, area_is_whole_after_its_last_row)
{
	size_t whole = 0;

	frame_alloc_flush();
	take_many();
	for (size_t row = 0; row < many.nr_rows; row++)
		for (size_t i = 0; i < PAGES_PER_ROW; i++)
			require(frame_free(frame_of_row(row, i), PAGE_SIZE) == 0);
	for (size_t row = 0; row < many.nr_rows; row += ROWS_PER_AREA)
		whole += look(frame_of_row(row, 0)).size == AREA_SIZE;
	expect(whole > 0);
	expect_eq((many.nr_rows / ROWS_PER_AREA - whole) * ROWS_PER_AREA, frame_alloc_pins());
	frame_alloc_flush();
	for (size_t row = 0; row < many.nr_rows; row += ROWS_PER_AREA)
		expect_eq(look(frame_of_row(row, 0)).size, AREA_SIZE);
}

/* Rows of all kinds and nodes share the slots, and none is taken for another. */
TEST(at_hand, kinds_and_nodes_share_slots)
{
	enum { FRAMES = 512, TURNS = 4 };
	static pfn_t frames[FRAMES];
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < TURNS * FRAMES; i++) {
		const struct region *region = &regions[test_random_below(nr)];
		pfn_t *frame = &frames[i % FRAMES];

		if (i >= FRAMES)
			require(frame_free(*frame, PAGE_SIZE) == 0);
		require(frame_alloc(region->kind, region->node, PAGE_SIZE, frame) == 0);
		expect_eq(pfn_to_region(*frame)->kind, region->kind);
		expect_eq(pfn_to_region(*frame)->node, region->node);
	}
	for (size_t i = 0; i < FRAMES; i++)
		require(frame_free(frames[i], PAGE_SIZE) == 0);
}

/* --- When memory runs out --- */

struct meeting {
	struct barrier barrier;
	pfn_t frames[3 * PAGES_PER_ROW];
};

enum { HOARD = 2048 };
static pfn_t hoard[HOARD];

/* Raises the wish that all give back what they keep. */
static void run_out_of_areas(void)
{
	size_t nr = 0;

	while (nr < HOARD && frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &hoard[nr]) == 0)
		nr++;
	expect(nr < HOARD);
	while (nr)
		expect_eq(frame_free(hoard[--nr], AREA_SIZE), 0);
	frame_alloc_flush();
}

/*
 * The last CPU has rows at hand when CPU 0 runs out of memory, and gives them back at its next
 * call. If it is CPU 0, it gives them back before it finds no memory.
 */
static void keep_and_give_back(void *arg)
{
	struct meeting *meeting = arg;
	unsigned cpu = host_cpu(), keeper = host_cpus() - 1;
	uint64_t kept;

	for (size_t i = 0; cpu == keeper && i < ARRAY_SIZE(meeting->frames); i++)
		expect_eq(frame_free(meeting->frames[i], PAGE_SIZE), 0);
	barrier_wait(&meeting->barrier);
	kept = frame_alloc_pins();
	expect(kept >= ARRAY_SIZE(meeting->frames) / PAGES_PER_ROW);
	barrier_wait(&meeting->barrier);
	if (cpu == 0) {
		run_out_of_areas();
		expect_eq(frame_alloc_pins(), keeper ? kept : 0);
	}
	barrier_wait(&meeting->barrier);
	if (cpu == keeper) {
		expect_eq(frame_free(pfn(PFN_LIMIT), PAGE_SIZE), -EINVAL);
		expect_eq(frame_alloc_pins(), 0);
	}
}

/* What one CPU keeps at hand is there for another that finds no memory, if not at once. */
TEST(at_hand, goes_back_when_memory_runs_out)
{
	static struct meeting meeting;

	if (frames_free(MEMORY_DRAM) / PAGES_PER_AREA >= HOARD)
		skip("the machine has too much memory to run out of it");
	for (size_t i = 0; i < ARRAY_SIZE(meeting.frames); i++)
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &meeting.frames[i]) == 0);
	frame_alloc_flush();
	barrier_init(&meeting.barrier, host_cpus());
	host_on_each_cpu(keep_and_give_back, &meeting);
}

/* --- Hysteresis --- */

/* Splits while a frame is taken and given back, by areas that are met and areas that collapsed. */
static unsigned splits_of_pairs(size_t pairs)
{
	pfn_t area = pfn(PFN_LIMIT), frame;
	unsigned splits = 0;

	for (size_t i = 0; i < pairs; i++) {
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
		require(frame_free(frame, PAGE_SIZE) == 0);
		if (!pfn_eq(pfn_area(frame), area) || look(frame).size == AREA_SIZE)
			splits++;
		area = pfn_area(frame);
	}
	return splits;
}

/*
 * However much is taken already, a loop of pairs splits an area once, and not again and again.
 * Ragged areas are split before, so that several areas' worth of frames is taken.
 */
TEST(at_hand, pairs_at_an_edge_split_once)
{
	enum { HELD_MAX = 1600, STEP = 3, PAIRS = 1000 }; /* the step meets every edge of a row */
	static pfn_t frames[HELD_MAX + STEP];
	size_t held = 0;
	unsigned most = 0;

	while (held < HELD_MAX) {
		unsigned splits;

		frame_alloc_flush();
		splits = splits_of_pairs(PAIRS);
		most = splits > most ? splits : most;
		for (size_t i = 0; i < STEP; i++, held++)
			require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[held]) == 0);
	}
	while (held)
		require(frame_free(frames[--held], PAGE_SIZE) == 0);
	expect_eq(most, 1);
	measure("alloc4k_splits_per_1000", most, "splits");
}
