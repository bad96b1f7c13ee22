/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matrix of block I/O: every disk, in each direction, to and from each kind of memory in each
 * state, in all sizes and shapes, one at a time and many at once, from one CPU and from all.
 */
#include "drivers/disks.h"
#include "drivers/ramdisk.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "tests/harness/arena.h"
#include "tests/harness/io_matrix.h"
#include "tests/test.h"

enum { LANES_MAX = 16, ARENA_AREAS = ARENA_AREAS_MAX, RAMDISK_NUMBER = 1, FIRST_DISK_NUMBER = 2 };

/* It shows that the matrix itself works, on machines without a disk, and is quick about it. */
enum { RAMDISK_LONGEST = 4096 };

#define LANE_BYTES (8ul << 20) /* of a disk, at most */

static const size_t sizes[] = {512, 4096, 65536, 1 << 20, 2 << 20, 8 << 20};
static const unsigned depths[] = {1, IO_DEPTH_MAX};

static struct io_lane lanes[LANES_MAX];
static struct arena arenas[LANES_MAX], lists[LANES_MAX], plains[LANES_MAX];
static unsigned nr_lanes;
static struct ramdisk ramdisk;

static void give_arenas(void *unused)
{
	(void)unused;
	arenas_give(arenas, nr_lanes);
	arenas_give(plains, nr_lanes);
	arenas_give(lists, nr_lanes);
}

static void take_arenas(enum memory_kind kind, enum arena_state state)
{
	nr_lanes = host_cpus() < LANES_MAX ? host_cpus() : LANES_MAX;
	for (unsigned i = 0; i < nr_lanes; i++)
		arenas[i] = plains[i] = lists[i] = (struct arena){0};
	test_cleanup(give_arenas, NULL);
	arenas_take(plains, nr_lanes, 1, MEMORY_DRAM, ARENA_WHOLE);
	arenas_take(lists, nr_lanes, 1, MEMORY_DRAM, ARENA_WHOLE);
	arenas_take(arenas, nr_lanes, ARENA_AREAS, kind, state);
	for (unsigned i = 0; i < nr_lanes; i++)
		lanes[i] = (struct io_lane){
			.arena = arenas[i], .plain = plains[i], .pieces = lists[i]};
}

static void destroy_ramdisk(void *unused)
{
	(void)unused;
	ramdisk_destroy(&ramdisk);
}

static void run_disk(struct block_device *device, uint32_t number, enum block_operation operation,
		     size_t longest)
{
	const struct io_matrix matrix = {
		.lanes = lanes,
		.nr_lanes = nr_lanes,
		.lane_bytes = LANE_BYTES,
		.sizes = sizes,
		.nr_sizes = ARRAY_SIZE(sizes),
		.depths = depths,
		.nr_depths = ARRAY_SIZE(depths),
	};
	struct io_done done = io_matrix_run(&matrix, device, number, operation, longest);

	note("%s: %llu cases on %u CPUs, %llu bios, %llu MiB; %llu cases left out that fit neither "
	     "memory nor disk",
	     device->name, (unsigned long long)done.cases, nr_lanes, (unsigned long long)done.bios,
	     (unsigned long long)done.bytes >> 20, (unsigned long long)done.left_out);
	if (done.cases == 0)
		fail("%s: nothing was done with it", device->name);
}

static void run_matrix(enum block_operation operation, enum memory_kind kind,
		       enum arena_state state)
{
	uint32_t number = FIRST_DISK_NUMBER;

	require(ramdisk_create(&ramdisk, "ram0", NODE_ANY, 32ul << 20) == 0);
	test_cleanup(destroy_ramdisk, NULL);
	take_arenas(kind, state);
	run_disk(&ramdisk.device, RAMDISK_NUMBER, operation, RAMDISK_LONGEST);
	for (struct disk *disk = NULL; (disk = disk_next(disk)) != NULL; number++)
		if (operation == BLOCK_READ || !disk->device->read_only)
			run_disk(disk->device, number, operation, SIZE_MAX);
}

/* Reads into memory in each state bring every sector to its place, and touch nothing else. */
TEST(io, read_into_whole_dram)
{
	run_matrix(BLOCK_READ, MEMORY_DRAM, ARENA_WHOLE);
}

TEST(io, read_into_split_dram)
{
	run_matrix(BLOCK_READ, MEMORY_DRAM, ARENA_SPLIT);
}

TEST(io, read_into_mixed_dram)
{
	run_matrix(BLOCK_READ, MEMORY_DRAM, ARENA_MIXED);
}

TEST(io, read_into_whole_persistent_memory)
{
	run_matrix(BLOCK_READ, MEMORY_PERSISTENT, ARENA_WHOLE);
}

TEST(io, read_into_split_persistent_memory)
{
	run_matrix(BLOCK_READ, MEMORY_PERSISTENT, ARENA_SPLIT);
}

TEST(io, read_into_mixed_persistent_memory)
{
	run_matrix(BLOCK_READ, MEMORY_PERSISTENT, ARENA_MIXED);
}

/* Writes from memory in each state leave every sector where it belongs on the disk. */
TEST(io, write_from_whole_dram)
{
	run_matrix(BLOCK_WRITE, MEMORY_DRAM, ARENA_WHOLE);
}

TEST(io, write_from_split_dram)
{
	run_matrix(BLOCK_WRITE, MEMORY_DRAM, ARENA_SPLIT);
}

TEST(io, write_from_mixed_dram)
{
	run_matrix(BLOCK_WRITE, MEMORY_DRAM, ARENA_MIXED);
}

TEST(io, write_from_whole_persistent_memory)
{
	run_matrix(BLOCK_WRITE, MEMORY_PERSISTENT, ARENA_WHOLE);
}

TEST(io, write_from_split_persistent_memory)
{
	run_matrix(BLOCK_WRITE, MEMORY_PERSISTENT, ARENA_SPLIT);
}

TEST(io, write_from_mixed_persistent_memory)
{
	run_matrix(BLOCK_WRITE, MEMORY_PERSISTENT, ARENA_MIXED);
}
