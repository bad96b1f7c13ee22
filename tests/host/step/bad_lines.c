/* SPDX-License-Identifier: BSD-2-Clause */
/* A CPU repairs lines of a frame while a machine check on another one, or its own, finds more. */
#include "mm/bad_lines.h"

#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/host/step/step.h"
#include "tests/test.h"

static pfn_t frame;

static int add(unsigned line)
{
	return bad_lines_add(phys_add(pfn_to_phys(frame), line * (uint64_t)CACHE_LINE), 1);
}

static void add_3(void)
{
	expect_eq(add(3), 0);
}

static void add_4(void)
{
	expect_eq(add(4), 0);
}

static void remove_3(void)
{
	expect_eq(bad_lines_remove(frame, 1 << 3), 0);
}

static void remove_4(void)
{
	expect_eq(bad_lines_remove(frame, 1 << 4), 0);
}

static void collapse(void *unused)
{
	(void)unused;
	expect_eq(page_collapse(frame), 0);
}

/*
 * Both meet at every point, in a frame that has these bad lines before. What is bad afterwards must
 * be `all` of these lines, but perhaps those in `either`, and the frame is out of use just then.
 */
static void expect_after(lines_t before, void (*one)(void), void (*other)(void), lines_t all,
			 lines_t either)
{
	unsigned at = 0;
	bool met = true;

	while (met) {
		lines_t found;
		struct page *page;

		for (unsigned line = 0; line < LINES_PER_PAGE; line++)
			if (before >> line & 1)
				require(add(line) == 0);
		met = step_between(one, other, at);
		if (!met)
			other();
		found = bad_lines_of(frame);
		page = page_pin(frame);
		if ((found & ~either) != (all & ~either) || (page != NULL) != (found == 0))
			fail("point %u: bad lines %#llx, expected %#llx but for %#llx; %s", at,
			     (unsigned long long)found, (unsigned long long)all,
			     (unsigned long long)either, page ? "in use" : "out of use");
		if (page)
			page_unpin(page);
		require(bad_lines_remove(frame, LINES_ALL) == 0);
		require(bad_lines_of(frame) == 0);
		at++;
	}
	note("%u points", at - 1);
}

/* No order loses a bad line, leaves a repaired one bad, or a good frame out of use. */
TEST(step, bad_lines_are_found_and_repaired_at_the_same_time)
{
	frame = test_take(MEMORY_DRAM, AREA_SIZE);
	test_cleanup(collapse, NULL);
	expect_after(1 << 3, remove_3, add_4, 1 << 4, 0);
	expect_after(1 << 3, remove_3, add_3, 1 << 3, 1 << 3);
	expect_after(1 << 3, add_4, remove_3, 1 << 4, 0);
	expect_after(1 << 3, add_3, remove_3, 1 << 3, 1 << 3);
	expect_after(3 << 3, remove_3, remove_4, 0, 0);
	expect_after(0, add_3, add_4, 3 << 3, 0);
	expect_after(0, add_3, add_3, 1 << 3, 0);
}
