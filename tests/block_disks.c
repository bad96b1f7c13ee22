/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks made of memory: a RAM disk, and persistent memory as it is. */
#include "drivers/pmem_disk.h"
#include "drivers/ramdisk.h"
#include "mm/host.h"
#include "tests/harness/disk.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum { NUMBER_RAMDISK = 1, NUMBER_PMEM = 2 };

#define DISK_BYTES (2 * AREA_SIZE)

static struct ramdisk ramdisk;
static struct pmem_disk pmem_disk;

static void destroy_ramdisk(void *disk)
{
	ramdisk_destroy(disk);
}

static struct block_device *create_ramdisk(void)
{
	require(ramdisk_create(&ramdisk, "ram0", NODE_ANY, DISK_BYTES) == 0);
	test_cleanup(destroy_ramdisk, &ramdisk);
	return &ramdisk.device;
}

/* The region's first frames, which need not begin an area. */
static struct block_device *create_pmem_disk(const struct region *region)
{
	pfn_t end = pfn_add(region->start, DISK_BYTES >> PAGE_SHIFT);

	if (pfn_before(region->end, end))
		end = region->end;
	require(pmem_disk_create(&pmem_disk, region->name, region->start, end) == 0);
	return &pmem_disk.device;
}

/* Reads two sectors into the middle of a page that is full of `before`. */
static void expect_only_piece_touched(struct block_device *device)
{
	const unsigned char before = 0xa5;
	pfn_t memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	const unsigned char *bytes = test_virt(memory, 0);
	struct bio_piece all = {pfn_to_page(memory), 0, PAGE_SIZE};
	struct bio_piece middle = {pfn_to_page(memory), 1024, 1024};

	memset(test_virt(memory, 0), (unsigned char)~before, PAGE_SIZE);
	require(disk_execute(device, BLOCK_WRITE, 0, all) == 0);
	memset(test_virt(memory, 0), before, PAGE_SIZE);
	require(disk_execute(device, BLOCK_READ, 1, middle) == 0);
	for (size_t i = 0; i < PAGE_SIZE; i++) {
		bool touched = bytes[i] != before;

		require(touched == (i >= 1024 && i < 2048));
	}
}

/* A new RAM disk holds zeros. */
TEST(block, ramdisk_begins_as_zeros)
{
	struct block_device *device = create_ramdisk();
	pfn_t memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	const unsigned char *bytes = test_virt(memory, 0);
	struct bio_piece piece = {pfn_to_page(memory), 0, PAGE_SIZE};

	memset(test_virt(memory, 0), 0xff, PAGE_SIZE);
	require(disk_execute(device, BLOCK_READ, device->sectors - 8, piece) == 0);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		require(bytes[i] == 0);
}

/* A RAM disk has whole sectors, some of them, and no more than it has room for. */
TEST(block, ramdisk_of_impossible_size_is_refused)
{
	expect_eq(ramdisk_create(&ramdisk, "ram0", NODE_ANY, 0), -EINVAL);
	expect_eq(ramdisk_create(&ramdisk, "ram0", NODE_ANY, SECTOR_SIZE + 1), -EINVAL);
	expect_eq(ramdisk_create(&ramdisk, "ram0", NODE_ANY, RAMDISK_BYTES_MAX + SECTOR_SIZE),
		  -EINVAL);
}

/* Every sector of a RAM disk holds what was last written to it. */
TEST(block, ramdisk_keeps_what_is_written)
{
	struct disk_scratch scratch;

	disk_scratch_take(&scratch);
	disk_exercise(create_ramdisk(), &scratch, NUMBER_RAMDISK, 200);
}

/* A read changes the bytes of its pieces and none around them. */
TEST(block, ramdisk_read_touches_its_pieces_only)
{
	expect_only_piece_touched(create_ramdisk());
}

/* How fast a RAM disk is. */
TEST(block, ramdisk_throughput)
{
	disk_throughput(create_ramdisk());
}

/* Every sector of every writable persistent region's disk holds what was last written to it. */
TEST(block, pmem_keeps_what_is_written)
{
	struct disk_scratch scratch;
	const struct region *region = NULL;
	uint32_t number = NUMBER_PMEM;

	disk_scratch_take(&scratch);
	while ((region = next_writable(region)) != NULL)
		disk_exercise(create_pmem_disk(region), &scratch, number++, 100);
}

/* A read changes the bytes of its pieces and none around them. */
TEST(block, pmem_read_touches_its_pieces_only)
{
	expect_only_piece_touched(create_pmem_disk(next_writable(NULL)));
}

/* How fast persistent memory is as a disk. */
TEST(block, pmem_throughput)
{
	disk_throughput(create_pmem_disk(next_writable(NULL)));
}

/* Sector n of the disk is the n-th 512 bytes of the memory, as the CPU sees it. */
TEST(block, pmem_sectors_lie_in_their_order)
{
	struct block_device *device = create_pmem_disk(next_writable(NULL));
	pfn_t memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = {pfn_to_page(memory), 0, SECTOR_SIZE};
	const char *disk = host_virt(pmem_disk.memory.start);

	for (uint64_t sector = 0; sector < 20; sector++) {
		memset(test_virt(memory, 0), (int)('a' + sector), SECTOR_SIZE);
		require(disk_execute(device, BLOCK_WRITE, sector, piece) == 0);
	}
	for (size_t i = 0; i < 20 * (size_t)SECTOR_SIZE; i++)
		require(disk[i] == (char)('a' + i / SECTOR_SIZE));
}

