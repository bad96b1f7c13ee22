/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of AHCI ports against one that can go wrong in every way. */
#include "tests/harness/fake_ahci.h"
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static pfn_t frame;

static struct block_device *device(void)
{
	return &fake_ahci.port.device;
}

static void begin(void)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	fake_ahci_create();
	expect_str(fake_ahci_open(), NULL);
	require(device()->sectors == FAKE_AHCI_SECTORS);
}

static int transfer(enum block_operation operation, uint64_t sector)
{
	struct bio_piece piece = piece_of(frame, 0, PAGE_SIZE);
	struct bio bio = make_bio(operation, &piece, 1);

	bio.sector = sector;
	return block_execute(device(), &bio);
}

/* --- One that works. --- */

/* What a disk says of itself is in the block device, and its data goes where it was sent. */
TEST(ahci_fake, disk_is_read_and_written)
{
	begin();
	expect_eq(device()->block_size, SECTOR_SIZE);
	expect_str(fake_ahci.port.disk.serial, "A1B2");
	expect_str(fake_ahci.port.disk.model, "FAKE-DISK");
	memset(test_virt(frame, 0), 0x5a, PAGE_SIZE);
	expect_eq(transfer(BLOCK_WRITE, 24), 0);
	expect_eq(fake_ahci.medium[24 * SECTOR_SIZE - 1], 0);
	expect_eq(fake_ahci.medium[24 * SECTOR_SIZE], 0x5a);
	expect_eq(fake_ahci.medium[32 * SECTOR_SIZE - 1], 0x5a);
	expect_eq(fake_ahci.medium[32 * SECTOR_SIZE], 0);
	memset(test_virt(frame, 0), 0, PAGE_SIZE);
	expect_eq(transfer(BLOCK_READ, 24), 0);
	expect_eq(*(unsigned char *)test_virt(frame, PAGE_SIZE - 1), 0x5a);
	expect_eq(test_look(frame).pins, 0);
}

static int flush(void)
{
	struct bio bio = {.operation = BLOCK_FLUSH};

	return block_execute(device(), &bio);
}

/* A disk that caches writes is flushed, and one that does not is not asked to. */
TEST(ahci_fake, flush_is_for_a_cache)
{
	begin();
	expect_eq(flush(), 0);
	expect_eq(fake_ahci.last, ATA_FLUSH_CACHE_EXT);
	fake_ahci_close();
	fake_ahci_create();
	fake_ahci.identity[85] = 0;
	expect_str(fake_ahci_open(), NULL);
	expect_eq(flush(), 0);
	expect_eq(fake_ahci.commands, 0);
}

/* More bios than it has slots wait, and all are done, one command at a time. */
TEST(ahci_fake, more_bios_than_slots)
{
	enum { NR = 2 * FAKE_AHCI_SLOTS };
	struct bio_piece piece;
	struct bio bios[NR];
	size_t started = 0, done = 0;

	begin();
	piece = piece_of(frame, 0, PAGE_SIZE);
	for (size_t i = 0; i < NR; i++) {
		bios[i] = make_bio(BLOCK_READ, &piece, 1);
		bios[i].sector = i * 8;
		started += block_submit(device(), &bios[i]) == 0;
	}
	expect_eq(started, FAKE_AHCI_SLOTS);
	while (done < started)
		done += block_poll(device());
	expect_eq(fake_ahci.commands, FAKE_AHCI_SLOTS);
	expect_eq(test_look(frame).pins, 0);
}

/* --- One that cannot be used. --- */

static void expect_unusable(enum fake_ahci_fault fault, const char *why)
{
	fake_ahci_create();
	fake_ahci.fault = fault;
	expect_str(fake_ahci_open(), why);
	fake_ahci_close();
}

