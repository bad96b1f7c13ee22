/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the first memory in a map that firmware made. */
#include "kernel/early_memory.h"

#include "tests/test.h"

#define KIB 1024UL
#define MIB (1UL << 20)
#define GIB (1UL << 30)

static struct memory_range ram(uint64_t start, uint64_t length)
{
	return (struct memory_range){phys(start), length, MEMORY_TYPE_RAM};
}

static struct memory_range reserved(uint64_t start, uint64_t length)
{
	return (struct memory_range){phys(start), length, MEMORY_TYPE_RESERVED};
}

static void expect_run(const struct memory_range *map, size_t nr, const struct memory_range *avoid,
		       size_t nr_avoid, uint64_t start, uint64_t end)
{
	struct early_run run =
		early_run_find(map, nr, avoid, nr_avoid, phys(1 * MIB), phys(4 * GIB));

	expect_eq(pfn_to_phys(run.start).addr, start);
	expect_eq(pfn_to_phys(run.end).addr, end);
}

/* Of several runs of RAM the largest is taken, in whatever order the map has them. */
TEST(early_memory, takes_the_largest_run)
{
	const struct memory_range map[] = {
		ram(64 * MIB, 32 * MIB),
		ram(8 * MIB, 16 * MIB),
		ram(128 * MIB, 24 * MIB),
	};

	expect_run(map, 3, NULL, 0, 64 * MIB, 96 * MIB);
}

/* RAM that firmware describes in pieces, which may overlap, is one run. */
TEST(early_memory, joins_pieces)
{
	const struct memory_range map[] = {
		ram(24 * MIB, 8 * MIB),
		ram(8 * MIB, 10 * MIB),
		ram(16 * MIB, 8 * MIB),
		ram(64 * MIB, 20 * MIB),
	};

	expect_run(map, 4, NULL, 0, 8 * MIB, 32 * MIB);
}

/* What any other entry claims is not RAM, however often it is called so. */
TEST(early_memory, other_types_win)
{
	const struct memory_range map[] = {
		ram(8 * MIB, 64 * MIB),
		reserved(16 * MIB, 4 * KIB),
		ram(8 * MIB, 64 * MIB),
	};

	expect_run(map, 3, NULL, 0, 16 * MIB + 4 * KIB, 72 * MIB);
}

/* What is to be avoided is avoided, at the ends of RAM and inside. */
TEST(early_memory, avoids_what_is_taken)
{
	const struct memory_range map[] = {ram(8 * MIB, 56 * MIB)};
	const struct memory_range avoid[] = {
		ram(4 * MIB, 8 * MIB),
		ram(32 * MIB, MIB),
		ram(63 * MIB, 8 * MIB),
	};

	expect_run(map, 1, avoid, 3, 33 * MIB, 63 * MIB);
}

/* A frame that is RAM only in part is not used. */
TEST(early_memory, takes_whole_frames)
{
	const struct memory_range map[] = {ram(8 * MIB + 1, 8 * MIB)};
	const struct memory_range tiny[] = {ram(8 * MIB + 1, 4 * KIB)};

	expect_run(map, 1, NULL, 0, 8 * MIB + 4 * KIB, 16 * MIB);
	expect_run(tiny, 1, NULL, 0, MIB, MIB);
}

/* Only memory between the limits counts, wherever an entry starts and ends. */
TEST(early_memory, stays_within_its_limits)
{
	const struct memory_range map[] = {
		ram(0, 640 * KIB),
		ram(4 * KIB, 8 * MIB),
		ram(4 * GIB - 16 * MIB, 64 * GIB),
	};

	expect_run(map, 3, NULL, 0, 4 * GIB - 16 * MIB, 4 * GIB);
	expect_run(map, 2, NULL, 0, MIB, 8 * MIB + 4 * KIB);
}

/* An entry that runs past the end of the address space ends there, and does not start over. */
TEST(early_memory, survives_ranges_that_wrap)
{
	const struct memory_range map[] = {
		ram(8 * MIB, 8 * MIB),
		ram(UINT64_MAX - MIB, 64 * MIB),
		reserved(12 * MIB, UINT64_MAX),
		ram(32 * MIB, 32 * MIB),
	};

	expect_run(map, 4, NULL, 0, 8 * MIB, 12 * MIB);
}

/* Without RAM there is no run. */
TEST(early_memory, finds_nothing_where_nothing_is)
{
	const struct memory_range map[] = {reserved(8 * MIB, 64 * MIB), ram(16 * MIB, 0)};

	expect_run(map, 2, NULL, 0, MIB, MIB);
	expect_run(NULL, 0, NULL, 0, MIB, MIB);
}

static bool usable(const struct memory_range *map, size_t nr, uint64_t address)
{
	bool is_ram = false;

	for (size_t i = 0; i < nr; i++) {
		if (address - map[i].start.addr >= map[i].length || address < map[i].start.addr)
			continue;
		if (map[i].type != MEMORY_TYPE_RAM)
			return false;
		is_ram = true;
	}
	return is_ram;
}

/* On random maps it finds as much as a look at each frame does. */
TEST(early_memory, random_maps_match_a_model)
{
	enum { FRAMES = 256, RANGES = 12 };

	for (int round = 0; round < 200; round++) {
		struct memory_range map[RANGES];
		uint64_t longest = 0, length = 0;
		struct early_run run;

		for (size_t i = 0; i < RANGES; i++) {
			uint64_t start = MIB + test_random_below(FRAMES) * PAGE_SIZE;
			uint64_t bytes = test_random_below(FRAMES / 4) * PAGE_SIZE;

			map[i] = test_random_below(3) ? ram(start, bytes) : reserved(start, bytes);
		}
		for (uint64_t i = 0; i < 2 * FRAMES; i++) {
			length = usable(map, RANGES, MIB + i * PAGE_SIZE) ? length + 1 : 0;
			longest = length > longest ? length : longest;
		}
		run = early_run_find(map, RANGES, NULL, 0, phys(MIB), phys(4 * GIB));
		require(pfn_distance(run.start, run.end) == longest);
		for (uint64_t i = 0; i < longest; i++)
			require(usable(map, RANGES, pfn_to_phys(pfn_add(run.start, i)).addr));
	}
}
