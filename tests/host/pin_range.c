/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins of runs that are returned and were never taken. */
#include "mm/pin_range.h"

#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/host/apart.h"
#include "tests/test.h"

static pfn_t area;

static void unpin_it(void)
{
	unpin_range(area, 3);
}

static void unpin_it_dirty(void)
{
	unpin_range_dirty(area, 3);
}

static void unpin_nowhere(void)
{
	unpin_range(pfn(PFN_LIMIT - 1), 1);
}

static void unpin_nowhere_dirty(void)
{
	unpin_range_dirty(pfn(PFN_LIMIT - 1), 1);
}

/* Whole or split, or in no region: never taken for a pin that was there. */
TEST(pin_range_misuse, panics)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	expect_panic_apart(unpin_it, "is not pinned");
	expect_panic_apart(unpin_it_dirty, "is not pinned");
	require(page_split(area) == 0);
	expect_panic_apart(unpin_it, "is not pinned");
	expect_panic_apart(unpin_it_dirty, "is not pinned");
	require(page_collapse(area) == 0);
	expect_panic_apart(unpin_nowhere, "is not pinned");
	expect_panic_apart(unpin_nowhere_dirty, "is not pinned");
}
