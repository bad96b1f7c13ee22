/* SPDX-License-Identifier: BSD-2-Clause */
/* Where Linux and ndctl put the parts of an arena, and what no arena can be. */
#include "drivers/btt_geometry.h"
#include "tests/btt_case.h"
#include "tests/test.h"

#include <errno.h>

#define MIB (1ull << 20)

static struct btt_geometry made(uint64_t bytes, uint32_t sector_bytes)
{
	struct btt_geometry geometry;

	require(btt_geometry_make(bytes, sector_bytes, &geometry) == 0);
	return geometry;
}

/* The sizes that ndctl's own tests want of namespaces, whose arenas begin at their start. */
TEST(btt_layout, capacities_are_those_of_ndctl)
{
	expect_eq(made(18 * MIB, 512).sectors * 512ull, 0x11b5400);
	expect_eq(made(20 * MIB, 512).sectors * 512ull, 0x13b1400);
	expect_eq(made(27 * MIB, 512).sectors * 512ull, 0x1aa3600);
}

/* An arena of 64 MiB as Linux makes it. */
TEST(btt_layout, parts_are_where_linux_puts_them)
{
	struct btt_geometry geometry = made(64 * MIB, 4096);

	expect_eq(geometry.bytes, 64 * MIB);
	expect_eq(geometry.block_bytes, 4096);
	expect_eq(geometry.sectors, 16105);
	expect_eq(geometry.blocks, 16361);
	expect_eq(geometry.lanes, 256);
	expect_eq(geometry.data, 0x1000);
	expect_eq(geometry.map, 0x3feb000);
	expect_eq(geometry.log, 0x3ffb000);
	expect_eq(geometry.copy, 0x3fff000);
}

/* Blocks have room for a sector, and begin at cache lines. */
TEST(btt_layout, blocks_are_sectors_rounded_up)
{
	static const uint32_t blocks[] = {512, 576, 576, 4096, 4160, 4160, 4224};

	for (size_t i = 0; btt_sector_sizes[i]; i++)
		expect_eq(made(16 * MIB, btt_sector_sizes[i]).block_bytes, blocks[i]);
}

/* What is made fits into its memory, to the byte, whatever its size. */
TEST(btt_layout, whatever_is_made_fits)
{
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t sector_bytes = btt_sector_sizes[test_random_below(7)];
		uint64_t bytes = 512 * 1024 + test_random_below(1ull << (20 + i % 20));
		struct btt_geometry geometry;
		struct btt_misfit misfit;

		if (btt_geometry_make(bytes, sector_bytes, &geometry))
			continue;
		if (!btt_geometry_fits(&geometry, bytes, &misfit))
			fail("%llu bytes, sectors of %u: %s", (unsigned long long)bytes,
			     sector_bytes, misfit.field);
		expect(bytes - geometry.bytes < 4096);
		expect(!btt_geometry_fits(&geometry, geometry.bytes - 1, &misfit));
	}
}

/* The largest arena has room for its number of blocks in a map entry. */
TEST(btt_layout, largest_arena_is_made)
{
	struct btt_geometry geometry = made(BTT_ARENA_MAX, 512);

	expect_eq(geometry.copy, BTT_ARENA_MAX - 4096);
	expect(geometry.blocks <= BTT_MAP_BLOCK);
	expect_eq(btt_geometry_make(BTT_ARENA_MAX + 8 * (1ull << 30), 512, &geometry), -EINVAL);
}

/* Other sectors do not exist, and neither do arenas without room for one. */
TEST(btt_layout, impossible_arenas_are_refused)
{
	struct btt_geometry geometry;

	for (uint32_t bytes = 0; bytes < 8192; bytes += 4)
		expect_eq(btt_geometry_make(16 * MIB, bytes, &geometry),
			  btt_data_bytes(bytes) ? 0 : -EINVAL);
	expect_eq(btt_geometry_make(0, 512, &geometry), -EINVAL);
	expect_eq(btt_geometry_make(4096, 512, &geometry), -EINVAL);
	expect_eq(btt_geometry_make(7 * 4096 + 256 * 516, 512, &geometry), -EINVAL);
	expect_eq(btt_geometry_make(8 * 4096 + 257 * 516, 512, &geometry), 0);
}

/* Each number that cannot be is named. */
TEST(btt_layout, misfits_are_named)
{
	static const struct {
		const char *field;
		struct btt_geometry change; /* added to a good one */
	} cases[] = {
		{"sector_bytes", {.sector_bytes = 4}},
		{"block_bytes", {.block_bytes = -512u}},
		{"lanes", {.lanes = 1}},
		{"lanes", {.lanes = -256u}},
		{"sectors", {.sectors = 1u << 30}},
		{"blocks", {.blocks = 1}},
		{"blocks", {.blocks = -1u}},
		{"data", {.data = -4096ull}},
		{"data", {.data = -8192ull}},
		{"data", {.data = 1}},
		{"data", {.data = 1ull << 40}},
		{"map", {.map = -4096ull * 32}},
		{"map", {.map = 4}},
		{"map", {.data = 4096 * 16}},
		{"map", {.block_bytes = 512}},
		{"log", {.log = -4096ull * 64}},
		{"log", {.log = 64}},
		{"log", {.map = 4096 * 8}},
		{"copy", {.copy = 512}},
		{"copy", {.copy = 4096}},
		{"copy", {.copy = -4096ull}},
		{"copy", {.log = 4096}},
	};
	const struct btt_geometry good = made(16 * MIB, 512);
	struct btt_misfit misfit;

	require(btt_geometry_fits(&good, 16 * MIB, &misfit));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct btt_geometry *change = &cases[i].change;
		struct btt_geometry bad = {
			.sector_bytes = good.sector_bytes + change->sector_bytes,
			.sectors = good.sectors + change->sectors,
			.block_bytes = good.block_bytes + change->block_bytes,
			.blocks = good.blocks + change->blocks,
			.lanes = good.lanes + change->lanes,
			.data = good.data + change->data,
			.map = good.map + change->map,
			.log = good.log + change->log,
			.copy = good.copy + change->copy,
		};

		if (btt_geometry_fits(&bad, 16 * MIB, &misfit))
			fail("case %zu, %s: it fits", i, cases[i].field);
		else
			expect_str(misfit.field, cases[i].field);
	}
}
