/* SPDX-License-Identifier: BSD-2-Clause */
/* What a sector can be, and what a write of it leaves on the medium. */
#include "drivers/btt_check.h"
#include "drivers/btt_map.h"
#include "drivers/btt_state.h"
#include "mm/bad_lines.h"
#include "mm/page.h"
#include "tests/btt_case.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static uint64_t data[PAGE_SIZE / sizeof(uint64_t)];

/* A sector that was never written is the memory that it would be in. */
TEST(btt, unwritten_sector_is_as_it_was)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	memset(btt_case_at(BTT_INFO_BYTES + 33 * 512), 0x77, 512);
	expect_eq(btt_case_read(33, data), 0);
	expect(btt_case_is_all(data, 0x77, 512));
	expect_eq(*btt_case_map(0, 33), 0);
}

/* A sector that is marked as zeros is zeros, and its block is free once it is written. */
TEST(btt, sector_of_zeros_reads_as_zeros)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	*btt_case_map(0, 40) = BTT_MAP_ZERO | 40;
	memset(data, 0xff, sizeof(data));
	expect_eq(btt_case_read(40, data), 0);
	expect(btt_case_is_all(data, 0, 512));
	expect_eq(btt_case_stamp(40, 1), 0);
	btt_case_expect(40, 1);
	expect_eq(btt_case.state->arenas[0].lanes[0].block, 40);
}

/* A sector that is marked as bad cannot be read, and can after it was written. */
TEST(btt, sector_with_an_error_fails_until_written)
{
	btt_case_begin(BTT_VERSION_2_0, 520);
	*btt_case_map(0, 41) = BTT_MAP_ERROR | 41;
	expect_eq(btt_case_read(41, data), -EIO);
	expect_eq(btt_case_read(42, data), 0);
	expect_eq(btt_case_stamp(41, 1), 0);
	btt_case_expect(41, 1);
	/* The log keeps in mind that the lane's block was bad, and the next write makes it good. */
	expect_eq(btt_case_log(0, 0)->slots[1].old_block, BTT_MAP_ERROR | 41);
	btt_case_open(BTT_READ_WRITE);
	expect(btt_case.state->arenas[0].lanes[0].bad);
	memset(btt_case_at(BTT_INFO_BYTES + 41 * 576), 0x99, 576);
	expect_eq(btt_case_stamp(50, 2), 0);
	expect(btt_case_is_all(btt_case_at(BTT_INFO_BYTES + 41 * 576 + 512), 0, 64));
	btt_case_expect(50, 2);
	expect(!btt_case.state->arenas[0].lanes[0].bad);
}

/* A map entry that names no block of the arena fails, to read and to write, and changes nothing. */
TEST(btt, sector_in_no_block_fails)
{
	uint32_t blocks, block;

	btt_case_begin(BTT_VERSION_2_0, 512);
	blocks = btt_case.state->arenas[0].info.geometry.blocks;
	block = btt_case.state->arenas[0].lanes[0].block;
	for (uint32_t bad = blocks; bad != 0; bad = bad > BTT_MAP_BLOCK / 2 ? 0 : 2 * bad) {
		*btt_case_map(0, 43) = btt_map_entry(bad);
		expect_eq(btt_case_read(43, data), -EIO);
		expect_eq(btt_case_stamp(43, 1), -EIO);
		expect_eq(*btt_case_map(0, 43), btt_map_entry(bad));
		expect_eq(btt_case.state->arenas[0].lanes[0].block, block);
	}
	*btt_case_map(0, 43) = btt_map_entry(43);
	expect_eq(btt_case_stamp(43, 1), 0);
}

/* Each write takes another block, and the log says which one it left, in turns. */
TEST(btt, writes_take_turns_in_the_log)
{
	uint32_t free_block, old_block = 60, sequence = 1;

	btt_case_begin(BTT_VERSION_2_0, 512);
	free_block = btt_case.state->arenas[0].lanes[0].block;
	for (uint32_t i = 1; i <= 10; i++) {
		const struct btt_log_entry *entry = &btt_case_log(0, 0)->slots[i % 2];
		uint32_t new_block = free_block;

		sequence = btt_log_next_sequence(sequence);
		require(btt_case_stamp(60, i) == 0);
		expect_eq(*btt_case_map(0, 60), btt_map_entry(new_block));
		expect_eq(entry->sector, 60);
		expect_eq(entry->old_block, old_block);
		expect_eq(entry->new_block, new_block);
		expect_eq(entry->sequence, sequence);
		free_block = old_block;
		old_block = new_block;
	}
}

