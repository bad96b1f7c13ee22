/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that fail, hang or go away: each ends in an error, no page stays pinned, and the run goes
 * on. What is wrong with a disk is what its serial says:
 *
 *	bad-read, bad-write  sector 800 cannot be read, or written
 *	bad-flush            no flush succeeds
 *	bad-slow             64 KiB a second
 *	bad-gone             sound; the test takes it away
 *
 * They run only where tests= spells out the name of this suite.
 */
#include "drivers/disks.h"
#include "drivers/pci_regs.h"
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum { BAD_SECTOR = 800, PAGE_SECTORS = PAGE_SIZE / SECTOR_SIZE, SHORT_TIMEOUT_MS = 200 };

static pfn_t area;

/* Calls body() for each disk with such a serial, whatever its driver. */
static void with_each(const char *serial, void (*body)(struct disk *))
{
	struct disk *disk = NULL;
	unsigned nr = 0;

	area = test_take(MEMORY_DRAM, AREA_SIZE);
	while ((disk = disk_next(disk))) {
		if (strcmp(disk->serial, serial) != 0)
			continue;
		nr++;
		body(disk);
		expect_eq(test_look(area).pins, 0);
		for (unsigned i = 0; i < disk->device->nr_queues; i++)
			expect_eq(disk->device->queues[i]->in_flight, 0);
	}
	if (nr == 0)
		skip("no disk's serial is %s", serial);
}

static int transfer(struct block_device *device, enum block_operation operation, unsigned flags,
		    uint64_t sector, size_t length)
{
	struct bio_piece piece = {pfn_to_page(area), 0, length};
	struct bio bio = {
		.operation = operation,
		.flags = flags,
		.sector = sector,
		.pieces = &piece,
		.nr_pieces = 1,
	};

	return block_execute(device, &bio);
}

static int flush(struct block_device *device)
{
	struct bio bio = {.operation = BLOCK_FLUSH};

	return block_execute(device, &bio);
}

/* --- Errors of the medium. --- */

static void check_bad_sector(struct block_device *device, enum block_operation operation)
{
	for (unsigned round = 0; round < 3; round++) {
		expect_eq(transfer(device, operation, 0, BAD_SECTOR - PAGE_SECTORS, PAGE_SIZE), 0);
		expect_eq(transfer(device, operation, 0, BAD_SECTOR, PAGE_SIZE), -EIO);
		expect_eq(transfer(device, operation, 0, 0, AREA_SIZE), -EIO);
		expect_eq(transfer(device, operation, 0, BAD_SECTOR + PAGE_SECTORS, PAGE_SIZE), 0);
	}
}

static void check_bad_read(struct disk *disk)
{
	check_bad_sector(disk->device, BLOCK_READ);
}

static void check_bad_write(struct disk *disk)
{
	check_bad_sector(disk->device, BLOCK_WRITE);
	expect_eq(transfer(disk->device, BLOCK_READ, 0, BAD_SECTOR, PAGE_SIZE), 0);
}

/* A sector that cannot be read fails every read that needs it, and no other. */
TEST(disk_faults, sector_that_cannot_be_read)
{
	with_each("bad-read", check_bad_read);
}

/* The same of one that cannot be written; reading it is another matter. */
TEST(disk_faults, sector_that_cannot_be_written)
{
	with_each("bad-write", check_bad_write);
}

/* Bios of one sector each, of which one has the bad sector, in every place among them. */
static void check_neighbours(struct disk *disk)
{
	struct bio_piece piece = {pfn_to_page(area), 0, SECTOR_SIZE};
	struct bio bios[4];

	for (size_t bad = 0; bad < ARRAY_SIZE(bios); bad++) {
		for (size_t i = 0; i < ARRAY_SIZE(bios); i++) {
			bios[i] = (struct bio){
				.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};
			bios[i].sector = i == bad ? BAD_SECTOR : i * PAGE_SECTORS;
			require(block_submit(disk->device, &bios[i]) == 0);
		}
		for (size_t i = 0; i < ARRAY_SIZE(bios); i++) {
			while (bios[i].status == -EINPROGRESS)
				block_poll(disk->device);
			expect_eq(bios[i].status, i == bad ? -EIO : 0);
		}
	}
}

