/* SPDX-License-Identifier: BSD-2-Clause */
/* A BTT as a disk: what is written is read back, whatever its version, sectors and arenas. */
#include "drivers/btt.h"
#include "tests/btt_case.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

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
