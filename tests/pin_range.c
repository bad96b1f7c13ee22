/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins on runs of memory: one for each page, all or none, and segments that merge. */
#include "mm/pin_range.h"

#include <errno.h>

#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

static struct segment segments[2];
static size_t nr;

static int pin(pfn_t start, uint64_t frames)
{
	nr = 0;
	return pin_range(start, frames, segments, &nr, ARRAY_SIZE(segments));
}

/* A run in a whole area takes one pin, however long it is, and is one segment. */
TEST(pin_range, whole_area_takes_one_pin)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	require(pin(pfn_add(area, 3), 400) == 0);
	expect_eq(test_look(area).pins, 1);
	expect_eq(nr, 1);
	expect_eq(segments[0].start.addr, pfn_to_phys(pfn_add(area, 3)).addr);
	expect_eq(segments[0].length, 400 * PAGE_SIZE);
	expect_eq(page_split(area), -EBUSY);
	unpin_range(pfn_add(area, 3), 400);
	expect_eq(test_look(area).pins, 0);
}

/* In a split area each frame of the run takes one pin, and no other frame does. */
TEST(pin_range, split_area_takes_a_pin_a_frame)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	require(page_split(area) == 0);
	require(pin(pfn_add(area, 10), 20) == 0);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(test_look(pfn_add(area, i)).pins, i >= 10 && i < 30);
	expect_eq(nr, 1);
	unpin_range(pfn_add(area, 10), 20);
	expect_eq(page_collapse(area), 0);
	expect(!test_look(area).dirty);
}

/* Two areas that follow each other, if the machine has them free. */
static pfn_t two_areas(void)
{
	pfn_t first = test_take(MEMORY_DRAM, AREA_SIZE);

	for (int attempt = 0; attempt < 8; attempt++) {
		pfn_t second = test_take(MEMORY_DRAM, AREA_SIZE);

		if (pfn_eq(second, pfn_add(first, PAGES_PER_AREA)))
			return first;
		first = second;
	}
	skip("no two free areas of DRAM follow each other");
}

/* A run over a whole area and a split one takes what each needs, and is still one segment. */
TEST(pin_range, sizes_mix)
{
	pfn_t first = two_areas();
	pfn_t second = pfn_add(first, PAGES_PER_AREA);

	require(page_split(second) == 0);
	require(pin(pfn_add(first, 500), 16) == 0);
	expect_eq(test_look(first).pins, 1);
	expect_eq(test_look(second).pins, 1);
	expect_eq(test_look(pfn_add(second, 3)).pins, 1);
	expect_eq(test_look(pfn_add(second, 4)).pins, 0);
	expect_eq(nr, 1);
	expect_eq(segments[0].length, 16 * PAGE_SIZE);
	unpin_range(pfn_add(first, 500), 16);
	expect_eq(page_collapse(second), 0);
}

/* So does one that goes from one split area to the next, wherever their tables are. */
TEST(pin_range, split_areas_follow_each_other)
{
	pfn_t first = two_areas();
	pfn_t second = pfn_add(first, PAGES_PER_AREA);

	for (int turn = 0; turn < 2; turn++) {
		require(page_split(turn ? first : second) == 0);
		require(page_split(turn ? second : first) == 0);
		require(pin(pfn_add(first, 470), 84) == 0);
		for (size_t i = 0; i < 2 * PAGES_PER_AREA; i++)
			expect_eq(test_look(pfn_add(first, i)).pins, i >= 470 && i < 554);
		unpin_range(pfn_add(first, 470), 84);
		expect_eq(page_collapse(first), 0);
		expect_eq(page_collapse(second), 0);
	}
}

/* Every page of a run keeps its area split, also when all before it have been unpinned. */
TEST(pin_range, each_pin_keeps_the_area_split)
{
	pfn_t area;

	/* Of a free area a collapse looks only where somebody said that pages are used. */
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	frame_alloc_flush();
	require(page_split(area) == 0);
	require(pin(pfn_add(area, 30), 70) == 0);
	unpin_range(pfn_add(area, 30), 69);
	expect_eq(page_collapse(area), -EBUSY);
	unpin_range(pfn_add(area, 99), 1);
	expect_eq(page_collapse(area), 0);
}

