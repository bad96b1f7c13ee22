/* SPDX-License-Identifier: BSD-2-Clause */
/* Each damage of a BTT is found by name, and repaired if it can be. */
#include "drivers/btt_check.h"
#include "drivers/btt_map.h"
#include "drivers/btt_state.h"
#include "tests/btt_case.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static uint64_t bits[512];
static struct btt_checked result;
static struct btt_fault told[64];
static unsigned nr_told;

static void tell(void *unused, const struct btt_fault *fault)
{
	(void)unused;
	if (nr_told < ARRAY_SIZE(told))
		told[nr_told] = *fault;
	nr_told++;
}

static int check(enum btt_access access)
{
	struct btt_check request = {
		.memory = btt_place,
		.access = access,
		.bitmap = bits,
		.bitmap_bytes = sizeof(bits),
		.tell = tell,
	};

	nr_told = 0;
	return btt_check(&request, &result);
}

static uint64_t nr_found(void)
{
	uint64_t nr = 0;

	for (unsigned kind = 0; kind < BTT_FAULTS; kind++)
		nr += result.found[kind];
	return nr;
}

static uint64_t sum_of_medium(void)
{
	const uint64_t *words = btt_case_at(0);
	uint64_t sum = 0;

	for (size_t i = 0; i < AREA_SIZE / sizeof(*words); i++)
		sum = sum * 31 + words[i];
	return sum;
}

/* Finds this fault first, in this arena at this byte, and changes nothing by that. */
static void expect_found(int error, enum btt_fault_kind kind, unsigned arena, const void *at)
{
	uint64_t before = sum_of_medium();

	expect_eq(check(BTT_READ_ONLY), error);
	expect(sum_of_medium() == before);
	require(nr_told > 0);
	expect_str(btt_fault_name(told[0].kind), btt_fault_name(kind));
	expect_eq(told[0].arena, arena);
	expect_eq(told[0].at, (const char *)at - (const char *)btt_case_at(0));
}

static void expect_nothing(void)
{
	expect_eq(check(BTT_READ_ONLY), 0);
	expect_eq(nr_told, 0);
	expect_eq(nr_found(), 0);
}

/* Some writes, by which map and log are no more what they were made as. */
static void begin(enum btt_version version, uint32_t sector_bytes)
{
	btt_case_begin(version, sector_bytes);
	for (unsigned i = 0; i < 400; i++)
		require(btt_case_stamp(test_random_below(btt_case_sectors()), i) == 0);
	expect_nothing();
}

/* A new BTT and a used one are without faults, of each version and sector size. */
TEST(btt_check, sound_ones_are_sound)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	for (unsigned version = 1; version <= 2; version++)
		for (const uint32_t *size = btt_sector_sizes; *size < 4096; size++) {
			btt_case_make(version == 1 ? BTT_VERSION_1_1 : BTT_VERSION_2_0, *size);
			expect_nothing();
			expect_eq(result.arenas, btt_case.nr_arenas);
			expect_eq(result.sectors, btt_case_sectors());
			for (unsigned i = 0; i < 1000; i++)
				require(btt_case_stamp(test_random_below(btt_case_sectors()), i) ==
					0);
			expect_nothing();
		}
}

/* The verdict does not depend on how much memory there is for it. */
TEST(btt_check, little_memory_takes_more_passes)
{
	struct btt_check request = {.access = BTT_READ_ONLY, .bitmap = bits};

	begin(BTT_VERSION_2_0, 512);
	*btt_case_map(0, 11) = *btt_case_map(0, 12) = 500 | BTT_MAP_MARKS;
	request.memory = btt_place;
	for (size_t bytes = sizeof(bits); bytes >= 8; bytes /= 4) {
		uint64_t twice = result.found[BTT_FAULT_BLOCK_TWICE];

		request.bitmap_bytes = bytes;
		expect_eq(btt_check(&request, &result), -EINVAL);
		expect(result.passes >= 700 / (bytes * 8));
		expect(bytes == sizeof(bits) || result.found[BTT_FAULT_BLOCK_TWICE] == twice);
		expect(result.found[BTT_FAULT_BLOCK_TWICE] >= 1);
		expect_eq(result.found[BTT_FAULT_BLOCK_LOST], result.found[BTT_FAULT_BLOCK_TWICE]);
	}
	request.bitmap_bytes = 7;
	expect_eq(btt_check(&request, &result), -EINVAL);
}

/* What is no BTT is not called a damaged one. */
TEST(btt_check, nothing_is_not_damaged)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	expect_eq(check(BTT_READ_WRITE), -ENOENT);
	expect_eq(nr_told, 0);
}

