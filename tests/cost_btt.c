/* SPDX-License-Identifier: BSD-2-Clause */
/* What a sector of a BTT costs to read and to write, block layer included. */
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "tests/btt_case.h"
#include "tests/count.h"
#include "tests/test.h"

static struct bio bio;
static struct bio_piece piece;

static void prepare(enum block_operation operation)
{
	bio = (struct bio){.operation = operation, .sector = 16, .pieces = &piece, .nr_pieces = 1};
}

static void prepare_read(void)
{
	prepare(BLOCK_READ);
}

static void prepare_write(void)
{
	prepare(BLOCK_WRITE);
}

static void execute(void)
{
	count_error |= block_execute(&btt_case.device, &bio);
}

static void count_sectors(uint32_t sector_bytes, const struct figure *figures, size_t nr)
{
	count_needs_clock();
	btt_case_take(AREA_SIZE);
	btt_case_make(BTT_VERSION_2_0, sector_bytes);
	piece = (struct bio_piece){pfn_to_page(test_take(MEMORY_DRAM, PAGE_SIZE)), 0, sector_bytes};
	count(figures, nr);
}

#define FIGURE(what, before)                                           \
	{                                                              \
		.name = #what, .operation = execute, .prepare = before \
	}

/* Sectors of 512 bytes. */
TEST(cost, btt_512)
{
	static const struct figure figures[] = {{.operation = count_nothing},
						FIGURE(read, prepare_read),
						FIGURE(write, prepare_write)};

	count_sectors(512, figures, ARRAY_SIZE(figures));
}

/* Sectors of 4096 bytes. */
TEST(cost, btt_4096)
{
	static const struct figure figures[] = {{.operation = count_nothing},
						FIGURE(read, prepare_read),
						FIGURE(write, prepare_write)};

	count_sectors(4096, figures, ARRAY_SIZE(figures));
}