/* A run that was written says so of its pages, and of no other. */
TEST(pin_range, written_pages_are_dirty)
{
	pfn_t first = two_areas();
	pfn_t second = pfn_add(first, PAGES_PER_AREA);

	require(page_split(second) == 0);
	require(pin(pfn_add(first, 500), 16) == 0);
	unpin_range_dirty(pfn_add(first, 500), 16);
	expect(test_look(first).dirty);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(test_look(pfn_add(second, i)).dirty, i < 4);
	require(pin(pfn_add(first, 500), 16) == 0);
	unpin_range_dirty(pfn_add(first, 500), 16);
	require(pin(second, 4) == 0);
	unpin_range(second, 4);
	expect(test_look(first).dirty && test_look(second).dirty);
	expect_eq(page_collapse(second), 0);
}

/* An area that goes bad under a run is split when the run's pin is returned: one frame is lost. */
TEST(pin_range, area_gone_bad_loses_one_frame)
{
	void (*const unpins[])(pfn_t, uint64_t) = {unpin_range, unpin_range_dirty};
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	pfn_t bad = pfn_add(area, 7);

	for (size_t i = 0; i < ARRAY_SIZE(unpins); i++) {
		require(pin(area, 400) == 0);
		expect_eq(page_poison(bad), 0);
		expect_eq(pin(pfn_add(area, 8), 1), -EIO);
		unpins[i](area, 400);
		expect_eq(pin(area, 400), -EIO);
		expect_eq(pin(pfn_add(area, 8), 400), 0);
		unpin_range(pfn_add(area, 8), 400);
		expect_eq(page_unpoison(bad), 0);
		expect_eq(page_collapse(area), 0);
	}
}

/* A run that follows the last segment makes it longer; one that does not is refused without room.
 */
TEST(pin_range, segments_merge_across_calls)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	nr = 0;
	require(pin_range(area, 1, segments, &nr, 1) == 0);
	require(pin_range(pfn_add(area, 1), 1, segments, &nr, 1) == 0);
	expect_eq(nr, 1);
	expect_eq(segments[0].length, 2 * PAGE_SIZE);
	expect_eq(pin_range(pfn_add(area, 8), 1, segments, &nr, 1), -ENOSPC);
	expect_eq(test_look(area).pins, 2);
	unpin_range(area, 1);
	unpin_range(pfn_add(area, 1), 1);
}

/* When one page cannot be pinned, none is, and no segment is added. */
TEST(pin_range, failure_leaves_nothing)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	require(page_poison(pfn_add(area, 5)) == 0);
	expect_eq(pin(area, 10), -EIO);
	expect_eq(nr, 0);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(test_look(pfn_add(area, i)).pins, 0);
	expect_eq(page_unpoison(pfn_add(area, 5)), 0);
	expect_eq(page_collapse(area), 0);
	expect_eq(pin(area, 0), -EINVAL);
	expect_eq(pin(area, UINT64_MAX), -EIO);
	/* The end wraps to before the start. */
	expect_eq(pin(area, UINT64_MAX - 1), -EIO);
}

/* A run that leaves its region for frames that nobody has is refused as a whole. */
TEST(pin_range, absent_frames_are_refused)
{
	size_t regions;
	const struct region *region = page_map_regions(&regions);

	expect_eq(pin(pfn(PFN_LIMIT - 1), 1), -EIO);
	for (size_t i = 0; i < regions; i++, region++) {
		if (pfn_to_region(region->end))
			continue;
		expect_eq(pin(pfn(region->end.n - 1), 2), -EIO);
		expect_eq(pin(pfn(region->start.n - 1), 2),
			  pfn_to_region(pfn(region->start.n - 1)) ? 0 : -EIO);
		if (nr)
			unpin_range(pfn(region->start.n - 1), 2);
	}
}
