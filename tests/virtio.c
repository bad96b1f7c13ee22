/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio disks: what they hold, in every shape of request, on all CPUs. */
#include "drivers/virtio_disk.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/disk.h"
#include "tests/harness/memory.h"
#include "tests/harness/stamp.h"
#include "tests/harness/virtio_disks.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

/* Tells one disk from another in the stamps. */
static uint32_t number_of(const struct virtio_disk *disk)
{
	return 0x76690000u + (uint8_t)disk->name[2];
}

/* --- One request at a time. --- */

static struct disk_scratch scratch;

static void exercise(struct virtio_disk *disk)
{
	disk_exercise(&disk->device, &scratch, number_of(disk), 60);
}

/* Runs of sectors from and to random pieces of memory keep what is in them. */
TEST(virtio, random_runs)
{
	disk_scratch_take(&scratch);
	with_each_writable_virtio(exercise);
}

static pfn_t from, to;

static void stamp_area(const struct virtio_disk *disk, uint32_t generation)
{
	for (uint64_t sector = 0; sector < AREA_SIZE / STAMP_SIZE; sector++)
		stamp_write(test_virt(from, sector * STAMP_SIZE),
			    (struct stamp_id){number_of(disk), generation, sector});
}

/* Pages of a split area, the last one first: as many segments. */
static int transfer_backwards(struct virtio_disk *disk, enum block_operation operation, pfn_t area)
{
	struct bio_piece pieces[PAGES_PER_AREA];
	struct bio bio = {
		.operation = operation, .pieces = pieces, .nr_pieces = ARRAY_SIZE(pieces)};

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] = (struct bio_piece){pfn_to_page(pfn_add(area, PAGES_PER_AREA - 1 - i)),
					       0, PAGE_SIZE};
	return block_execute(&disk->device, &bio);
}

static bool is_backwards(void)
{
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		if (memcmp(test_virt(pfn_add(from, i), 0),
			   test_virt(pfn_add(to, PAGES_PER_AREA - 1 - i), 0), PAGE_SIZE) != 0)
			return false;
	return true;
}

static void move_area(struct virtio_disk *disk)
{
	stamp_area(disk, 1);
	memset(test_virt(to, 0), 0xa5, AREA_SIZE);
	expect_eq(virtio_transfer(disk, BLOCK_WRITE, 0, from, AREA_SIZE), 0);
	expect_eq(virtio_transfer(disk, BLOCK_READ, 0, to, AREA_SIZE), 0);
	expect(memcmp(test_virt(from, 0), test_virt(to, 0), AREA_SIZE) == 0);
	memset(test_virt(to, 0), 0xa5, AREA_SIZE);
	require(page_split(to) == 0);
	expect_eq(transfer_backwards(disk, BLOCK_READ, to), 0);
	expect(is_backwards());
	stamp_area(disk, 2);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		memcpy(test_virt(pfn_add(to, PAGES_PER_AREA - 1 - i), 0),
		       test_virt(pfn_add(from, i), 0), PAGE_SIZE);
	expect_eq(transfer_backwards(disk, BLOCK_WRITE, to), 0);
	require(page_collapse(to) == 0);
	expect_eq(virtio_transfer(disk, BLOCK_READ, 0, to, AREA_SIZE), 0);
	expect(memcmp(test_virt(from, 0), test_virt(to, 0), AREA_SIZE) == 0);
}

/* 2 MiB go to the disk and come back in one piece, and as 512 pages in disorder. */
TEST(virtio, whole_and_split_areas)
{
	from = test_take(MEMORY_DRAM, AREA_SIZE);
	to = test_take(MEMORY_DRAM, AREA_SIZE);
	with_each_writable_virtio(move_area);
}

/* The same with persistent memory: the device reaches it as it reaches DRAM. */
TEST(virtio, whole_and_split_areas_of_persistent_memory)
{
	(void)next_writable(NULL);
	from = test_take(MEMORY_PERSISTENT, AREA_SIZE);
	to = test_take(MEMORY_PERSISTENT, AREA_SIZE);
	with_each_writable_virtio(move_area);
}

static void read_twice(struct virtio_disk *disk)
{
	size_t unit = disk->device.block_size / SECTOR_SIZE;

	for (unsigned i = 0; i < 64; i++) {
		size_t bytes = (1 + test_random_below(16)) * disk->device.block_size;
		uint64_t most = (disk->device.sectors - bytes / SECTOR_SIZE) / unit;
		uint64_t sector = test_random_below(most + 1) * unit;

		memset(test_virt(from, 0), 0x5a, bytes);
		memset(test_virt(to, 0), 0xa5, bytes);
		expect_eq(virtio_transfer(disk, BLOCK_READ, sector, from, bytes), 0);
		expect_eq(virtio_transfer(disk, BLOCK_READ, sector, to, bytes), 0);
		expect(memcmp(test_virt(from, 0), test_virt(to, 0), bytes) == 0);
	}
}