/* Metadata of sectors is zeros, whatever was in the block. */
TEST(btt, metadata_is_written_as_zeros)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	for (const uint32_t *size = btt_sector_sizes; *size < 4096; size++) {
		uint32_t block;

		btt_case_make(BTT_VERSION_2_0, *size);
		block = btt_case.state->arenas[0].lanes[0].block;
		memset(btt_case_at(btt_block_at(&btt_case.state->arenas[0].info.geometry, block)),
		       0xab, btt_case.state->arenas[0].info.geometry.block_bytes);
		require(btt_case_stamp(1, 1) == 0);
		expect(btt_case_is_all((char *)btt_case_at(btt_block_at(
					       &btt_case.state->arenas[0].info.geometry, block)) +
					       512,
				       0, *size - 512));
	}
}

/* --- Bad memory. --- */

static pfn_t bad_frame;

static void heal(void *unused)
{
	(void)unused;
	btt_case_close();
	expect_eq(bad_lines_remove(bad_frame, LINES_ALL), 0);
	expect_eq(page_collapse(bad_frame), 0);
}

/* One line, until the test is over. */
static void make_bad(const void *at)
{
	size_t offset = (size_t)((const char *)at - (const char *)btt_case_at(0));
	phys_t address = phys_add(pfn_to_phys(btt_place.start), offset);

	bad_frame = phys_to_pfn(address);
	require(bad_lines_add(address, 1) == 0);
	test_cleanup(heal, NULL);
}

/*
 * A sector whose memory went bad fails, and its neighbours do not. Written again it is good, and so
 * is its old block once the lane wrote to that.
 */
TEST(btt, bad_block_is_repaired_by_writes)
{
	enum { BAD = 128 };

	btt_case_begin(BTT_VERSION_2_0, 520);
	make_bad((char *)btt_case_at(BTT_INFO_BYTES) + BAD * 576 + 100);
	expect_eq(btt_case_read(BAD, data), -EIO);
	expect_eq(btt_case_read(BAD - 2, data), 0);
	expect_eq(btt_case_read(BAD + 2, data), 0);
	expect_eq(*btt_case_map(0, BAD), btt_map_error(BAD));
	expect_eq(btt_case_stamp(BAD, 1), 0);
	btt_case_expect(BAD, 1);
	expect(bad_lines_of(bad_frame) != 0);
	expect_eq(btt_case_stamp(BAD + 50, 2), 0);
	expect(bad_lines_of(bad_frame) == 0);
	btt_case_expect(BAD, 1);
	btt_case_expect(BAD + 50, 2);
}

/* A BTT that may not be written is not told in its map what could not be read. */
TEST(btt, bad_block_of_a_read_only_btt_is_not_marked)
{
	uint32_t before;

	btt_case_begin(BTT_VERSION_2_0, 512);
	require(btt_case_stamp(128, 1) == 0);
	before = *btt_case_map(0, 128);
	btt_case_open(BTT_READ_ONLY);
	make_bad((char *)btt_case_at(BTT_INFO_BYTES) + btt_map_block(before, 128) * 512u);
	expect_eq(btt_case_read(128, data), -EIO);
	expect_eq(*btt_case_map(0, 128), before);
}

/* Entries of the map that are bad fail the sectors that they share memory with, and no others. */
TEST(btt, bad_map_fails_its_sectors)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	require(btt_case_stamp(200, 1) == 0);
	make_bad(btt_case_map(0, 0));
	expect_eq(btt_case_read(0, data), -EIO);
	expect_eq(btt_case_stamp(0, 1), -EIO);
	btt_case_expect(200, 1);
	expect_eq(btt_case_stamp(200, 2), 0);
	btt_case_expect(200, 2);
}

/* A lane whose log is bad is used no more; without any lane a BTT cannot be opened. */
TEST(btt, bad_log_costs_a_lane)
{
	struct btt_lane *lanes;

	btt_case_begin(BTT_VERSION_2_0, 512);
	lanes = btt_case.state->arenas[0].lanes;
	make_bad(btt_case_log(0, 0));
	expect_eq(btt_case_stamp(5, 1), 0);
	expect(lanes[0].given_up);
	btt_case_expect(5, 1);
	expect_eq(btt_case_stamp(5, 2), 0);
	btt_case_expect(5, 2);
	btt_case_refused(BTT_READ_WRITE, -EIO, BTT_FAULT_UNREADABLE);
}
