/* SPDX-License-Identifier: BSD-2-Clause */
/* Poison: what is lost with a bad frame, in whole and in split areas, and how it comes back. */
#include "mm/page.h"

#include <errno.h>

#include "tests/harness/memory.h"
#include "tests/test.h"

static void poison_takes_one_frame(pfn_t area)
{
	pfn_t bad = pfn_add(area, 42);

	expect_eq(page_poison(bad), 0);
	expect(page_pin(bad) == NULL);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(test_look(pfn_add(area, i)).poisoned, i == 42);
	expect_eq(page_collapse(area), -EIO);
	expect_eq(page_poison(bad), 0);
	expect_eq(page_unpoison(bad), 0);
	page_unpin(test_pin(bad));
	expect_eq(page_collapse(area), 0);
}

/* Poison takes exactly one frame out of use; its area stays split while it is poisoned. */
TEST(page, poison_takes_one_frame)
{
	with_each_kind(poison_takes_one_frame);
}

/* The area stays split until its last poisoned page is repaired. */
TEST(page, poison_is_kept_per_page)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	expect_eq(page_poison(area), 0);
	expect_eq(page_poison(pfn_add(area, 511)), 0);
	expect_eq(page_unpoison(area), 0);
	expect_eq(page_collapse(area), -EIO);
	expect_str(page_map_check(), NULL);
	expect_eq(page_unpoison(pfn_add(area, 511)), 0);
	expect_eq(page_collapse(area), 0);
}

/* A pinned area is out of use in whole; when its last pin goes, only the bad frames are. */
TEST(page, poison_of_a_pinned_area_waits_for_its_pins)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	require(page_pin(area) == page);
	expect_eq(page_poison(pfn_add(area, 7)), 0);
	expect_eq(page_poison(pfn_add(area, 500)), 0);
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(page_pin(area) == NULL);
	page_unpin(page);
	expect_eq(test_look(area).pins, 1);
	page_unpin(page);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(test_look(pfn_add(area, i)).poisoned, i == 7 || i == 500);
	page_unpin(test_pin(pfn_add(area, 8)));
	expect_eq(page_collapse(area), -EIO);
	expect_eq(page_unpoison(pfn_add(area, 7)), 0);
	expect_eq(page_unpoison(pfn_add(area, 500)), 0);
	expect_eq(page_collapse(area), 0);
}

/* A pinned area comes into use again when its last bad frame is repaired. */
TEST(page, repair_of_a_pinned_area_is_whole)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	expect_eq(page_poison(pfn_add(area, 7)), 0);
	expect_eq(page_poison(pfn_add(area, 8)), 0);
	expect_eq(page_unpoison(pfn_add(area, 7)), 0);
	expect(page_pin(area) == NULL);
	expect_eq(page_unpoison(pfn_add(area, 8)), 0);
	expect(page_pin(area) == page);
	page_unpin(page);
	page_unpin(page);
	expect_eq(test_look(area).size, AREA_SIZE);
}

/* A page that has all the pins it can have is lost and repaired as any other. */
TEST(page, repair_needs_no_room_for_a_pin)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	for (unsigned i = 1; i < PAGE_PINS_MAX; i++)
		require(page_pin(area) == page);
	expect_eq(page_poison(area), 0);
	expect(test_look(area).poisoned);
	expect_eq(page_unpoison(area), 0);
	expect(!test_look(area).poisoned);
	for (unsigned i = 0; i < PAGE_PINS_MAX; i++)
		page_unpin(page);
	expect_eq(test_look(area).pins, 0);
}