/* Each is refused for its reason, and nothing stays behind. */
TEST(ahci_fake, unusable_ports)
{
	expect_unusable(FAKE_AHCI_GONE, "its link does not come up");
	expect_unusable(FAKE_AHCI_ZEROS, "");
	expect_unusable(FAKE_AHCI_BUSY, "it stays busy");
	expect_unusable(FAKE_AHCI_LINK_DOWN, "its link does not come up");
	expect_unusable(FAKE_AHCI_SILENT, "it does not say what it is");
	expect_unusable(FAKE_AHCI_ERROR, "it does not say what it is");
	fake_ahci_create();
	fake_ahci.registers.sig = 0xeb140101; /* a drive of compact disks */
	expect_str(fake_ahci_open(), "it is no disk");
	fake_ahci_create();
	fake_ahci.registers.cmd = AHCI_CMD_LIST_RUNNING;
	fake_ahci.fault = FAKE_AHCI_NO_STOP;
	expect_str(fake_ahci_open(), "it does not stop");
	fake_ahci_create();
	fake_ahci.registers.cmd = AHCI_CMD_FIS_RUNNING;
	fake_ahci.fault = FAKE_AHCI_NO_FIS_STOP;
	expect_str(fake_ahci_open(), "it does not stop");
	fake_ahci_create();
	fake_ahci.identity[49] = 0;
	expect_str(fake_ahci_open(), "it has no DMA");
}

/* --- Errors. --- */

/* What the disk cannot do is the bio's error, the link stays up, and the next command works. */
TEST(ahci_fake, failed_command)
{
	begin();
	fake_ahci.fault = FAKE_AHCI_ERROR;
	expect_eq(transfer(BLOCK_READ, 0), -EIO);
	fake_ahci.fault = FAKE_AHCI_SOUND;
	expect_eq(fake_ahci.resets, 0);
	expect_eq(transfer(BLOCK_READ, 0), 0);
	expect_eq(test_look(frame).pins, 0);
}

/* Fewer bytes than were asked for are an error, and so is a count that cannot be. */
TEST(ahci_fake, wrong_length)
{
	begin();
	fake_ahci.fault = FAKE_AHCI_SHORT;
	expect_eq(transfer(BLOCK_READ, 0), -EIO);
	fake_ahci.fault = FAKE_AHCI_LONG;
	expect_eq(transfer(BLOCK_READ, 0), -EIO);
	fake_ahci.fault = FAKE_AHCI_SOUND;
	expect_eq(transfer(BLOCK_READ, 0), 0);
}

/* What comes of a read during which the port is silent, and then is as told. */
static int silence(enum fake_ahci_fault then)
{
	struct bio_piece piece = piece_of(frame, 0, PAGE_SIZE);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	device()->timeout_ms = 5;
	fake_ahci.fault = FAKE_AHCI_SILENT;
	require(block_submit(device(), &bio) == 0);
	expect_eq(test_look(frame).pins, 1);
	fake_ahci.fault = then;
	while (bio.status == -EINPROGRESS)
		block_poll(device());
	expect_eq(test_look(frame).pins, 0);
	return bio.status;
}

/* A port that is silent is reset, and works again. */
TEST(ahci_fake, silence_ends_in_a_reset)
{
	begin();
	expect_eq(silence(FAKE_AHCI_SOUND), -ETIMEDOUT);
	expect_eq(fake_ahci.resets, 1);
	expect(fake_ahci_dma());
	expect_eq(transfer(BLOCK_READ, 0), 0);
}

static void expect_given_up(enum fake_ahci_fault fault, int status)
{
	fake_ahci_create();
	require(!fake_ahci_open());
	expect_eq(silence(fault), status);
	expect(!fake_ahci_dma());
	expect_eq(transfer(BLOCK_READ, 0), -ENODEV);
	fake_ahci_close();
}

/* One that does not come back is given up, with its bus mastering off; so is another disk. */
TEST(ahci_fake, port_that_is_lost)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	expect_given_up(FAKE_AHCI_GONE, -ENODEV);
	expect_given_up(FAKE_AHCI_ZEROS, -ENODEV);
	expect_given_up(FAKE_AHCI_NO_STOP, -ETIMEDOUT);
	expect_given_up(FAKE_AHCI_NO_FIS_STOP, -ETIMEDOUT);
	expect_given_up(FAKE_AHCI_LINK_DOWN, -ETIMEDOUT);
	expect_given_up(FAKE_AHCI_BUSY, -ETIMEDOUT);
	expect_given_up(FAKE_AHCI_SMALLER_DISK, -ETIMEDOUT);
	expect_given_up(FAKE_AHCI_OTHER_DISK, -ETIMEDOUT);
}
