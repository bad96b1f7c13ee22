/* SPDX-License-Identifier: BSD-2-Clause */
/* More bad memory than there is room to note, which cannot be forgotten: in a process of its own.
 */
#include "mm/bad_lines.h"

#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/host/apart.h"
#include "tests/test.h"

#include <errno.h>

static void lose_more_frames_than_there_is_room_for(void)
{
	pfn_t start = test_take(MEMORY_DRAM, AREA_SIZE);

	for (size_t i = 0; i <= BAD_BLOCKS_MAX; i++) {
		phys_t at = phys_add(pfn_to_phys(start), i * PAGE_SIZE / 4);

		expect_eq(bad_lines_add(at, 1), 0);
	}
	expect(bad_lines_of(start) == LINES_ALL);
	expect(bad_lines_of(pfn_add(start, BAD_FRAMES_MAX)) == LINES_ALL);
	expect(bad_lines_of(pfn_add(start, BAD_FRAMES_MAX + 1)) == 0);
	expect_eq(bad_lines_remove(start, 0xff), -ENOSPC);
	expect_eq(bad_lines_remove(start, LINES_ALL), -ENOSPC);
	expect(bad_lines_of(start) == LINES_ALL);
}

/* When more is bad than there is room for, bad frames are bad in whole and stay so. */
TEST(bad_lines, without_room_frames_are_bad_in_whole)
{
	expect_good_apart(lose_more_frames_than_there_is_room_for);
}
