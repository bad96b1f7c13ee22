/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a power failure leaves of a write, built step by step: the medium before the write, with
 * some of the stores that the write made. Old or new, never both, and one opening is as good as
 * two.
 */
#include "drivers/btt_state.h"
#include "tests/btt_case.h"
#include "tests/test.h"

#include <string.h>

enum { SECTOR = 70, GENERATIONS = 4 };

static char *before, *after, *found; /* the whole medium, each */

static void save(char *copy)
{
	memcpy(copy, btt_case_at(0), AREA_SIZE);
}

static void restore(const char *copy)
{
	memcpy(btt_case_at(0), copy, AREA_SIZE);
}

/* Takes some of what the write stored. */
static void add(const void *at, size_t bytes)
{
	size_t offset = (size_t)((const char *)at - (const char *)btt_case_at(0));

	memcpy(btt_case_at(offset), after + offset, bytes);
}

/* Opens what is on the medium, in each way, and twice. */
static void expect_recovery(unsigned recovered, uint32_t generation)
{
	save(found);
	btt_case_expect_sound(recovered);
	btt_case_open(BTT_READ_ONLY);
	expect_eq(btt_case.recovered, recovered);
	btt_case_expect(SECTOR, generation);
	expect(memcmp(found, btt_case_at(0), AREA_SIZE) == 0);
	btt_case_open(BTT_READ_WRITE);
	expect_eq(btt_case.recovered, recovered);
	btt_case_expect(SECTOR, generation);
	save(found);
	btt_case_expect_sound(0);
	btt_case_open(BTT_READ_WRITE);
	expect_eq(btt_case.recovered, 0);
	btt_case_expect(SECTOR, generation);
	expect(memcmp(found, btt_case_at(0), AREA_SIZE) == 0);
	require(btt_case_stamp(SECTOR, generation + 100) == 0);
	btt_case_expect(SECTOR, generation + 100);
	btt_case_expect_sound(0);
}

/* The parts of the medium that a write of CPU 0 stores to. */
struct stores {
	char *data;
	uint64_t *entry; /* of the log: two halves */
	uint32_t *map;
};

/* Writes the sector once more, as generation + 1, and notes what that changed. */
static struct stores write_once(uint32_t generation)
{
	struct btt_lane *lane = &btt_case.state->arenas[0].lanes[0];
	unsigned slot = btt_case.state->arenas[0].slots.slot[lane->next];
	struct stores stores = {
		.data = (char *)btt_case_info(0) +
			btt_block_at(&btt_case.state->arenas[0].info.geometry, lane->block),
		.entry = (uint64_t *)&btt_case_log(0, 0)->slots[slot],
		.map = btt_case_map(0, SECTOR),
	};

	save(before);
	require(btt_case_stamp(SECTOR, generation + 1) == 0);
	save(after);
	restore(before);
	return stores;
}

/* A case with room for what it is compared with. */
static void begin(enum btt_version version, uint32_t sector_bytes)
{
	btt_case_begin(version, sector_bytes);
	found = test_virt(test_take(MEMORY_DRAM, AREA_SIZE), 0);
	before = test_virt(test_take(MEMORY_DRAM, AREA_SIZE), 0);
	after = test_virt(test_take(MEMORY_DRAM, AREA_SIZE), 0);
	require(btt_case_stamp(SECTOR, 1) == 0);
}

/* One write after the other, so that the lane's entries are used in turn: `steps` of each last. */
static void interrupt_writes(void (*cut)(const struct stores *), unsigned recovered, bool done)
{
	for (uint32_t i = 0; i < GENERATIONS; i++) {
		uint32_t generation = 1 + 200 * i;
		struct stores stores;

		require(btt_case_stamp(SECTOR, generation) == 0);
		stores = write_once(generation);
		cut(&stores);
		expect_recovery(recovered, done ? generation + 1 : generation);
	}
}

static void cut_in_data(const struct stores *stores)
{
	add(stores->data, 8 * (1 + test_random_below(63)));
}

/* Data that is not all there leaves the old sector. */
TEST(btt_recovery, cut_within_the_data)
{
	begin(BTT_VERSION_2_0, 512);
	interrupt_writes(cut_in_data, 0, false);
}

