/* SPDX-License-Identifier: BSD-2-Clause */
/* What a lane's group of the log says, and what it cannot say. */
#include "drivers/btt_log.h"
#include "tests/test.h"

#include <errno.h>

static const struct btt_log_slots new_slots = {{0, 1}}, old_slots = {{0, 2}};
static const struct btt_geometry geometry = {.sectors = 1000, .blocks = 1256, .lanes = 256};

/* An entry that means something. */
static struct btt_log_entry entry(uint32_t sequence)
{
	return (struct btt_log_entry){7, 8, 9, sequence};
}

/* All pairs of sequence numbers, and which of the two is newer; -1: neither. */
TEST(btt_log, sequence_numbers_go_round)
{
	static const int newer[5][5] = {
		{-1, -1, -1, -1, -1}, /* the first entry was never written */
		{0, -1, 1, 0, -1},    /* 1: only the first write of all leaves the other unused */
		{-1, 0, -1, 1, -1},   /* 2 */
		{-1, 1, 0, -1, -1},   /* 3: the next one is 1 */
		{-1, -1, -1, -1, -1}, /* there is no 4 */
	};

	for (uint32_t a = 0; a < 5; a++)
		for (uint32_t b = 0; b < 5; b++) {
			struct btt_log_group group = {{entry(a), entry(b)}};
			struct btt_log_group padded = {{entry(a), {0}, entry(b)}};
			int expected = newer[a][b] < 0 ? -EINVAL : newer[a][b];

			expect_eq(btt_log_newer(&group, new_slots), expected);
			expect_eq(btt_log_newer(&padded, old_slots), expected);
		}
	expect_eq(btt_log_next_sequence(1), 2);
	expect_eq(btt_log_next_sequence(2), 3);
	expect_eq(btt_log_next_sequence(3), 1);
}

/* Whether groups go together; 0: they do not, else the second slot. */
static unsigned slots_of(const struct btt_log_group *groups, size_t nr)
{
	struct btt_log_slots_seen seen = {0};

	for (size_t i = 0; i < nr; i++)
		if (!btt_log_slots_add(&seen, &groups[i]))
			return 0;
	expect_eq(btt_log_slots(&seen).slot[0], 0);
	return btt_log_slots(&seen).slot[1];
}

/* Both layouts are told by any lane that wrote twice, and nothing else is taken for one. */
TEST(btt_log, slots_in_use_are_found)
{
	const struct btt_log_group fresh = btt_log_first_group(1000, 3);
	const struct btt_log_group new = {{entry(1), entry(2)}};
	const struct btt_log_group old = {{entry(1), {0}, entry(2)}};
	const struct btt_log_group last = {{entry(1), {0}, {0}, entry(2)}};
	const struct btt_log_group three = {{entry(1), entry(2), entry(3)}};
	const struct btt_log_group second_only = {{{0}, entry(1)}};
	const struct btt_log_group empty = {0};

	expect_eq(slots_of((struct btt_log_group[]){fresh, fresh}, 2), 1);
	expect_eq(slots_of((struct btt_log_group[]){fresh, new, fresh}, 3), 1);
	expect_eq(slots_of((struct btt_log_group[]){fresh, old, fresh}, 3), 2);
	expect_eq(slots_of((struct btt_log_group[]){old, fresh, new}, 3), 0);
	expect_eq(slots_of((struct btt_log_group[]){new, fresh, old}, 3), 0);
	expect_eq(slots_of(&last, 1), 0);
	expect_eq(slots_of(&three, 1), 0);
	expect_eq(slots_of(&second_only, 1), 0);
	expect_eq(slots_of(&empty, 1), 0);
}

/* A lane that never wrote has the block of its own number behind those of the sectors. */
TEST(btt_log, first_group_is_that_of_linux)
{
	struct btt_log_group group = btt_log_first_group(1000, 17);
	struct btt_log_last last;
	struct btt_fault fault;

	expect_eq(group.slots[0].sector, 17);
	expect_eq(group.slots[0].old_block, 1017);
	expect_eq(group.slots[0].new_block, 1017);
	expect_eq(group.slots[0].sequence, 1);
	for (size_t i = 1; i < BTT_LOG_SLOTS; i++)
		expect_eq(group.slots[i].sector | group.slots[i].old_block |
				  group.slots[i].new_block | group.slots[i].sequence,
			  0);
	require(btt_log_last(&group, new_slots, &geometry, &last, &fault));
	expect_eq(last.old_block, 1017);
	expect_eq(last.old_block, last.new_block);
}

/* The newer entry counts, and what it says is taken without its marks. */
TEST(btt_log, last_write_is_read)
{
	struct btt_log_group group = {{
		{1, 2, 3, 3},
		{0},
		{999, 1255 | BTT_MAP_ERROR, 1254 | BTT_MAP_MARKS, 1},
	}};
	struct btt_log_last last;
	struct btt_fault fault;

	require(btt_log_last(&group, old_slots, &geometry, &last, &fault));
	expect_eq(last.newer, 1);
	expect_eq(last.sector, 999);
	expect_eq(last.old_block, 1255);
	expect_eq(last.new_block, 1254);
	expect_eq(last.sequence, 1);
	expect(last.bad);
	group.slots[2].old_block = 1255 | BTT_MAP_MARKS;
	require(btt_log_last(&group, old_slots, &geometry, &last, &fault));
	expect(!last.bad);
}

/* What lies past the end of the arena is refused, and where that is said. */
TEST(btt_log, numbers_past_the_end_are_refused)
{
	static const struct {
		struct btt_log_entry entry;
		enum btt_fault_kind kind;
		uint64_t at;
	} cases[] = {
		{{1000, 8, 9, 2}, BTT_FAULT_LOG_SECTOR, 16},
		{{UINT32_MAX, 8, 9, 2}, BTT_FAULT_LOG_SECTOR, 16},
		{{7, 1256, 9, 2}, BTT_FAULT_LOG_BLOCK, 20},
		{{7, 8, 1256, 2}, BTT_FAULT_LOG_BLOCK, 24},
		{{7, 8, BTT_MAP_BLOCK, 2}, BTT_FAULT_LOG_BLOCK, 24},
		{{7, 8, 9, 1}, BTT_FAULT_LOG_SEQUENCE, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct btt_log_group group = {{entry(1), cases[i].entry}};
		struct btt_log_last last;
		struct btt_fault fault;

		expect(!btt_log_last(&group, new_slots, &geometry, &last, &fault));
		expect_str(btt_fault_name(fault.kind), btt_fault_name(cases[i].kind));
		expect_eq(fault.at, cases[i].at);
	}
}
