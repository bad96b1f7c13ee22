/* SPDX-License-Identifier: BSD-2-Clause */
/* A BTT as a disk: what is written is read back, whatever its version, sectors and arenas. */
#include "drivers/btt.h"
#include "tests/btt_case.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static char sector_data[PAGE_SIZE];
static const enum btt_version versions[] = {BTT_VERSION_1_1, BTT_VERSION_2_0};

/* Writes all sectors twice, in different orders, and looks at each after it was opened again. */
static void check_all_sectors(void)
{
	uint64_t sectors = btt_case_sectors();

	for (uint64_t i = 0; i < sectors; i++)
		require(btt_case_stamp(i, 1) == 0);
	for (uint64_t i = sectors; i-- > 0;)
		if (i % 3 != 0)
			require(btt_case_stamp(i, 2) == 0);
	btt_case_open(BTT_READ_ONLY);
	for (uint64_t i = 0; i < sectors; i++)
		btt_case_expect(i, i % 3 ? 2 : 1);
}

/* Every sector keeps what was written to it, with each version, sector size and several arenas. */
TEST(btt, sectors_keep_what_is_written)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++)
		for (const uint32_t *size = btt_sector_sizes; *size; size++) {
			/* 4 KiB sectors need more room than half a MiB for 256 free blocks. */
			btt_place.arena_max = *size < 4096 ? BTT_CASE_ARENA_BYTES : AREA_SIZE;
			if (*size >= 4096 && versions[v] == BTT_VERSION_1_1)
				btt_place.arena_max -= BTT_VERSION_1_1_START;
			btt_case_make(versions[v], *size);
			check_all_sectors();
		}
}
/* --- Of the usual size. --- */

static void close_again(void *unused)
{
	(void)unused;
	btt_case_close();
}

/*
 * The start of a region, with an arena as large as Linux has them; left there, for Linux to read.
 * No CPU has any of its frames at hand, for the allocator gives out none between tests.
 */
TEST(btt, region_holds_one)
{
	static const uint64_t most = 32ull << 20;
	const struct region *region = next_writable(NULL);
	uint64_t bytes = region_bytes(region) < most ? region_bytes(region) : most;

	btt_place = (struct btt_medium){.start = region->start,
					.end = pfn_add(region->start, bytes >> PAGE_SHIFT)};
	if (bytes < BTT_ARENA_MIN + BTT_VERSION_1_1_START)
		btt_place.arena_max = bytes - BTT_VERSION_1_1_START;
	test_cleanup(close_again, NULL);
	btt_case_make(BTT_VERSION_1_1, 4096);
	expect_eq(btt_case.nr_arenas, 1);
}

/* --- What may not be written. --- */

/* A read-only BTT refuses writes, and nothing of its memory changes, whatever is done with it. */
TEST(btt, read_only_is_not_written)
{
	static char *before;

	btt_case_begin(BTT_VERSION_1_1, 512);
	before = test_virt(test_take(MEMORY_DRAM, AREA_SIZE), 0);
	memcpy(before, btt_case_at(0), AREA_SIZE);
	btt_case_open(BTT_READ_ONLY);
	expect_eq(btt_case_stamp(0, 1), -EROFS);
	for (uint64_t sector = 0; sector < btt_case_sectors(); sector++)
		expect_eq(btt_case_read(sector, sector_data), 0);
	btt_case_close();
	expect(memcmp(before, btt_case_at(0), AREA_SIZE) == 0);
}

/* One arena with the error flag is enough to refuse all writes. */
TEST(btt, error_flag_refuses_writes)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	require(btt_case_stamp(0, 1) == 0);
	for (unsigned i = 0; i < 2; i++) {
		struct btt_info *info = i ? btt_case_copy(1) : btt_case_info(1);

		info->flags |= BTT_INFO_ERROR;
		info->checksum = btt_info_checksum(info);
	}
	btt_case_open(BTT_READ_WRITE);
	expect(btt_case.failed);
	expect_eq(btt_case_stamp(0, 2), -EROFS);
	btt_case_expect(0, 1);
}

/* The memory of a bio is not the BTT's own, and nothing lies past the end. */
TEST(btt, refuses_its_own_memory)
{
	struct bio_piece piece;
	struct bio bio = {.operation = BLOCK_WRITE, .pieces = &piece, .nr_pieces = 1};

	btt_case_begin(BTT_VERSION_2_0, 512);
	piece = (struct bio_piece){pfn_to_page(btt_place.start), 0, 512};
	expect_eq(block_execute(&btt_case.device, &bio), -EINVAL);
	expect_eq(btt_case_stamp(btt_case_sectors(), 1), -ERANGE);
	expect_eq(btt_case_stamp(btt_case_sectors() - 1, 1), 0);
}

/* A flush succeeds, and FUA is known. */
TEST(btt, flushes)
{
	struct bio flush = {.operation = BLOCK_FLUSH};

	btt_case_begin(BTT_VERSION_2_0, 512);
	expect_eq(block_execute(&btt_case.device, &flush), 0);
	expect(btt_case.device.fua);
}

/* What cannot be made is not made, and the memory stays as it is. */
TEST(btt, impossible_formats_are_refused)
{
	struct btt_identity identity = {.version = BTT_VERSION_2_0, .sector_bytes = 1024};
	struct btt_medium small;
	struct btt_fault fault;

	btt_case_take(BTT_CASE_ARENA_BYTES);
	expect_eq(btt_format(&btt_place, &identity, &fault), -EINVAL);
	identity.sector_bytes = 512;
	identity.version = (enum btt_version)(1 << 16);
	expect_eq(btt_format(&btt_place, &identity, &fault), -EINVAL);
	expect_str(btt_fault_name(fault.kind), "info-version");
	identity.version = BTT_VERSION_1_1;
	small = (struct btt_medium){btt_place.start, btt_place.end, 0};
	expect_eq(btt_format(&small, &identity, &fault), -EINVAL); /* less than 16 MiB */
	expect_str(btt_fault_name(fault.kind), "range");
	small.end = small.start;
	expect_eq(btt_format(&small, &identity, &fault), -EINVAL);
	small = (struct btt_medium){pfn_add(test_take(MEMORY_DRAM, AREA_SIZE), 0), {0}, 0};
	small.end = pfn_add(small.start, PAGES_PER_AREA);
	expect_eq(btt_format(&small, &identity, &fault), -EINVAL);
	expect(btt_case_is_all(btt_case_at(0), 0x5a, AREA_SIZE));
}
