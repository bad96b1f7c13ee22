/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What operations of the core and of the block layer cost, in instructions. The figures have the
 * names and do the work of those that `make bench` times in a process, but for core.init_1tib: a
 * running kernel cannot begin its own page map anew.
 */
#include "drivers/ramdisk.h"
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>

enum {
	BATCH = 512,
	OTHER_ROWS = 2048,
	STEP = 167, /* odd, and more than a row */
};

/* --- The core, on persistent memory, which nothing here touches. --- */

static pfn_t area;
static struct page *page;
static volatile uint64_t result; /* volatile, or nobody would need it */
static pfn_t frames[OTHER_ROWS];

static void split(void)
{
	count_error |= page_split(area);
}

static void collapse(void)
{
	count_error |= page_collapse(area);
}

static void get_page(void)
{
	page = pfn_to_page(area);
}

static void to_pfn(void)
{
	result = page_to_pfn(page).n;
}

static void lookup(void)
{
	result = page_size(pfn_to_page(area));
}

static void pin(void)
{
	page_unpin(page_pin(area));
}

static void pair(size_t size)
{
	count_error |= frame_alloc(MEMORY_PERSISTENT, NODE_ANY, size, &frames[0]);
	count_error |= frame_free(frames[0], size);
}

static void allocate(size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		count_error |= frame_alloc(MEMORY_PERSISTENT, NODE_ANY, PAGE_SIZE, &frames[i]);
}

/* All of them, for `nr` is a power of two; no two of one row after each other. */
static void free_shuffled(size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		count_error |= frame_free(frames[i * STEP % nr], PAGE_SIZE);
}

static void pair4k(void)
{
	pair(PAGE_SIZE);
}

static void batch4k(void)
{
	allocate(BATCH);
	free_shuffled(BATCH);
}

static void pair2m(void)
{
	pair(AREA_SIZE);
}

static void take_rows(void)
{
	allocate(OTHER_ROWS);
}

/* The dearest way: of more rows than are kept at hand, so that each frame takes the slot of
 * another. */
static void free_rows(void)
{
	free_shuffled(OTHER_ROWS);
}

static const struct figure core[] = {
	{.operation = count_nothing},
	{.name = "page_to_pfn", .operation = to_pfn, .prepare = get_page},
	{.name = "lookup_whole", .operation = lookup},
	{.name = "lookup_split", .operation = lookup, .prepare = split, .undo = collapse},
	{.name = "pin_whole", .operation = pin},
	{.name = "pin_split", .operation = pin, .prepare = split, .undo = collapse},
	{.name = "split_hot", .operation = split, .undo = collapse},
	{.name = "collapse_hot", .operation = collapse, .prepare = split},
	{.name = "alloc4k", .operation = pair4k},
	{.name = "alloc4k_batch", .operation = batch4k, .times = BATCH},
	{.name = "alloc2m", .operation = pair2m},
	{.name = "free_other_row",
	 .operation = free_rows,
	 .prepare = take_rows,
	 .times = OTHER_ROWS},
};

/* The core's functions; allocations include the free. */
TEST(cost, core)
{
	count_needs_clock();
	if (!next_region(NULL, MEMORY_PERSISTENT))
		skip("the machine has no persistent memory");
	require(frame_alloc(MEMORY_PERSISTENT, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	count(core, ARRAY_SIZE(core));
}

/* --- The block layer. --- */

/* A device that does nothing, and is done when it is asked: what is left is the block layer. */
static struct block_request *request;

static struct block_request *idle_start(struct block_device *device, struct block_queue *queue,
					struct block_request *submitted)
{
	(void)device;
	(void)queue;
	request = submitted;
	return NULL;
}

static int idle_poll(struct block_device *device, struct block_queue *queue)
{
	(void)device;
	block_complete(queue, request, 0);
	return 1;
}

static const struct block_ops idle_ops = {.start = idle_start, .poll = idle_poll};
static struct block_device idle = {
	.name = "idle",
	.ops = &idle_ops,
	.sectors = AREA_SIZE / SECTOR_SIZE,
	.block_size = SECTOR_SIZE,
	.dma_alignment = 1,
	.max_segments = 1,
	.max_bytes = AREA_SIZE,
};

static struct ramdisk disk;
static struct bio_piece piece;
static struct bio bio;

static void execute(void)
{
	count_error |= block_execute(&disk.device, &bio);
}

static void execute_idle(void)
{
	count_error |= block_execute(&idle, &bio);
}

static void prepare(enum block_operation operation, size_t length)
{
	piece = (struct bio_piece){page, 0, length};
	bio = (struct bio){.operation = operation, .pieces = &piece, .nr_pieces = 1};
}

static void prepare_read4k(void)
{
	prepare(BLOCK_READ, PAGE_SIZE);
}

static void prepare_write4k(void)
{
	prepare(BLOCK_WRITE, PAGE_SIZE);
}

static void prepare_read2m(void)
{
	prepare(BLOCK_READ, AREA_SIZE);
}

static const struct figure block[] = {
	{.operation = count_nothing},
	{.name = "read4k", .operation = execute, .prepare = prepare_read4k},
	{.name = "write4k", .operation = execute, .prepare = prepare_write4k},
	{.name = "read2m", .operation = execute, .prepare = prepare_read2m},
	{.name = "idle_read4k", .operation = execute_idle, .prepare = prepare_read4k},
	{.name = "idle_write4k", .operation = execute_idle, .prepare = prepare_write4k},
};

static void destroy_disk(void *unused)
{
	(void)unused;
	ramdisk_destroy(&disk);
}

/* A bio, from submission to done(), on a RAM disk: copying 8 bytes is one of its instructions. */
TEST(cost, block)
{
	count_needs_clock();
	require(block_device_init(&idle) == 0);
	require(ramdisk_create(&disk, "ram0", NODE_ANY, AREA_SIZE) == 0);
	test_cleanup(destroy_disk, NULL);
	page = pfn_to_page(test_take(MEMORY_DRAM, AREA_SIZE));
	count(block, ARRAY_SIZE(block));
}