/* Each info block is made good by the other one, in each arena. */
TEST(btt_check, info_blocks_repair_each_other)
{
	static struct btt_info good;

	begin(BTT_VERSION_1_1, 512);
	for (unsigned arena = 0; arena < btt_case.nr_arenas; arena++) {
		struct btt_info *blocks[] = {btt_case_info(arena), btt_case_copy(arena)};

		for (unsigned i = 0; i < 2; i++) {
			good = *blocks[i];
			blocks[i]->sectors ^= 1u << test_random_below(32);
			expect_found(-EINVAL, BTT_FAULT_INFO_CHECKSUM, arena, blocks[i]);
			memset(blocks[i], 0, sizeof(*blocks[i]));
			expect_found(-EINVAL, BTT_FAULT_INFO_SIGNATURE, arena, blocks[i]);
			expect_eq(check(BTT_READ_WRITE), 0);
			expect_eq(result.repaired, 1);
			expect(memcmp(blocks[i], &good, sizeof(good)) == 0);
			expect_nothing();
		}
	}
}

/* Of two good blocks that differ the first one counts. */
TEST(btt_check, differing_info_blocks_are_made_the_same)
{
	struct btt_info *copy;

	begin(BTT_VERSION_2_0, 512);
	copy = btt_case_copy(1);
	copy->flags |= BTT_INFO_ERROR;
	copy->checksum = btt_info_checksum(copy);
	expect_found(-EINVAL, BTT_FAULT_INFO_DIFFERS, 1, &copy->flags);
	expect_eq(check(BTT_READ_WRITE), 0);
	expect_eq(copy->flags, 0);
	expect_nothing();
}

/* What nothing can repair is found, and left as it is. */
TEST(btt_check, broken_logs_are_named)
{
	static const struct {
		unsigned slot;
		struct btt_log_entry entry;
		enum btt_fault_kind kind;
		unsigned at; /* from the group */
	} cases[] = {
		{3, {1, 2, 3, 1}, BTT_FAULT_LOG_LAYOUT, 0},
		{2, {1, 2, 3, 1}, BTT_FAULT_LOG_LAYOUT, 0},
		{0, {0, 0, 0, 0}, BTT_FAULT_LOG_LAYOUT, 0},
		{0, {1, 2, 3, 4}, BTT_FAULT_LOG_SEQUENCE, 0},
		{0, {1, 2, 3, 0}, BTT_FAULT_LOG_SEQUENCE, 0},
	};

	begin(BTT_VERSION_2_0, 512);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (uint32_t lane = 0; lane < BTT_LANES; lane += BTT_LANES - 1) {
			struct btt_log_group *group = btt_case_log(1, lane);
			struct btt_log_group good = *group;

			/* Both slots are in use, so that the third one is one too many. */
			group->slots[1] = group->slots[0];
			group->slots[1].sequence = btt_log_next_sequence(good.slots[0].sequence);
			group->slots[cases[i].slot] = cases[i].entry;
			expect_found(-EINVAL, cases[i].kind, 1, (char *)group + cases[i].at);
			btt_case_refused(BTT_READ_WRITE, -EINVAL, cases[i].kind);
			expect_eq(check(BTT_READ_WRITE), -EINVAL);
			expect_eq(result.repaired, 0);
			*group = good;
			btt_case_open(BTT_READ_WRITE);
		}
	expect_nothing();
}

/* So are numbers in the log that the arena does not have. */
TEST(btt_check, log_past_the_end_is_named)
{
	struct btt_log_group *group, good;
	struct btt_geometry geometry;

	begin(BTT_VERSION_2_0, 512);
	group = btt_case_log(2, 9);
	good = *group;
	geometry = btt_case.state->arenas[2].info.geometry;
	group->slots[0].sector = geometry.sectors;
	expect_found(-EINVAL, BTT_FAULT_LOG_SECTOR, 2, group);
	*group = good;
	group->slots[0].old_block = geometry.blocks;
	expect_found(-EINVAL, BTT_FAULT_LOG_BLOCK, 2, &group->slots[0].old_block);
	*group = good;
	group->slots[0].new_block = geometry.blocks;
	expect_found(-EINVAL, BTT_FAULT_LOG_BLOCK, 2, &group->slots[0].new_block);
	btt_case_refused(BTT_READ_ONLY, -EINVAL, BTT_FAULT_LOG_BLOCK);
	*group = good;
	expect_nothing();
}

/* A map entry past the end is named, and its block is used by nobody. */
TEST(btt_check, map_past_the_end_is_named)
{
	uint32_t *entry, good, blocks;

	begin(BTT_VERSION_2_0, 512);
	entry = btt_case_map(0, 5);
	good = *entry;
	blocks = btt_case.state->arenas[0].info.geometry.blocks;
	*entry = blocks | BTT_MAP_MARKS;
	expect_found(-EINVAL, BTT_FAULT_MAP_BLOCK, 0, entry);
	expect_eq(result.found[BTT_FAULT_MAP_BLOCK], 1);
	expect_eq(result.found[BTT_FAULT_BLOCK_LOST], 1);
	*entry = UINT32_MAX;
	expect_found(-EINVAL, BTT_FAULT_MAP_BLOCK, 0, entry);
	*entry = good;
	expect_nothing();
}

