/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/balance.h"

#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "tests/test.h"

void balance_take(struct balance *balance)
{
	struct page_map_usage usage;

	frame_alloc_flush();
	page_map_usage(&usage);
	balance->areas_split = usage.areas_split;
	balance->pins = page_map_pins();
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		balance->frames_free[kind] = frames_free((enum memory_kind)kind);
	/* The map may turn free DRAM into spare tables, which is no loss. */
	balance->frames_free[MEMORY_DRAM] += usage.spare_table_bytes / PAGE_SIZE;
	balance->frames_free[MEMORY_DRAM] += usage.table_bytes / PAGE_SIZE;
}

static void compare(const char *what, const char *kind, uint64_t before, uint64_t after)
{
	if (after != before)
		fail("the test changed the number of %s%s: %llu before, %llu after", what, kind,
		     (unsigned long long)before, (unsigned long long)after);
}

void balance_compare(const struct balance *before)
{
	const char *broken = page_map_check();
	struct balance after;

	if (broken != NULL)
		fail("the test broke the page map: %s", broken);
	balance_take(&after);
	compare("pins", "", before->pins, after.pins);
	compare("split areas", "", before->areas_split, after.areas_split);
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		compare("free frames, ", memory_kind_name((enum memory_kind)kind),
			before->frames_free[kind], after.frames_free[kind]);
}
