/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio disks that fail, hang or go away: each ends in an error, and the run goes on. */
#include "drivers/pci_regs.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/harness/virtio_disks.h"
#include "tests/test.h"

#include <errno.h>

enum {
	BAD_SECTOR = 800, /* of the disks that fail to read or to write it */
	PAGE_SECTORS = PAGE_SIZE / SECTOR_SIZE,
};

static void fail_at_bad_sector(struct virtio_disk *disk, enum block_operation operation)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	for (unsigned round = 0; round < 3; round++) {
		expect_eq(virtio_transfer(disk, operation, BAD_SECTOR - PAGE_SECTORS, area,
					  PAGE_SIZE),
			  0);
		expect_eq(virtio_transfer(disk, operation, BAD_SECTOR, area, SECTOR_SIZE), -EIO);
		expect_eq(virtio_transfer(disk, operation, 0, area, AREA_SIZE), -EIO);
		expect_eq(virtio_transfer(disk, operation, BAD_SECTOR + PAGE_SECTORS, area,
					  PAGE_SIZE),
			  0);
	}
	expect_eq(test_look(area).pins, 0);
}

/* A sector that cannot be read fails every read that needs it, and no other. */
TEST(virtio_faults, sector_that_cannot_be_read)
{
	fail_at_bad_sector(virtio_with_serial("bad-read"), BLOCK_READ);
}

/* The same of one that cannot be written. */
TEST(virtio_faults, sector_that_cannot_be_written)
{
	fail_at_bad_sector(virtio_with_serial("bad-write"), BLOCK_WRITE);
}

/* A flush that fails is an error, of the durable write that needed it as well. */
TEST(virtio_faults, flush_that_fails)
{
	struct virtio_disk *disk = virtio_with_serial("bad-flush");
	struct bio_piece piece = {pfn_to_page(test_take(MEMORY_DRAM, PAGE_SIZE)), 0, SECTOR_SIZE};
	struct bio durable = {
		.operation = BLOCK_WRITE, .flags = BLOCK_FUA, .pieces = &piece, .nr_pieces = 1};
	struct bio bare = {.operation = BLOCK_FLUSH};

	expect(disk->description.caches_writes);
	expect_eq(block_execute(&disk->device, &durable), -EIO);
	durable.flags = 0;
	expect_eq(block_execute(&disk->device, &durable), 0);
	expect_eq(block_execute(&disk->device, &bare), -EIO);
	expect_eq(block_execute(&disk->device, &durable), 0);
}

/* The disk lets no more than some KiB through in a second. */
static int read_until_it_hangs(struct virtio_disk *disk, struct bio *bios, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		require(block_submit(&disk->device, &bios[i]) == 0);
	for (size_t i = 0; i < nr; i++)
		while (bios[i].status == -EINPROGRESS)
			block_poll(&disk->device);
	return bios[nr - 1].status;
}

/*
 * What a device has had for too long fails, its pages are given back, and after a reset the device
 * works again.
 */
TEST(virtio_faults, disk_that_hangs)
{
	struct virtio_disk *disk = virtio_with_serial("bad-slow");
	unsigned timeout = disk->device.timeout_ms;
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece piece = {pfn_to_page(area), 0, 64 * 1024};
	struct bio bios[8];

	for (size_t i = 0; i < ARRAY_SIZE(bios); i++)
		bios[i] = (struct bio){.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};
	disk->device.timeout_ms = 100;
	expect_eq(read_until_it_hangs(disk, bios, ARRAY_SIZE(bios)), -ETIMEDOUT);
	disk->device.timeout_ms = timeout;
	expect_eq(test_look(area).pins, 0);
	expect_eq(disk->device.queues[0]->in_flight, 0);
	expect(!disk->given_up);
	expect_eq(virtio_transfer(disk, BLOCK_READ, 0, area, SECTOR_SIZE), 0);
}

/*
 * A device whose registers are gone: what it had fails, its pages are given back, its bus mastering
 * is off, and whatever is asked of it afterwards fails at once.
 */
TEST(virtio_faults, disk_that_goes_away)
{
	struct virtio_disk *disk = virtio_with_serial("bad-gone");
	const struct pci_function *function = disk->virtio.function;
	unsigned command_at = offsetof(struct pci_header, command);
	uint16_t command = pci_read16(function, command_at);
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	if (disk->given_up)
		skip("the disk went away before");
	expect_eq(virtio_transfer(disk, BLOCK_READ, 0, area, PAGE_SIZE), 0);
	disk->device.timeout_ms = 100;
	pci_write16(function, command_at, command & (uint16_t)~PCI_COMMAND_MEMORY);
	expect_eq(virtio_transfer(disk, BLOCK_READ, 0, area, AREA_SIZE), -ENODEV);
	expect(disk->given_up);
	expect_str(disk->virtio.fault, "the-device-is-gone");
	expect_eq(test_look(area).pins, 0);
	expect(!(pci_read16(function, command_at) & PCI_COMMAND_BUS_MASTER));
	expect_eq(virtio_transfer(disk, BLOCK_READ, 0, area, PAGE_SIZE), -ENODEV);
	expect_eq(block_poll(&disk->device), 0);
}
