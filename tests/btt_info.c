/* SPDX-License-Identifier: BSD-2-Clause */
/* Info blocks: what damage is noticed, and when the second one serves for the first. */
#include "drivers/btt_info.h"
#include "drivers/btt_state.h"
#include "tests/btt_case.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

#define ARENA_BYTES (16ull << 20)

static const enum btt_version versions[] = {BTT_VERSION_1_1, BTT_VERSION_2_0};

static struct btt_arena good_arena(void)
{
	struct btt_arena arena = {
		.identity = {.version = BTT_VERSION_2_0,
			     .sector_bytes = 520,
			     .uuid = "the BTT's uuid",
			     .parent_uuid = "its namespace's"},
		.flags = BTT_INFO_ERROR,
		.next = ARENA_BYTES,
	};

	require(btt_geometry_make(ARENA_BYTES, 520, &arena.geometry) == 0);
	return arena;
}

/* What a block was made of is read from it. */
TEST(btt_info, made_block_reads_back)
{
	struct btt_arena arena = good_arena(), found = {0};
	struct btt_info info;
	struct btt_fault fault;

	btt_info_make(&arena, &info);
	require(btt_info_read(&info, 2 * ARENA_BYTES, &found, &fault));
	expect(memcmp(&found.geometry, &arena.geometry, sizeof(arena.geometry)) == 0);
	expect(memcmp(&found.identity, &arena.identity, sizeof(arena.identity)) == 0);
	expect_eq(found.flags, arena.flags);
	expect_eq(found.next, arena.next);
}

/* No byte of a block can change unnoticed. */
TEST(btt_info, every_damaged_byte_is_noticed)
{
	struct btt_arena arena = good_arena(), found;
	struct btt_info info;
	struct btt_fault fault;

	btt_info_make(&arena, &info);
	for (size_t i = 0; i < sizeof(info); i++) {
		uint8_t *byte = (uint8_t *)&info + i;
		uint8_t mask = (uint8_t)(1 << test_random_below(8));

		*byte ^= mask;
		if (btt_info_read(&info, 2 * ARENA_BYTES, &found, &fault))
			fail("byte %zu, bits %#x", i, mask);
		else
			expect_str(btt_fault_name(fault.kind),
				   i < sizeof(info.signature) ? "info-signature" : "info-checksum");
		*byte ^= mask;
	}
	expect(btt_info_read(&info, 2 * ARENA_BYTES, &found, &fault));
}

/* An arena that ends past its memory is refused, however little is missing. */
TEST(btt_info, arena_longer_than_its_memory_is_refused)
{
	struct btt_arena arena = good_arena(), found;
	struct btt_info info;
	struct btt_fault fault;

	arena.next = 0;
	btt_info_make(&arena, &info);
	expect(btt_info_read(&info, ARENA_BYTES, &found, &fault));
	for (uint64_t room = 0; room < ARENA_BYTES; room += 1 + room / 7) {
		expect(!btt_info_read(&info, room, &found, &fault));
		expect_str(btt_fault_name(fault.kind), "info-field");
	}
	expect(!btt_info_read(&info, ARENA_BYTES - 1, &found, &fault));
}

/* Numbers that no arena has are refused by name, though the checksum is right. */
TEST(btt_info, impossible_fields_are_named)
{
	static const struct {
		const char *field;
		size_t offset;
		uint64_t value;
		size_t bytes;
	} cases[] = {
		{"info_bytes", offsetof(struct btt_info, info_bytes), 8192, 4},
		{"sector_bytes", offsetof(struct btt_info, sector_bytes), 0, 4},
		{"sector_bytes", offsetof(struct btt_info, sector_bytes), UINT32_MAX, 4},
		{"block_bytes", offsetof(struct btt_info, block_bytes), 0, 4},
		{"map", offsetof(struct btt_info, block_bytes), UINT32_MAX, 4},
		{"sectors", offsetof(struct btt_info, sectors), 0, 4},
		{"sectors", offsetof(struct btt_info, sectors), UINT32_MAX, 4},
		{"blocks", offsetof(struct btt_info, blocks), 0, 4},
		{"lanes", offsetof(struct btt_info, lanes), 0, 4},
		{"lanes", offsetof(struct btt_info, lanes), 257, 4},
		{"data", offsetof(struct btt_info, data), 0, 8},
		{"data", offsetof(struct btt_info, data), UINT64_MAX - 4095, 8},
		{"map", offsetof(struct btt_info, map), 0, 8},
		{"map", offsetof(struct btt_info, map), UINT64_MAX - 4095, 8},
		{"log", offsetof(struct btt_info, log), 0, 8},
		{"log", offsetof(struct btt_info, log), UINT64_MAX - 4095, 8},
		{"copy", offsetof(struct btt_info, copy), 0, 8},
		{"copy", offsetof(struct btt_info, copy), UINT64_MAX - 4095, 8},
		{"next_arena", offsetof(struct btt_info, next_arena), 4096, 8},
		{"next_arena", offsetof(struct btt_info, next_arena), ARENA_BYTES - 4096, 8},
		{"next_arena", offsetof(struct btt_info, next_arena), ARENA_BYTES + 1, 8},
		{"next_arena", offsetof(struct btt_info, next_arena), 2 * ARENA_BYTES, 8},
		{"next_arena", offsetof(struct btt_info, next_arena), UINT64_MAX - 4095, 8},
	};
	struct btt_arena arena = good_arena(), found;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct btt_info info;
		struct btt_fault fault;

		btt_info_make(&arena, &info);
		memcpy((char *)&info + cases[i].offset, &cases[i].value, cases[i].bytes);
		info.checksum = btt_info_checksum(&info);
		if (btt_info_read(&info, 2 * ARENA_BYTES, &found, &fault)) {
			fail("%s = %#llx is accepted", cases[i].field,
			     (unsigned long long)cases[i].value);
			continue;
		}
		expect_str(btt_fault_name(fault.kind), "info-field");
		expect_str(fault.field, cases[i].field);
	}
}