/* Also where nothing may be written: two reads agree, and each of their bytes was transferred. */
TEST(virtio, two_reads_agree)
{
	from = test_take(MEMORY_DRAM, AREA_SIZE);
	to = test_take(MEMORY_DRAM, AREA_SIZE);
	with_each_virtio(read_twice);
}

static void flush(struct virtio_disk *disk)
{
	struct bio_piece piece = {pfn_to_page(from), 0, PAGE_SIZE};
	struct bio bio = {.operation = BLOCK_FLUSH};

	expect_eq(block_execute(&disk->device, &bio), 0);
	bio = (struct bio){
		.operation = BLOCK_WRITE, .flags = BLOCK_FUA, .pieces = &piece, .nr_pieces = 1};
	expect_eq(block_execute(&disk->device, &bio), 0);
}

/* Flushes and durable writes are done, with a cache or without. */
TEST(virtio, flushes)
{
	from = test_take(MEMORY_DRAM, PAGE_SIZE);
	memset(test_virt(from, 0), 0, PAGE_SIZE);
	with_each_writable_virtio(flush);
}

static void write_protected(struct virtio_disk *disk)
{
	expect_eq(virtio_transfer(disk, BLOCK_WRITE, 0, from, PAGE_SIZE), -EROFS);
	disk->device.read_only = false;
	expect_eq(virtio_transfer(disk, BLOCK_WRITE, 0, from, PAGE_SIZE), -EIO);
	disk->device.read_only = true;
	expect_eq(virtio_transfer(disk, BLOCK_READ, 0, from, PAGE_SIZE), 0);
}

static void write_if_protected(struct virtio_disk *disk)
{
	if (disk->disk.protected)
		write_protected(disk);
	else if (!disk->disk.permitted)
		expect_eq(virtio_transfer(disk, BLOCK_WRITE, 0, from, PAGE_SIZE), -EROFS);
}

/* What is read-only, or may not be written, is not; a read-only device refuses by itself, too. */
TEST(virtio, read_only_disks)
{
	from = test_take(MEMORY_DRAM, PAGE_SIZE);
	with_each_virtio(write_if_protected);
}

/* --- Many at a time. --- */

enum { BIOS_MAX = VIRTIO_SLOTS_MAX + 8 };

static struct bio bios[BIOS_MAX];
static struct bio_piece pieces_of_bios[BIOS_MAX];

static void prepare(struct virtio_disk *disk, enum block_operation operation, pfn_t area)
{
	for (size_t i = 0; i < BIOS_MAX; i++) {
		pieces_of_bios[i] = (struct bio_piece){pfn_to_page(area), i * PAGE_SIZE, PAGE_SIZE};
		bios[i] = (struct bio){
			.operation = operation,
			.sector = i * PAGE_SIZE / SECTOR_SIZE,
			.pieces = &pieces_of_bios[i],
			.nr_pieces = 1,
		};
	}
	expect(disk->device.sectors >= BIOS_MAX * PAGE_SIZE / SECTOR_SIZE);
}

/* Submits until the queue is full, and lets the rest follow. */
static void run_all(struct virtio_disk *disk)
{
	size_t room = virtio_disk_queue(disk, 0)->ring.nr_slots;
	size_t submitted = 0;

	while (block_submit(&disk->device, &bios[submitted]) == 0)
		submitted++;
	expect_eq(submitted, room);
	for (size_t i = submitted; i < BIOS_MAX; i++)
		expect_eq(block_execute(&disk->device, &bios[i]), 0);
	for (size_t i = 0; i < BIOS_MAX; i++) {
		while (bios[i].status == -EINPROGRESS)
			block_poll(&disk->device);
		expect_eq(bios[i].status, 0);
	}
}

static void fill_queue(struct virtio_disk *disk)
{
	stamp_area(disk, 3);
	memset(test_virt(to, 0), 0xa5, AREA_SIZE);
	prepare(disk, BLOCK_WRITE, from);
	run_all(disk);
	prepare(disk, BLOCK_READ, to);
	run_all(disk);
	expect(memcmp(test_virt(from, 0), test_virt(to, 0), BIOS_MAX * PAGE_SIZE) == 0);
}

