/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments: what merges, and what overlaps. */
#include "mm/segment.h"
#include "tests/test.h"

static struct segment list[3];
static size_t nr;

static bool append(uint64_t start, size_t length)
{
	return segment_append(list, &nr, ARRAY_SIZE(list), phys(start), length);
}

/* A run that begins where the last one ends makes it longer; any other is a segment of its own. */
TEST(segment, neighbours_merge)
{
	nr = 0;
	require(append(0x1000, 0x200));
	require(append(0x1200, 0x3000));
	expect_eq(nr, 1);
	expect_eq(list[0].start.addr, 0x1000);
	expect_eq(list[0].length, 0x3200);
	require(append(0x4400, 0x200));
	require(append(0x4300, 0x100));
	expect_eq(nr, 3);
}

/* A list that is full still takes what merges with its end, and is unchanged by what does not. */
TEST(segment, full_list_takes_neighbours_only)
{
	nr = 0;
	for (uint64_t i = 0; i < ARRAY_SIZE(list); i++)
		require(append(i * 0x10000, 0x1000));
	expect(!append(0x90000, 0x1000));
	expect_eq(nr, 3);
	expect(append(0x21000, 0x1000));
	expect_eq(nr, 3);
	expect_eq(list[2].length, 0x2000);
}

static bool overlap(uint64_t start, size_t length)
{
	return segments_overlap((struct segment){phys(start), length},
				(struct segment){phys(0x1000), 0x1000});
}

/* Ranges are half-open: those that only meet have no byte in common. */
TEST(segment, overlap_is_a_common_byte)
{
	expect(overlap(0x1000, 0x1000));
	expect(overlap(0x0fff, 2));
	expect(overlap(0x1fff, 1));
	expect(overlap(0, 0x4000));
	expect(!overlap(0, 0x1000));
	expect(!overlap(0x2000, 1));
	expect(!overlap(0x3000, 0x1000));
}