/* A flush, and a write with FUA, succeed on persistent memory. */
TEST(block, pmem_flushes)
{
	struct block_device *device = create_pmem_disk(next_writable(NULL));
	pfn_t memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = {pfn_to_page(memory), 0, PAGE_SIZE};
	struct bio flush = {.operation = BLOCK_FLUSH};
	struct bio write = {
		.operation = BLOCK_WRITE,
		.flags = BLOCK_FUA,
		.pieces = &piece,
		.nr_pieces = 1,
	};

	memset(test_virt(memory, 0), 0, PAGE_SIZE);
	expect_eq(block_execute(device, &write), 0);
	expect_eq(block_execute(device, &flush), 0);
}

/* A disk of memory that may not be written refuses to write, and can be read to its end. */
TEST(block, pmem_without_permission_is_read_only)
{
	struct block_device *device = create_pmem_disk(first_protected());
	pfn_t memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = {pfn_to_page(memory), 0, PAGE_SIZE};

	expect_eq(disk_execute(device, BLOCK_WRITE, 0, piece), -EROFS);
	for (uint64_t sector = 0; sector < device->sectors; sector += 8) {
		uint64_t at = sector * SECTOR_SIZE;

		require(disk_execute(device, BLOCK_READ, sector, piece) == 0);
		require(memcmp(test_virt(memory, 0),
			       host_virt(phys_add(pmem_disk.memory.start, at)), PAGE_SIZE) == 0);
	}
}

/* Page tables do not stop a device: a read into memory that may not be written is refused. */
TEST(block, read_into_protected_memory_is_refused)
{
	struct block_device *device = create_ramdisk();
	const struct region *region = first_protected();
	/* Its ends, where it may be split for good, and the middle. */
	const pfn_t frames[] = {region->start,
				pfn_area(pfn_add(region->start, region_frames(region) / 2)),
				pfn(region->end.n - 1)};

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct bio_piece piece = {pfn_to_page(frames[i]), 0, SECTOR_SIZE};

		expect_eq(disk_execute(device, BLOCK_READ, 0, piece), -EACCES);
		expect_eq(disk_execute(device, BLOCK_WRITE, 0, piece), 0);
	}
}

/* The memory of a bio is not the disk's own. */
TEST(block, pmem_refuses_its_own_memory)
{
	struct block_device *device = create_pmem_disk(next_writable(NULL));
	struct bio_piece piece = {pfn_to_page(phys_to_pfn(pmem_disk.memory.start)), 0, SECTOR_SIZE};

	expect_eq(disk_execute(device, BLOCK_READ, 8, piece), -EINVAL);
	expect_eq(disk_execute(device, BLOCK_WRITE, 8, piece), -EINVAL);
}

static void collapse_again(void *start)
{
	expect_eq(page_collapse(*(pfn_t *)start), 0);
}

/* The disk fails where its memory cannot be pinned, as poisoned memory cannot, and only there. */
TEST(block, pmem_fails_where_it_cannot_be_pinned)
{
	static pfn_t area;
	const struct region *region = next_writable(NULL);
	struct block_device *device = create_pmem_disk(region);
	struct bio_piece piece = {pfn_to_page(test_take(MEMORY_DRAM, AREA_SIZE)), 0, 2 * PAGE_SIZE};
	struct page *full = NULL;

	area = region->start;
	if (page_size(pfn_to_page(area)) == AREA_SIZE)
		test_cleanup(collapse_again, &area);
	require(page_split(area) == 0);
	for (uint32_t i = 0; i < PAGE_PINS_MAX; i++)
		require((full = page_pin(pfn_add(area, 1))) != NULL);
	expect_eq(disk_execute(device, BLOCK_READ, 0, piece), -EIO);
	expect_eq(disk_execute(device, BLOCK_WRITE, 8, piece), -EIO);
	expect_eq(disk_execute(device, BLOCK_READ, 16, piece), 0);
	piece.length = PAGE_SIZE;
	expect_eq(disk_execute(device, BLOCK_READ, 0, piece), 0);
	for (uint32_t i = 0; i < PAGE_PINS_MAX; i++)
		page_unpin(full);
}

/* Only frames of one persistent region make a disk. */
TEST(block, pmem_disk_of_other_memory_is_refused)
{
	pfn_t dram = test_take(MEMORY_DRAM, PAGE_SIZE);
	const struct region *region = next_region(NULL, MEMORY_PERSISTENT);

	expect_eq(pmem_disk_create(&pmem_disk, "pmem", dram, pfn_add(dram, 1)), -EINVAL);
	expect_eq(pmem_disk_create(&pmem_disk, "pmem", pfn(0), pfn(0)), -EINVAL);
	if (!region)
		region = next_region(NULL, MEMORY_DRAM);
	expect_eq(pmem_disk_create(&pmem_disk, "pmem", region->start, region->start), -EINVAL);
	expect_eq(pmem_disk_create(&pmem_disk, "pmem", region->start, pfn_add(region->end, 1)),
		  -EINVAL);
	expect_eq(pmem_disk_create(&pmem_disk, "pmem", region->end, region->start), -EINVAL);
}