/* Two sectors of one block are found, and the block that nobody has. */
TEST(btt_check, block_of_two_sectors_is_found)
{
	uint32_t *entry, good;

	begin(BTT_VERSION_2_0, 512);
	entry = btt_case_map(0, 300);
	good = *entry;
	*entry = btt_map_entry(btt_map_block(*btt_case_map(0, 299), 299));
	expect_found(-EINVAL, BTT_FAULT_BLOCK_TWICE, 0, entry);
	expect_eq(result.found[BTT_FAULT_BLOCK_TWICE], 1);
	expect_eq(result.found[BTT_FAULT_BLOCK_LOST], 1);
	expect_eq(told[1].found, btt_map_block(good, 300));
	*entry = good;
	expect_nothing();
}

/* A sector's block that a lane takes for free is found as well, before a write destroys it. */
TEST(btt_check, block_of_sector_and_lane_is_found)
{
	struct btt_log_group *group, good;

	begin(BTT_VERSION_2_0, 512);
	group = btt_case_log(1, 200);
	good = *group;
	group->slots[0].old_block = group->slots[0].new_block =
		btt_map_block(*btt_case_map(1, 3), 3);
	expect_found(-EINVAL, BTT_FAULT_BLOCK_TWICE, 1, group);
	expect_eq(result.found[BTT_FAULT_BLOCK_TWICE], 1);
	expect_eq(result.found[BTT_FAULT_BLOCK_LOST], 1);
	*group = good;
	expect_nothing();
}

/* A block that nobody has is found wherever it is, the last one too, with any memory for it. */
TEST(btt_check, every_lost_block_is_found)
{
	struct btt_check request = {.access = BTT_READ_ONLY, .bitmap = bits, .tell = tell};

	btt_case_begin(BTT_VERSION_2_0, 512);
	request.memory = btt_place;
	for (uint32_t lane = 0; lane < BTT_LANES; lane++) {
		struct btt_log_entry *entry = &btt_case_log(0, lane)->slots[0], good = *entry;

		entry->old_block = entry->new_block =
			btt_case_log(0, lane ? 0 : 1)->slots[0].new_block;
		request.bitmap_bytes = lane % 2 ? sizeof(bits) : sizeof(*bits);
		nr_told = 0;
		expect_eq(btt_check(&request, &result), -EINVAL);
		expect_eq(nr_found(), 2);
		expect_eq(result.found[BTT_FAULT_BLOCK_LOST], 1);
		expect(told[0].found == good.new_block || told[1].found == good.new_block);
		*entry = good;
	}
	expect_nothing();
}

/* A write that waits for its map entry is told, is no fault, and is finished by a repair. */
TEST(btt_check, unfinished_write_is_finished)
{
	uint32_t *entry, before, after;

	begin(BTT_VERSION_2_0, 512);
	entry = btt_case_map(0, 77);
	before = *entry;
	require(btt_case_stamp(77, 1) == 0);
	after = *entry;
	*entry = before;
	expect_found(0, BTT_FAULT_LOG_PENDING, 0, entry);
	expect_eq(nr_found(), 1);
	expect_eq(result.repaired, 0);
	expect_eq(check(BTT_READ_WRITE), 0);
	expect_eq(result.repaired, 1);
	expect_eq(*entry, after);
	expect_nothing();
}

/* Many faults are all counted, and some of them told. */
TEST(btt_check, many_faults_are_counted)
{
	enum { MANY = 100 };

	begin(BTT_VERSION_2_0, 512);
	for (uint32_t i = 0; i < MANY; i++)
		*btt_case_map(0, i) = UINT32_MAX;
	expect_eq(check(BTT_READ_ONLY), -EINVAL);
	expect_eq(result.found[BTT_FAULT_MAP_BLOCK], MANY);
	expect_eq(result.found[BTT_FAULT_BLOCK_LOST], MANY);
	expect_eq(nr_told, 2 * BTT_CHECK_TOLD);
}

/* Whatever bytes of the metadata are damaged, checking ends, and repairs make nothing worse. */
TEST(btt_check, survives_any_damage)
{
	begin(BTT_VERSION_2_0, 512);
	for (unsigned i = 0; i < 200; i++) {
		int first, again;

		for (uint64_t n = 1 + test_random_below(20); n > 0; n--) {
			uint64_t at = test_random_below(2) ? test_random_below(AREA_SIZE)
							   : BTT_CASE_ARENA_BYTES - 32768 +
								     test_random_below(32768);

			memset(btt_case_at(at), (int)test_random(), 1);
		}
		first = check(BTT_READ_WRITE);
		again = check(BTT_READ_ONLY);
		expect_eq(again, first);
		if (i % 20 == 19)
			btt_case_make(BTT_VERSION_2_0, 512);
	}
}

/* Every fault has a name and a text that says where it is. */
TEST(btt_check, faults_have_words)
{
	for (unsigned kind = BTT_FAULT_NONE; kind < BTT_FAULTS; kind++) {
		struct btt_fault fault = {
			(enum btt_fault_kind)kind, 3, 0x1234000, 0x55, 0x66, "sectors"};
		char text[BTT_FAULT_TEXT_MAX];

		require(btt_fault_name(fault.kind) != NULL);
		btt_fault_text(&fault, text);
		expect(strstr(text, btt_fault_name(fault.kind)) != NULL);
		expect(strstr(text, "arena 3") != NULL && strstr(text, "0x1234000") != NULL);
		expect(strlen(text) < sizeof(text) - 1);
	}
}