/* Versions that are neither 1.1 nor 2.0 are refused. */
TEST(btt_info, unknown_versions_are_refused)
{
	struct btt_arena arena = good_arena(), found;
	struct btt_info info;
	struct btt_fault fault;

	for (uint16_t major = 0; major < 4; major++)
		for (uint16_t minor = 0; minor < 4; minor++) {
			bool known = (major == 1 && minor == 1) || (major == 2 && minor == 0);

			btt_info_make(&arena, &info);
			info.major = major;
			info.minor = minor;
			info.checksum = btt_info_checksum(&info);
			expect_eq(btt_info_read(&info, 2 * ARENA_BYTES, &found, &fault), known);
			expect(known || fault.kind == BTT_FAULT_INFO_VERSION);
		}
}

/* Whatever the words of a block are, an arena that is accepted lies within its memory. */
TEST(btt_info, survives_any_numbers)
{
	struct btt_arena arena = good_arena();
	unsigned accepted = 0;

	for (unsigned i = 0; i < 3000; i++) {
		uint64_t room = test_random_below(4 * ARENA_BYTES);
		struct btt_arena found;
		struct btt_fault fault;
		struct btt_misfit misfit;
		struct btt_info info;
		uint32_t *words = (uint32_t *)&info.sector_bytes;

		btt_info_make(&arena, &info);
		for (unsigned n = (unsigned)test_random_below(4); n > 0; n--)
			words[test_random_below(16)] =
				(uint32_t)test_random() >> test_random_below(32);
		info.checksum = btt_info_checksum(&info);
		if (!btt_info_read(&info, room, &found, &fault))
			continue;
		accepted++;
		expect(btt_geometry_fits(&found.geometry, room, &misfit));
		expect(found.geometry.copy <= room - BTT_INFO_BYTES);
		expect(found.next == 0 || found.next >= found.geometry.bytes);
	}
	expect(accepted > 0);
}

/* --- On a medium. --- */

static void fill(void *at, size_t bytes)
{
	memset(at, 0xee, bytes);
}

/* Without its first info block an arena is found by the second one, and works. */
TEST(btt_info, second_block_serves_for_the_first)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++) {
		btt_case_make(versions[v], 512);
		require(btt_case.nr_arenas >= 3);
		for (unsigned arena = 0; arena < btt_case.nr_arenas; arena++) {
			uint64_t first = btt_case.state->arenas[arena].first_sector;

			require(btt_case_stamp(first, 1) == 0);
			fill(btt_case_info(arena), BTT_INFO_BYTES);
			btt_case_open(BTT_READ_WRITE);
			expect_eq(btt_case.info_faults, arena + 1);
			btt_case_expect(first, 1);
			require(btt_case_stamp(first, 2) == 0);
			btt_case_expect(first, 2);
		}
	}
}

/* Without the second one it works by the first. */
TEST(btt_info, first_block_does_without_the_second)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++) {
		btt_case_make(versions[v], 512);
		for (unsigned arena = 0; arena < btt_case.nr_arenas; arena++) {
			fill(btt_case_copy(arena), BTT_INFO_BYTES);
			btt_case_open(BTT_READ_WRITE);
			expect_eq(btt_case.info_faults, arena + 1);
		}
	}
}