static void cut_before_the_log_counts(const struct stores *stores)
{
	add(stores->data, 512);
	add(&stores->entry[0], 8);
}

/* So does an entry of the log whose first half alone was stored. */
TEST(btt_recovery, cut_between_the_halves_of_the_log)
{
	begin(BTT_VERSION_1_1, 520);
	interrupt_writes(cut_before_the_log_counts, 0, false);
}

static void cut_before_the_map(const struct stores *stores)
{
	add(stores->data, 512);
	add(stores->entry, 16);
}

/* From the second half on it is the new sector, which a read-only BTT reads as well. */
TEST(btt_recovery, cut_between_log_and_map)
{
	begin(BTT_VERSION_2_0, 528);
	interrupt_writes(cut_before_the_map, 1, true);
}

static void cut_at_the_end(const struct stores *stores)
{
	cut_before_the_map(stores);
	add(stores->map, 4);
}

/* With the map's entry nothing is left to be done. */
TEST(btt_recovery, cut_after_the_map)
{
	begin(BTT_VERSION_1_1, 512);
	interrupt_writes(cut_at_the_end, 0, true);
}

/* The log of Linux before 4.15 recovers as well, and stays what it is. */
TEST(btt_recovery, older_layout_of_the_log)
{
	begin(BTT_VERSION_1_1, 512);
	for (uint32_t lane = 0; lane < BTT_LANES; lane++) {
		struct btt_log_group *group = btt_case_log(0, lane);

		group->slots[2] = group->slots[1];
		group->slots[1] = (struct btt_log_entry){0};
	}
	btt_case_open(BTT_READ_WRITE);
	expect_eq(btt_case.log_slot, 2);
	interrupt_writes(cut_before_the_map, 1, true);
	expect_eq(btt_case.log_slot, 2);
	for (uint32_t lane = 0; lane < BTT_LANES; lane++)
		expect_eq(btt_case_log(0, lane)->slots[1].sequence, 0);
}

/* A sector that was never written, one that reads as zeros and one with an error recover, too. */
TEST(btt_recovery, every_state_of_a_sector)
{
	static const uint32_t marks[] = {0, BTT_MAP_ZERO, BTT_MAP_ERROR};

	begin(BTT_VERSION_2_0, 512);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		struct stores stores;

		btt_case_make(BTT_VERSION_2_0, 512);
		*btt_case_map(0, SECTOR) = marks[i] ? marks[i] | SECTOR : 0;
		btt_case_open(BTT_READ_WRITE);
		stores = write_once(1);
		cut_before_the_map(&stores);
		expect_recovery(1, 2);
	}
}

/* Makes the log say that each of the first lanes gave the sector of its number its own block. */
static void leave_unfinished(uint32_t lanes, uint32_t finished)
{
	const struct btt_geometry *geometry = &btt_case.state->arenas[0].info.geometry;

	for (uint32_t i = 0; i < lanes; i++) {
		struct btt_log_group *group = btt_case_log(0, i);
		uint32_t new = group->slots[0].new_block;

		btt_case_fill((char *)btt_case_info(0) + btt_block_at(geometry, new), i, 1);
		group->slots[1] = (struct btt_log_entry){i, i, new, 2};
		if (i < finished)
			*btt_case_map(0, i) = new | BTT_MAP_MARKS;
	}
}

/* A power failure within the recovery of several lanes is recovered from. */
TEST(btt_recovery, cut_within_recovery)
{
	enum { LANES = 5 };

	btt_case_begin(BTT_VERSION_2_0, 512);
	for (uint32_t finished = 0; finished <= LANES; finished++) {
		btt_case_make(BTT_VERSION_2_0, 512);
		leave_unfinished(LANES, finished);
		btt_case_expect_sound(LANES - finished);
		btt_case_open(finished % 2 ? BTT_READ_ONLY : BTT_READ_WRITE);
		expect_eq(btt_case.recovered, LANES - finished);
		for (uint32_t i = 0; i < LANES; i++)
			btt_case_expect(i, 1);
	}
}
