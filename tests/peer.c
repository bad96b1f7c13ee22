/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tools/compare-linux compares with Linux and no other suite measures: bringing up all of the
 * persistent memory by the schemes that Linux has ways like, and I/O of more lengths. What the page
 * map itself takes is in the head of the report.
 */
#include <string.h>

#include "drivers/pmem_disk.h"
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/schemes/altmap.h"
#include "mm/schemes/compound.h"
#include "mm/schemes/flat.h"
#include "mm/schemes/page_less.h"
#include "mm/schemes/two_level_medium.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <stdio.h>

enum { RUN_AREAS_MAX = 2048, NAME_LENGTH = 48 };

/* --- Descriptors of all frames --- */

static pfn_t run[RUN_AREAS_MAX];
static size_t nr_run;

static void give_run(void *unused)
{
	(void)unused;
	while (nr_run > 0)
		expect_eq(frame_free(run[--nr_run], AREA_SIZE), 0);
}

/* Adjacent areas of DRAM, which an allocator that nobody has used gives in order. */
static void *take_run(size_t bytes)
{
	size_t nr = align_up(bytes, (size_t)AREA_SIZE) / AREA_SIZE;
	size_t first = 0;

	give_run(NULL);
	for (; nr_run - first < nr; nr_run++) {
		pfn_t *area = &run[nr_run];

		require(nr_run < RUN_AREAS_MAX);
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, area) == 0);
		if (nr_run > 0 && !pfn_eq(*area, pfn_add(area[-1], PAGES_PER_AREA)))
			first = nr_run;
	}
	return host_virt(pfn_to_phys(run[first]));
}

static void measure_of(const struct scheme_ops *ops, const char *what, uint64_t value,
		       const char *units)
{
	char name[NAME_LENGTH];

	snprintf(name, sizeof(name), "%s.%s", ops->name, what);
	measure(name, value, units);
}

/* To clear the memory is a part of it. */
static void begin(const struct scheme_ops *ops, const struct region *region)
{
	struct scheme_setup setup = {
		.start = region->start,
		.frames = pfn_distance(region->start, region->end),
	};
	struct scheme_needs needs;
	struct scheme *scheme;
	uint64_t start, end;
	void *dram;

	scheme_needs(ops, &setup, &needs);
	dram = take_run(needs.dram_bytes);
	interrupts_off();
	start = rdtsc();
	memset(dram, 0, needs.dram_bytes);
	scheme = scheme_begin(ops, &setup, dram);
	end = rdtsc();
	interrupts_on();
	require(scheme != NULL);
	measure_of(ops, "begin", end - start, "instructions");
	measure_of(ops, "dram", needs.dram_bytes, "bytes");
	measure_of(ops, "medium", needs.medium_bytes, "bytes");
	scheme_end(scheme);
}

/*
 * What Linux does, too: an array in DRAM, one on the medium, one of compound pages, none; and what
 * its compound pages would be on the medium, where two levels are moved to from DRAM.
 */
TEST(peer, begin)
{
	const struct scheme_ops *const like_linux[] = {&flat_scheme, &altmap_scheme,
						       &compound_scheme, &page_less_scheme,
						       &two_level_medium_scheme};
	const struct region *region = next_writable(NULL);

	count_needs_clock();
	test_cleanup(give_run, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(like_linux); i++)
		begin(like_linux[i], region);
}

/* --- Persistent memory as a disk --- */

static struct pmem_disk disk;
static struct bio_piece piece;
static struct bio bio;

static void execute(void)
{
	count_error |= block_execute(&disk.device, &bio);
}

static void prepare(enum block_operation operation, size_t length)
{
	piece.length = length;
	bio = (struct bio){.operation = operation, .pieces = &piece, .nr_pieces = 1};
}

#define TRANSFER(name, operation, length)   \
	static void name(void)              \
	{                                   \
		prepare(operation, length); \
	}

TRANSFER(read512, BLOCK_READ, SECTOR_SIZE)
TRANSFER(read4k, BLOCK_READ, PAGE_SIZE)
TRANSFER(read64k, BLOCK_READ, 16 * PAGE_SIZE)
TRANSFER(read2m, BLOCK_READ, AREA_SIZE)
TRANSFER(write512, BLOCK_WRITE, SECTOR_SIZE)
TRANSFER(write4k, BLOCK_WRITE, PAGE_SIZE)
TRANSFER(write64k, BLOCK_WRITE, 16 * PAGE_SIZE)
TRANSFER(write2m, BLOCK_WRITE, AREA_SIZE)

static const struct figure figures[] = {
	{.operation = count_nothing},
	{.name = "read512", .operation = execute, .prepare = read512},
	{.name = "read4k", .operation = execute, .prepare = read4k},
	{.name = "read64k", .operation = execute, .prepare = read64k},
	{.name = "read2m", .operation = execute, .prepare = read2m},
	{.name = "write512", .operation = execute, .prepare = write512},
	{.name = "write4k", .operation = execute, .prepare = write4k},
	{.name = "write64k", .operation = execute, .prepare = write64k},
	{.name = "write2m", .operation = execute, .prepare = write2m},
};

/* A bio of one piece, from submission to done(); what grows with its length is the copy. */
TEST(peer, block)
{
	pfn_t start;

	count_needs_clock();
	(void)next_writable(NULL);
	start = test_take(MEMORY_PERSISTENT, AREA_SIZE);
	require(pmem_disk_create(&disk, "pmem", start, pfn_add(start, PAGES_PER_AREA)) == 0);
	piece.page = pfn_to_page(test_take(MEMORY_DRAM, AREA_SIZE));
	count(figures, ARRAY_SIZE(figures));
}