/* A good block of another place is no copy, though a damaged first block leads to it. */
TEST(btt_info, copy_belongs_to_its_place)
{
	unsigned arenas;

	btt_case_begin(BTT_VERSION_2_0, 512);
	arenas = btt_case.nr_arenas;
	require(arenas >= 3);
	btt_case_info(0)->copy = (arenas - 1) * (uint64_t)BTT_CASE_ARENA_BYTES;
	btt_case_open(BTT_READ_WRITE);
	expect_eq(btt_case.nr_arenas, arenas);
	expect_eq(btt_case.info_faults, 1);
}

/* Without either there is no BTT, and a later arena that is lost is damage. */
TEST(btt_info, arena_without_blocks_is_lost)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	fill(btt_case_info(1), BTT_INFO_BYTES);
	fill(btt_case_copy(1), BTT_INFO_BYTES);
	btt_case_refused(BTT_READ_WRITE, -EINVAL, BTT_FAULT_INFO_SIGNATURE);
	btt_case_make(BTT_VERSION_2_0, 512);
	fill(btt_case_info(0), BTT_INFO_BYTES);
	fill(btt_case_copy(0), BTT_INFO_BYTES);
	btt_case_refused(BTT_READ_WRITE, -ENOENT, BTT_FAULT_INFO_SIGNATURE);
	btt_case_make(BTT_VERSION_2_0, 512);
	btt_case_info(0)->flags ^= 1;
	btt_case_copy(0)->unused[7] ^= 1;
	btt_case_refused(BTT_READ_WRITE, -EINVAL, BTT_FAULT_INFO_CHECKSUM);
}

/* Memory that ends too early is refused at each length, and nothing behind it is looked at. */
TEST(btt_info, truncated_memory_is_refused)
{
	pfn_t end;

	btt_case_begin(BTT_VERSION_1_1, 512);
	end = btt_place.end;
	/* Behind the last arena there is less than another one, of no use. */
	btt_place.end = pfn_add(btt_place.start,
				(BTT_VERSION_1_1_START + 3 * BTT_CASE_ARENA_BYTES) / PAGE_SIZE);
	btt_case_open(BTT_READ_WRITE);
	expect_eq(btt_case.nr_arenas, 3);
	btt_case_close();
	while (!pfn_eq(btt_place.end, btt_place.start)) {
		struct btt_fault fault;

		btt_place.end = pfn(btt_place.end.n - 1);
		expect(btt_open(&btt_case, "btt0", &btt_place, BTT_READ_WRITE, &fault) < 0);
	}
	btt_place.end = end;
}

static void seal(struct btt_info *info)
{
	info->checksum = btt_info_checksum(info);
}

/* Arenas of different BTTs are not joined. */
TEST(btt_info, foreign_arena_is_refused)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	for (unsigned i = 0; i < 2; i++) {
		struct btt_info *info = i ? btt_case_copy(2) : btt_case_info(2);

		info->uuid[15] ^= 1;
		seal(info);
	}
	btt_case_refused(BTT_READ_WRITE, -EINVAL, BTT_FAULT_INFO_FOREIGN);
}

/* A block of version 1.1 where 2.0 begins is none, and the other way round. */
TEST(btt_info, version_belongs_to_its_place)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++) {
		btt_case_make(versions[v], 512);
		for (unsigned i = 0; i < 2; i++) {
			struct btt_info *info = i ? btt_case_copy(0) : btt_case_info(0);

			info->major = v ? 1 : 2;
			info->minor = v ? 1 : 0;
			seal(info);
		}
		btt_case_refused(BTT_READ_WRITE, -EINVAL, BTT_FAULT_INFO_VERSION);
	}
}

/* What an older BTT of the other version left is not taken for the new one. */
TEST(btt_info, older_version_is_forgotten)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	for (size_t v = 0; v < 4; v++) {
		btt_case_make(versions[v % 2], 512);
		expect_eq(btt_case.identity.version, versions[v % 2]);
	}
}

/* Linux leaves the block of a BTT 2.0 before one of version 1.1: the whole one counts. */
TEST(btt_info, block_left_before_the_first_arena_is_ignored)
{
	static struct btt_info left;

	btt_case_begin(BTT_VERSION_2_0, 512);
	left = *btt_case_info(0);
	btt_case_make(BTT_VERSION_1_1, 512);
	memcpy(btt_case_at(0), &left, sizeof(left));
	btt_case_open(BTT_READ_WRITE);
	expect_eq(btt_case.identity.version, BTT_VERSION_1_1);
}
