/* SPDX-License-Identifier: BSD-2-Clause */
/* Which lines of a bad frame are bad, and how they become good again. */
#include "mm/bad_lines.h"

#include "mm/bad_frames.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>

static pfn_t area;

static void collapse_area(void *unused)
{
	(void)unused;
	expect_eq(page_collapse(area), 0);
}

/* An area whose frames a test makes bad, whole again afterwards. */
static pfn_t take_area(void)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	test_cleanup(collapse_area, NULL);
	return area;
}

static phys_t line_of(pfn_t frame, unsigned line)
{
	return phys_add(pfn_to_phys(frame), line * (uint64_t)CACHE_LINE);
}

static void expect_lines(pfn_t frame, lines_t expected)
{
	lines_t found = bad_lines_of(frame);
	struct page *page = page_pin(frame);

	if (found != expected)
		fail("bad lines of the frame: %#llx, expected %#llx", (unsigned long long)found,
		     (unsigned long long)expected);
	expect_eq(page != NULL, expected == 0);
	if (page)
		page_unpin(page);
}

/* The lines that hold some bytes of a frame, from the first byte's to the last one's. */
TEST(bad_lines, bytes_lie_in_lines)
{
	expect(lines_holding(0, 0) == 0);
	expect(lines_holding(100, 0) == 0);
	expect(lines_holding(0, 1) == 1);
	expect(lines_holding(63, 1) == 1);
	expect(lines_holding(63, 2) == 3);
	expect(lines_holding(64, 64) == 2);
	expect(lines_holding(0, PAGE_SIZE) == LINES_ALL);
	expect(lines_holding(1, PAGE_SIZE - 1) == LINES_ALL);
	expect(lines_holding(PAGE_SIZE - 1, 1) == (lines_t)1 << 63);
	expect(lines_holding(512, 512) == 0xff00);
}

/* A bad line takes its frame out of use, and no line or frame beside it is bad. */
TEST(bad_lines, line_takes_its_frame_out_of_use)
{
	pfn_t frame = pfn_add(take_area(), 100);

	expect_eq(bad_lines_add(line_of(frame, 5), 1), 0);
	expect_lines(frame, (lines_t)1 << 5);
	expect_lines(pfn_add(frame, 1), 0);
	expect_lines(pfn_add(frame, -1UL), 0);
	expect_eq(bad_lines_remove(frame, (lines_t)1 << 5), 0);
	expect_lines(frame, 0);
}

/* A range is all lines that it touches, in every frame that it crosses. */
TEST(bad_lines, range_crosses_frames)
{
	pfn_t first = pfn_add(take_area(), 7);

	expect_eq(bad_lines_add(phys_add(line_of(first, 62), 63), PAGE_SIZE + 66), 0);
	expect_lines(first, (lines_t)3 << 62);
	expect_lines(pfn_add(first, 1), LINES_ALL);
	expect_lines(pfn_add(first, 2), 1);
	for (unsigned i = 0; i < 3; i++)
		expect_eq(bad_lines_remove(pfn_add(first, i), LINES_ALL), 0);
	for (unsigned i = 0; i < 3; i++)
		expect_lines(pfn_add(first, i), 0);
}

/* What is added again, or overlaps, is there once: taken away once, it is gone. */
TEST(bad_lines, added_twice_is_there_once)
{
	pfn_t frame = take_area();

	expect_eq(bad_lines_add(line_of(frame, 10), 4 * CACHE_LINE), 0);
	expect_eq(bad_lines_add(line_of(frame, 12), 4 * CACHE_LINE), 0);
	expect_eq(bad_lines_add(line_of(frame, 10), CACHE_LINE), 0);
	expect_lines(frame, (lines_t)0x3f << 10);
	expect_eq(bad_lines_remove(frame, (lines_t)0x3f << 10), 0);
	expect_lines(frame, 0);
}

/* Repair of the middle of a range leaves both its ends bad, and the frame out of use. */
TEST(bad_lines, repair_splits_a_range)
{
	pfn_t frame = take_area();

	expect_eq(bad_lines_add(line_of(frame, 8), 40 * CACHE_LINE), 0);
	expect_eq(bad_lines_remove(frame, lines_holding(16 * CACHE_LINE, 16 * CACHE_LINE)), 0);
	expect_lines(frame, (lines_t)0xff << 8 | (lines_t)0xffff << 32);
	expect_eq(bad_lines_remove(frame, (lines_t)0xff << 8), 0);
	expect_lines(frame, (lines_t)0xffff << 32);
	expect_eq(bad_lines_remove(frame, LINES_ALL), 0);
	expect_lines(frame, 0);
}

/* Of a frame of which nobody said what is bad, all is; a part can be repaired. */
TEST(bad_lines, poison_alone_is_the_whole_frame)
{
	pfn_t frame = take_area();

	expect_eq(page_poison(frame), 0);
	expect_lines(frame, LINES_ALL);
	expect_eq(bad_lines_remove(frame, 0xff), 0);
	expect_lines(frame, ~(lines_t)0xff);
	expect_eq(bad_lines_remove(frame, ~(lines_t)0xff), 0);
	expect_lines(frame, 0);
}

/* In an area that is pinned, and so out of use in whole, only the bad lines are bad. */
TEST(bad_lines, pinned_area_has_good_frames)
{
	pfn_t start = take_area();
	struct page *page = test_pin(start);

	expect_eq(bad_lines_add(line_of(start, 3), CACHE_LINE), 0);
	expect(test_look(start).poisoned);
	expect_eq(test_look(start).size, AREA_SIZE);
	expect(bad_lines_of(start) == (lines_t)1 << 3);
	expect(bad_lines_of(pfn_add(start, 1)) == 0);
	page_unpin(page);
	expect_lines(start, (lines_t)1 << 3);
	expect_lines(pfn_add(start, 1), 0);
	expect_eq(bad_lines_remove(start, LINES_ALL), 0);
}

/* Good frames stay good when they are repaired, and memory that nobody manages is refused. */
TEST(bad_lines, only_managed_frames_are_bad)
{
	pfn_t frame = take_area();
	const struct region *region = pfn_to_region(frame);
	pfn_t nowhere = pfn(PFN_LIMIT - 1);

	expect(region != NULL);
	expect_eq(bad_lines_remove(frame, LINES_ALL), 0);
	expect_lines(frame, 0);
	expect_eq(bad_lines_add(pfn_to_phys(nowhere), 1), -ENOENT);
	expect_eq(bad_lines_remove(nowhere, 1), -ENOENT);
	expect(bad_lines_of(nowhere) == 0);
}

/* There is room for lines of every block of BAD_FRAMES_MAX frames. */
TEST(bad_lines, has_room_for_many_frames)
{
	enum { BLOCKS = BAD_BLOCKS_MAX / BAD_FRAMES_MAX };
	pfn_t start = take_area();

	for (size_t i = 0; i < BAD_BLOCKS_MAX; i++) {
		phys_t at = phys_add(pfn_to_phys(start), i * PAGE_SIZE / BLOCKS);

		require(bad_lines_add(at, 1) == 0);
	}
	for (unsigned i = 0; i < BAD_FRAMES_MAX; i++)
		expect_lines(pfn_add(start, i), 0x0001000100010001);
	for (unsigned i = 0; i < BAD_FRAMES_MAX; i++)
		expect_eq(bad_lines_remove(pfn_add(start, i), 0x0001000100010001), 0);
	expect_lines(start, 0);
}
