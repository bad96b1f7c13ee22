/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From device to device through persistent memory: the first writes into its pages, the second
 * reads them there, and no CPU touches the data. Beside it what is left to do without descriptors
 * of persistent memory: the devices use DRAM, and the CPU copies.
 */
#include "drivers/disks.h"
#include "drivers/ramdisk.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/persist.h"
#include "tests/harness/arena.h"
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#define COPY_MOST (8 * AREA_SIZE)

static struct arena persistent, dram;
static struct ramdisk ramdisk;

static void give_arenas(void *unused)
{
	(void)unused;
	arenas_give(&persistent, 1);
	arenas_give(&dram, 1);
}

static void destroy_ramdisk(void *unused)
{
	(void)unused;
	ramdisk_destroy(&ramdisk);
}

/* Between a disk and the first area of an arena. */
static void move(struct block_device *device, enum block_operation operation, size_t at,
		 const struct arena *arena)
{
	struct bio_piece piece = arena_piece(arena, 0, AREA_SIZE);
	struct bio bio = make_bio(operation, &piece, 1);

	bio.sector = at / SECTOR_SIZE;
	require(block_execute(device, &bio) == 0);
}

typedef void (*copy_t)(struct block_device *from, struct block_device *to, size_t at);

static void copy_directly(struct block_device *from, struct block_device *to, size_t at)
{
	move(from, BLOCK_READ, at, &persistent);
	move(to, BLOCK_WRITE, at, &persistent);
}

static void copy_by_cpu(struct block_device *from, struct block_device *to, size_t at)
{
	void *kept = arena_virt(&persistent, 0);
	void *bounce = arena_virt(&dram, 0);

	move(from, BLOCK_READ, at, &dram);
	persist_copy(kept, bounce, AREA_SIZE);
	persist_fence();
	memcpy(bounce, kept, AREA_SIZE);
	move(to, BLOCK_WRITE, at, &dram);
}

/* The target holds something else at first, and so does the memory between. */
static uint64_t copy_bytes(struct block_device *from, struct block_device *to, size_t bytes,
			   copy_t copy)
{
	uint64_t nanoseconds = 0;

	for (size_t at = 0; at < bytes; at += AREA_SIZE) {
		uint64_t start;

		memset(arena_virt(&dram, 0), 0x5a, AREA_SIZE);
		memset(arena_virt(&persistent, 0), 0xa5, AREA_SIZE);
		move(to, BLOCK_WRITE, at, &dram);
		start = host_nanoseconds();
		copy(from, to, at);
		nanoseconds += host_nanoseconds() - start;
	}
	return nanoseconds;
}

static void expect_equal(struct block_device *from, struct block_device *to, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += AREA_SIZE) {
		move(from, BLOCK_READ, at, &persistent);
		move(to, BLOCK_READ, at, &dram);
		if (memcmp(arena_virt(&persistent, 0), arena_virt(&dram, 0), AREA_SIZE) != 0)
			fail("%s and %s differ within 2 MiB of sector %zu", from->name, to->name,
			     at / SECTOR_SIZE);
	}
}

/* A source that may be written gets contents worth copying. */
static void fill(struct block_device *device, size_t bytes)
{
	for (size_t at = 0; at < bytes && !device->read_only; at += AREA_SIZE) {
		uint64_t *word = arena_virt(&dram, 0);

		for (size_t i = 0; i < AREA_SIZE / sizeof(*word); i++)
			word[i] = at + i;
		move(device, BLOCK_WRITE, at, &dram);
	}
}

static void copy_pair(struct block_device *from, struct block_device *to)
{
	uint64_t sectors = from->sectors < to->sectors ? from->sectors : to->sectors;
	size_t bytes = align_down(sectors * SECTOR_SIZE, AREA_SIZE);
	char name[80];

	if (bytes > COPY_MOST)
		bytes = COPY_MOST;
	fill(from, bytes);
	snprintf(name, sizeof(name), "%s_to_%s.directly", from->name, to->name);
	measure_rate(name, bytes, copy_bytes(from, to, bytes, copy_directly));
	expect_equal(from, to, bytes);
	snprintf(name, sizeof(name), "%s_to_%s.by_cpu", from->name, to->name);
	measure_rate(name, bytes, copy_bytes(from, to, bytes, copy_by_cpu));
	expect_equal(from, to, bytes);
}

/*
 * Between every two disks of which the second may be written, and a RAM disk, data arrives whole,
 * by the devices alone and by way of the CPU.
 */
TEST(io_copy, through_persistent_memory)
{
	persistent = dram = (struct arena){0};
	test_cleanup(give_arenas, NULL);
	arenas_take(&persistent, 1, 1, MEMORY_PERSISTENT, ARENA_WHOLE);
	arenas_take(&dram, 1, 1, MEMORY_DRAM, ARENA_WHOLE);
	require(ramdisk_create(&ramdisk, "ram0", NODE_ANY, COPY_MOST) == 0);
	test_cleanup(destroy_ramdisk, NULL);
	copy_pair(&ramdisk.device, create_slow());
	for (struct disk *to = NULL; (to = disk_next(to)) != NULL;) {
		if (to->device->read_only)
			continue;
		copy_pair(&ramdisk.device, to->device);
		for (struct disk *from = NULL; (from = disk_next(from)) != NULL;)
			if (from != to)
				copy_pair(from->device, to->device);
	}
}