/* A queue takes as many requests as it has slots, and all of them come to their own end. */
TEST(virtio, full_queues)
{
	from = test_take(MEMORY_DRAM, AREA_SIZE);
	to = test_take(MEMORY_DRAM, AREA_SIZE);
	with_each_writable_virtio(fill_queue);
}

enum { ROUNDS = 50, ROUNDS_ALONE = 200 };

static struct virtio_disk *shared;
static pfn_t frames[HOST_CPUS_MAX];

/* Each CPU has 8 sectors for itself. */
static void write_and_read_own(void *unused)
{
	unsigned cpu = host_cpu();
	struct stamp_id id = {number_of(shared), 0, cpu * PAGE_SIZE / SECTOR_SIZE};
	char *memory = test_virt(frames[cpu], 0);
	const char *wrong;

	(void)unused;
	for (id.generation = 1; id.generation <= ROUNDS_ALONE; id.generation++) {
		stamp_write(memory, id);
		expect_eq(virtio_transfer(shared, BLOCK_WRITE, id.sector, frames[cpu], PAGE_SIZE),
			  0);
		memset(memory, 0xa5, PAGE_SIZE);
		expect_eq(virtio_transfer(shared, BLOCK_READ, id.sector, frames[cpu], PAGE_SIZE),
			  0);
		wrong = stamp_check(memory, id);
		if (wrong)
			fail("CPU %u: %s", cpu, wrong);
	}
}

static void on_each_cpu(struct virtio_disk *disk)
{
	shared = disk;
	host_on_each_cpu(write_and_read_own, NULL);
}

static void free_frames(void *unused)
{
	(void)unused;
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		expect_eq(frame_free(frames[cpu], PAGE_SIZE), 0);
}

/* All CPUs use a disk at once, each by its own queue or by one that they share. */
TEST(virtio, all_cpus)
{
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[cpu]) == 0);
	test_cleanup(free_frames, NULL);
	with_each_writable_virtio(on_each_cpu);
}

/* --- A device that makes no sense. --- */

/* Marks a request as used that there is none of; nothing is in flight. */
static void speak_nonsense(struct virtio_ring *ring)
{
	if (ring->is_packed) {
		ring->packed.descriptors[ring->packed.taken].id = 0;
		ring->packed.descriptors[ring->packed.taken].flags = ring->packed.taken_marks;
	} else {
		ring->split.used->index++;
	}
}

static bool is_new(const struct virtio_ring *ring)
{
	return ring->is_packed ? ring->packed.next == 0 : ring->split.put == 0;
}

static void upset(struct virtio_disk *disk)
{
	struct virtio_ring *ring = &virtio_disk_queue(disk, 0)->ring;

	do
		require(virtio_transfer(disk, BLOCK_READ, 0, from, PAGE_SIZE) == 0);
	while (is_new(ring));
	speak_nonsense(ring);
	expect_eq(block_poll(&disk->device), 0);
	expect(is_new(ring));
	read_twice(disk);
}

/* A ring that makes no sense ends in a reset, and the disk works again. */
TEST(virtio, nonsense_ends_in_a_reset)
{
	from = test_take(MEMORY_DRAM, AREA_SIZE);
	to = test_take(MEMORY_DRAM, AREA_SIZE);
	with_each_virtio(upset);
}

static struct virtio_disk *upset_disk;

/* Each CPU keeps reading; CPU 0 resets the disk now and then. */
static void read_and_upset(void *unused)
{
	unsigned cpu = host_cpu();

	(void)unused;
	for (unsigned i = 0; i < ROUNDS; i++) {
		int status = virtio_transfer(upset_disk, BLOCK_READ, 0, frames[cpu], PAGE_SIZE);

		if (status != 0)
			expect_eq(status, -ECANCELED);
		if (cpu != 0 || i % 10 != 0)
			continue;
		for (unsigned q = 0; q < upset_disk->device.nr_queues; q++)
			while (atomic_exchange(&upset_disk->queues[q]->busy, true))
				;
		upset_disk->device.ops->recover(&upset_disk->device, -ECANCELED);
		for (unsigned q = 0; q < upset_disk->device.nr_queues; q++)
			atomic_store(&upset_disk->queues[q]->busy, false);
	}
}

static void upset_all(struct virtio_disk *disk)
{
	upset_disk = disk;
	host_on_each_cpu(read_and_upset, NULL);
}

/* A reset while other CPUs have requests in flight ends these, and no others. */
TEST(virtio, reset_among_requests)
{
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[cpu]) == 0);
	test_cleanup(free_frames, NULL);
	with_each_virtio(upset_all);
}
