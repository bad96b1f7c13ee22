/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/cost_disk.h"

#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "mm/page.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

enum { DEPTH = 32 };

static struct block_device *device;
static struct page *page;
static struct bio bios[DEPTH];
static struct bio *list[DEPTH];
static struct bio_piece pieces[DEPTH];
static unsigned nr;

static void prepare(enum block_operation operation, unsigned depth, size_t length)
{
	nr = depth;
	for (unsigned i = 0; i < nr; i++) {
		list[i] = &bios[i];
		pieces[i] = (struct bio_piece){page, i * length, length};
		bios[i] =
			(struct bio){.operation = operation, .pieces = &pieces[i], .nr_pieces = 1};
	}
}

static void submit_one(void)
{
	count_error |= block_submit(device, &bios[0]);
}

static void submit_all(void)
{
	count_error |= block_submit_all(device, list, DEPTH) != DEPTH;
}

static void poll(void)
{
	block_poll(device);
}

static void check(void)
{
	for (unsigned i = 0; i < nr; i++)
		count_error |= bios[i].status;
}

static void read4k(void)
{
	prepare(BLOCK_READ, 1, PAGE_SIZE);
}

static void read4k_qd1(void)
{
	read4k();
}

static void read64k(void)
{
	prepare(BLOCK_READ, 1, 16 * PAGE_SIZE);
}

static void read4k_qd32(void)
{
	prepare(BLOCK_READ, DEPTH, PAGE_SIZE);
}

static void read2m(void)
{
	prepare(BLOCK_READ, 1, AREA_SIZE);
}

static void write4k_qd1(void)
{
	prepare(BLOCK_WRITE, 1, PAGE_SIZE);
}

static void write4k_qd32(void)
{
	prepare(BLOCK_WRITE, DEPTH, PAGE_SIZE);
}

static void write2m(void)
{
	prepare(BLOCK_WRITE, 1, AREA_SIZE);
}

#define FIGURE(what, submit, depth)                                                 \
	{                                                                           \
		.name = #what, .operation = submit, .prepare = what, .undo = check, \
		.wait = wait_for_device, .finish = poll, .times = depth             \
	}

static void take_disk(struct block_device *disk)
{
	const struct region *region = NULL;

	count_needs_clock();
	device = disk;
	do
		region = next_region(region, MEMORY_PERSISTENT);
	while (region && !region->writable);
	page = pfn_to_page(test_take(region ? MEMORY_PERSISTENT : MEMORY_DRAM, AREA_SIZE));
}

void count_disk(struct block_device *disk, void (*wait_for_device)(void))
{
	const struct figure figures[] = {
		{.operation = count_nothing},           FIGURE(read4k_qd1, submit_one, 1),
		FIGURE(read4k_qd32, submit_all, DEPTH), FIGURE(read2m, submit_one, 1),
		FIGURE(write4k_qd1, submit_one, 1),     FIGURE(write4k_qd32, submit_all, DEPTH),
		FIGURE(write2m, submit_one, 1),
	};

	take_disk(disk);
	count(figures, ARRAY_SIZE(figures));
}

void count_disk_2m(struct block_device *disk, void (*wait_for_device)(void))
{
	const struct figure figures[] = {
		{.operation = count_nothing},
		FIGURE(read2m, submit_one, 1),
		FIGURE(write2m, submit_one, 1),
	};

	take_disk(disk);
	count(figures, ARRAY_SIZE(figures));
}

void count_disk_reads(struct block_device *disk, void (*wait_for_device)(void))
{
	const struct figure figures[] = {
		{.operation = count_nothing},
		FIGURE(read4k, submit_one, 1),
		FIGURE(read64k, submit_one, 1),
		FIGURE(read2m, submit_one, 1),
	};

	take_disk(disk);
	count(figures, ARRAY_SIZE(figures));
}

unsigned count_disk_in_flight(void)
{
	return nr;
}