/* What is in flight beside a request that fails does not fail. */
TEST(disk_faults, neighbours_of_a_failure_succeed)
{
	with_each("bad-read", check_neighbours);
}

static void check_bad_flush(struct disk *disk)
{
	struct block_device *device = disk->device;

	for (unsigned round = 0; round < 3; round++) {
		/* After a write: an emulator knows when there is nothing to flush. */
		expect_eq(transfer(device, BLOCK_WRITE, 0, 0, PAGE_SIZE), 0);
		expect_eq(flush(device), -EIO);
		if (!device->fua)
			expect_eq(transfer(device, BLOCK_WRITE, BLOCK_FUA, 0, PAGE_SIZE), -EIO);
	}
}

/* A flush that fails is an error, and that of the durable write that needed it. */
TEST(disk_faults, flush_that_fails)
{
	with_each("bad-flush", check_bad_flush);
}

/* --- Disks that hang. --- */

/*
 * The first request takes what two seconds are worth of, so that the second one waits for ten times
 * its timeout, which the busiest host does not take for a moment. The next one finds a disk that
 * works.
 */
static void check_slow(struct disk *disk)
{
	struct block_device *device = disk->device;
	unsigned timeout = device->timeout_ms;
	struct bio_piece piece = {pfn_to_page(area), 0, 128 * 1024};
	struct bio bios[2];

	device->timeout_ms = SHORT_TIMEOUT_MS;
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++) {
		bios[i] = (struct bio){.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};
		require(block_submit(device, &bios[i]) == 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++)
		while (bios[i].status == -EINPROGRESS)
			block_poll(device);
	device->timeout_ms = timeout;
	expect_eq(bios[ARRAY_SIZE(bios) - 1].status, -ETIMEDOUT);
	expect_eq(transfer(device, BLOCK_READ, 0, 0, SECTOR_SIZE), 0);
}

/* What a disk does not complete in time fails; after a reset the disk works again. */
TEST(disk_faults, disk_that_hangs)
{
	with_each("bad-slow", check_slow);
}

/* --- Disks that go away. --- */

static uint16_t command_of(const struct pci_function *function)
{
	return pci_read16(function, offsetof(struct pci_header, command));
}

static void hide_registers(const struct pci_function *function)
{
	pci_write16(function, offsetof(struct pci_header, command),
		    command_of(function) & (uint16_t)~PCI_COMMAND_MEMORY);
}

/* All that it had fails, soon. */
static void check_gone(struct disk *disk)
{
	struct block_device *device = disk->device;
	struct bio_piece piece = {pfn_to_page(area), 0, PAGE_SIZE};
	struct bio bios[4];
	uint64_t start = host_nanoseconds();
	unsigned timeout = device->timeout_ms;

	if (!(command_of(disk->function) & PCI_COMMAND_MEMORY))
		skip("%s went away before", device->name);
	expect_eq(transfer(device, BLOCK_READ, 0, 0, AREA_SIZE), 0);
	device->timeout_ms = SHORT_TIMEOUT_MS;
	hide_registers(disk->function);
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++) {
		bios[i] = (struct bio){.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};
		require(block_submit(device, &bios[i]) == 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++) {
		while (bios[i].status == -EINPROGRESS)
			block_poll(device);
		expect(bios[i].status < 0);
	}
	device->timeout_ms = timeout;
	expect(host_nanoseconds() - start < 5000000000);
	expect(!(command_of(disk->function) & PCI_COMMAND_BUS_MASTER));
	expect_eq(transfer(device, BLOCK_READ, 0, 0, PAGE_SIZE), -ENODEV);
}

/*
 * A disk whose registers do not answer: what it had fails, it can reach no memory any more, and
 * asking it for more fails at once.
 */
TEST(disk_faults, disk_that_goes_away)
{
	with_each("bad-gone", check_gone);
}
