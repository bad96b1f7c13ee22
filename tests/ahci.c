/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands for AHCI ports as they lie in memory, and what disks say of themselves. */
#include "drivers/ahci_command.h"
#include "drivers/ata_identity.h"
#include "tests/test.h"

#include <string.h>

static struct ahci_command_header header;
static struct ahci_table table;

static void build(enum ata_command command, uint64_t lba, uint32_t lbas,
		  const struct segment *segments, size_t nr)
{
	const struct ahci_task task = {command, lba, lbas, segments, nr};

	memset(&header, 0xff, sizeof(header));
	memset(&table, 0xff, sizeof(table));
	ahci_build(&header, &table, &task);
}

/* All 48 bits of an address and 16 of a count go where the disk looks for them. */
TEST(ahci, command_has_its_address_and_length)
{
	build(ATA_READ_DMA_EXT, 0x665544332211, 0x8877, NULL, 0);
	expect_eq(table.fis.type, 0x27);
	expect_eq(table.fis.flags, 0x80);
	expect_eq(table.fis.command, 0x25);
	expect_eq(table.fis.device, 0x40);
	expect_eq(table.fis.lba0, 0x11);
	expect_eq(table.fis.lba1, 0x22);
	expect_eq(table.fis.lba2, 0x33);
	expect_eq(table.fis.lba3, 0x44);
	expect_eq(table.fis.lba4, 0x55);
	expect_eq(table.fis.lba5, 0x66);
	expect_eq(table.fis.count, 0x8877);
	expect_eq(table.fis.features, 0);
	expect_eq(table.fis.control, 0);
}

/* The most that a command can ask for is a count of 0. */
TEST(ahci, longest_command_has_count_0)
{
	build(ATA_READ_DMA_EXT, 0, ATA_SECTORS_MAX, NULL, 0);
	expect_eq(table.fis.count, 0);
}

/* The header says how long the FIS is, which way the data goes, and that nothing went yet. */
TEST(ahci, header_tells_the_direction)
{
	const struct segment segment = {phys(0x1000), 512};

	build(ATA_READ_DMA_EXT, 0, 1, &segment, 1);
	expect_eq(header.flags, 5);
	expect_eq(header.nr_prdt, 1);
	expect_eq(header.transferred, 0);
	expect_eq(header.table, UINT64_MAX); /* whoever owns the memory put it there */
	build(ATA_WRITE_DMA_EXT, 0, 1, &segment, 1);
	expect_eq(header.flags, 5 | 1 << 6);
	build(ATA_FLUSH_CACHE_EXT, 0, 0, NULL, 0);
	expect_eq(header.flags, 5);
	expect_eq(header.nr_prdt, 0);
}

/* Entries have the bytes less one, up to 4 MiB, at any even address above 4 GiB too. */
TEST(ahci, list_has_each_segment)
{
	struct segment segments[BLOCK_SEGMENTS_MAX];

	for (size_t i = 0; i < BLOCK_SEGMENTS_MAX; i++)
		segments[i] = (struct segment){phys((i << 32) + i * 2),
					       i == 0 ? AHCI_ENTRY_MAX : i * 512};
	build(ATA_READ_DMA_EXT, 0, 1, segments, BLOCK_SEGMENTS_MAX);
	expect_eq(header.nr_prdt, BLOCK_SEGMENTS_MAX);
	expect_eq(table.prdt[0].last, 0x3fffff);
	for (size_t i = 0; i < BLOCK_SEGMENTS_MAX; i++) {
		expect_eq(table.prdt[i].start, (i << 32) + i * 2);
		expect_eq(table.prdt[i].last, segments[i].length - 1);
		expect_eq(table.prdt[i].reserved, 0);
	}
}

/* --- Identity. --- */

static uint16_t words[ATA_IDENTIFY_BYTES / 2];

static void add_up(void)
{
	uint8_t sum = 0xa5;

	for (size_t i = 0; i < 510; i++)
		sum = (uint8_t)(sum + ((uint8_t *)words)[i]);
	words[255] = (uint16_t)(0xa5 | (uint8_t)-sum << 8);
}

static void make_good(void)
{
	memset(words, 0, sizeof(words));
	memcpy(&words[10], "1A2B            3C  ", 20);
	memcpy(&words[27], "IBOFDLD SI K                            ", 40);
	words[49] = 1 << 8;
	words[83] = 1 << 14 | 1 << 10;
	words[85] = 1 << 5;
	words[100] = 0x5678;
	words[101] = 0x1234;
	add_up();
}

static const char *identify(struct ata_identity *identity)
{
	return ata_identify(words, identity);
}

/* A disk's size, cache and texts are found; its texts have the bytes of each word exchanged. */
TEST(ahci, identity_is_understood)
{
	struct ata_identity identity;

	make_good();
	expect_str(identify(&identity), NULL);
	expect_eq(identity.lbas, 0x12345678);
	expect_eq(identity.lba_bytes, 512);
	expect(identity.caches_writes);
	expect_str(identity.model, "BIFOLD-DISK");
	words[106] = 1 << 14 | 1 << 12;
	words[117] = 2048;
	words[85] = 0;
	add_up();
	expect_str(identify(&identity), NULL);
	expect_eq(identity.lba_bytes, 4096);
	expect(!identity.caches_writes);
}

/* A disk that cannot be used, or that makes no sense, is told from a good one. */
TEST(ahci, senseless_identity_is_refused)
{
	static const struct {
		size_t word;
		uint16_t value;
	} bad[] = {
		{49, 0},                 /* no DMA */
		{83, 1 << 14},           /* no 48-bit addresses */
		{83, 3 << 14 | 1 << 10}, /* not valid */
		{103, 2},                /* more than 48 bits */
	};
	struct ata_identity identity;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		make_good();
		words[bad[i].word] = bad[i].value;
		add_up();
		expect(identify(&identity) != NULL);
	}
	make_good();
	words[100]++;
	expect_str(identify(&identity), "the checksum of its identity is wrong");
	make_good();
	words[100] = words[101] = 0;
	add_up();
	expect(identify(&identity) != NULL);
	for (uint32_t size = 0; size <= 0x10000; size += 0x900) {
		make_good();
		words[106] = 1 << 14 | 1 << 12;
		words[117] = (uint16_t)size;
		words[118] = (uint16_t)(size >> 16);
		add_up();
		expect(identify(&identity) != NULL);
	}
}
