/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps of other machines than the one that is simulated, each in a process of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/bad_frames.h"
#include "mm/page_map.h"
#include "mm/page_pin.h"
#include "tests/harness/memory.h"
#include "tests/host/apart.h"
#include "tests/test.h"

static void describe(const struct region *regions, size_t nr)
{
	size_t bytes = page_map_size(regions, nr);
	void *metadata = aligned_alloc(PAGE_SIZE, bytes);

	require(metadata != NULL);
	memset(metadata, 0, bytes);
	require(page_map_init(regions, nr, metadata) == 0);
}

static void describe_gibs(void)
{
	static const struct region regions[] = {{.start = {0x20000}, .end = {0x110100}}};

	describe(regions, ARRAY_SIZE(regions));
	expect_eq(test_look(pfn(0x20000)).size, AREA_SIZE);
	expect_eq(test_look(pfn(0x40000)).size, AREA_SIZE);
	expect_eq(test_look(pfn(0x1100ff)).size, PAGE_SIZE);
	expect(pfn_to_page(pfn(0x1ffff)) == NULL);
	expect(pfn_to_page(pfn(0x110100)) == NULL);
	expect_str(page_map_check(), NULL);
}

/* A region may have GiBs of its own, and parts of those at its ends. */
TEST(page_map, describes_whole_gibs)
{
	expect_good_apart(describe_gibs);
}

static void describe_protected(void)
{
	const enum memory_kind p = MEMORY_PERSISTENT;
	const struct region regions[] = {
		{.start = {0x10000}, .end = {0x20000}},
		{.start = {0x20000}, .end = {0x30000}, .kind = p, .writable = true},
		{.start = {0x30000}, .end = {0x40000}, .kind = p},
		{.start = {0x40000}, .end = {0x50000}, .kind = p, .writable = true},
		{.start = {0x50000}, .end = {0x60000}, .kind = p},
		{.start = {0x60000}, .end = {0x70000}, .kind = p, .writable = true},
	};

	describe(regions, ARRAY_SIZE(regions));
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		const pfn_t frames[] = {regions[i].start, pfn(regions[i].end.n - 1)};

		for (size_t k = 0; k < ARRAY_SIZE(frames); k++) {
			bool writable = i != 2 && i != 4;

			expect_eq(pfn_is_writable(frames[k]), writable);
			if (!writable)
				expect(!pfn_is_surely_writable(frames[k]));
			else if (i != 3)
				expect(pfn_is_surely_writable(frames[k]));
		}
	}
}

/* What may not be written is known exactly, and what lies around all of it at once. */
TEST(page_map, knows_what_may_not_be_written)
{
	expect_good_apart(describe_protected);
}

static void split_until_there_are_no_tables(void)
{
	static const struct region regions[] = {{.start = {0}, .end = {0x40000}}};
	pfn_t area = pfn(0);

	describe(regions, ARRAY_SIZE(regions));
	for (size_t i = 0; i < TABLE_POOL_START - TABLE_POOL_RESERVE; i++) {
		expect_eq(page_split(area), 0);
		area = pfn_add(area, PAGES_PER_AREA);
	}
	expect_eq(page_split(area), -ENOMEM);
	table_pool_trim();
	expect_eq(table_pool_total(), TABLE_POOL_START);
	expect_eq(page_poison(area), 0);
	expect_str(page_map_check(), NULL);
}

/* Without an allocator to ask for more there are the tables that a map begins with, and a reserve.
 */
TEST(page_map, has_the_tables_it_begins_with)
{
	expect_good_apart(split_until_there_are_no_tables);
}

/* Where pmem0 ends and pmem1 begins, in the middle of a row of 64 frames. */
static const pfn_t border = {0x107fe0};

/* The frames of a row that two regions share go back to the region that they are of. */
TEST(page_map, row_of_two_regions_is_two)
{
	enum { FRAMES_MAX = 4096 };
	static pfn_t frames[FRAMES_MAX];
	uint64_t before = frames_free(MEMORY_PERSISTENT);
	pfn_t behind;
	size_t nr = 0;

	require(pfn_to_region(border) != pfn_to_region(pfn(border.n - 1)));
	require(frame_alloc(MEMORY_PERSISTENT, 1, PAGE_SIZE, &behind) == 0);
	require(!pfn_before(behind, border) && pfn_distance(border, behind) < PAGES_PER_ROW / 2);
	do
		require(nr < FRAMES_MAX &&
			frame_alloc(MEMORY_PERSISTENT, 0, PAGE_SIZE, &frames[nr]) == 0);
	while (frames[nr++].n / PAGES_PER_ROW != border.n / PAGES_PER_ROW);
	expect_eq(frame_free(behind, PAGE_SIZE), 0);
	while (nr > 0)
		expect_eq(frame_free(frames[--nr], PAGE_SIZE), 0);
	frame_alloc_flush();
	expect_eq(frames_free(MEMORY_PERSISTENT), before);
}

static pfn_t area;

static void poison_more_than_are_known(void)
{
	struct page *page = test_pin(area);

	for (size_t i = 0; i <= BAD_FRAMES_MAX; i++)
		expect_eq(page_poison(pfn_add(area, i)), 0);
	page_unpin(page);
	expect(test_look(area).poisoned);
	expect(test_look(pfn_add(area, BAD_FRAMES_MAX)).poisoned);
	expect(page_pin(pfn_add(area, BAD_FRAMES_MAX + 1)) == NULL);
	expect_eq(page_unpoison(area), -ENOSPC);
	expect_str(page_map_check(), NULL);
}

/* When there are more bad frames than can be remembered, all that may be bad stays out of use. */
TEST(page_map, forgets_no_bad_frame)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	expect_good_apart(poison_more_than_are_known);
}
