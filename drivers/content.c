/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/content.h"
#include "mm/compiler.h"

#include <string.h>

struct bytes {
	const uint8_t *at;
	size_t length;
};

/* Formats that a signature at a fixed place gives away, most specific first. */
static const struct {
	size_t offset;
	const char *signature;
	uint8_t length;
	const char *name;
} signatures[] = {
	{0, "BTT_ARENA_INFO\0", 16, "btt"}, /* 2.0 */
	{4096, "BTT_ARENA_INFO\0", 16, "btt"},
	{4096, "NVDIMM_PFN_INFO", 16, "pfn"},
	{4096, "NVDIMM_DAX_INFO", 16, "dax"},
	{0, "NAMESPACE_INDEX", 16, "label-index"},
	{512, "EFI PART", 8, "gpt"}, /* sectors of 512 bytes */
	{4096, "EFI PART", 8, "gpt"},
	{3, "NTFS    ", 8, "ntfs"},
	{3, "EXFAT   ", 8, "exfat"},
	{0, "XFSB", 4, "xfs"},
	{0x10040, "_BHRfS_M", 8, "btrfs"},
	{4086, "SWAPSPACE2", 10, "swap"}, /* the end of the first page */
	{4086, "SWAP-SPACE", 10, "swap"},
	{0 * 512 + 24, "LVM2 001", 8, "lvm2"}, /* the label is in one of the first sectors */
	{1 * 512 + 24, "LVM2 001", 8, "lvm2"},
	{2 * 512 + 24, "LVM2 001", 8, "lvm2"},
	{3 * 512 + 24, "LVM2 001", 8, "lvm2"},
	{0, "LUKS\xba\xbe", 6, "luks"},
	{0x8001, "CD001", 5, "iso9660"},
};

/* Backups, by their distance from the end. */
static const struct {
	size_t from_end;
	const char *signature;
	uint8_t length;
	const char *name;
} end_signatures[] = {
	{4096, "BTT_ARENA_INFO\0", 16, "btt"},
	{512, "EFI PART", 8, "gpt"},
	{4096, "EFI PART", 8, "gpt"},
};

static bool holds(struct bytes bytes, size_t offset, const char *signature, size_t length)
{
	return bytes.length >= length && offset <= bytes.length - length &&
	       memcmp(bytes.at + offset, signature, length) == 0;
}

static uint32_t read_u32(struct bytes bytes, size_t offset)
{
	uint32_t value;

	memcpy(&value, bytes.at + offset, sizeof(value));
	return value;
}

static bool is_boot_sector(struct bytes start)
{
	return holds(start, 510, "\x55\xaa", 2);
}

static bool is_fat(struct bytes start)
{
	return is_boot_sector(start) &&
	       (holds(start, 54, "FAT12   ", 8) || holds(start, 54, "FAT16   ", 8) ||
		holds(start, 54, "FAT     ", 8) || holds(start, 82, "FAT32   ", 8));
}

/*
 * A boot sector whose four partition entries make sense: each is empty or has a type and a length,
 * a mark says bootable or nothing, and not all are empty.
 */
static bool is_partitioned(struct bytes start)
{
	enum { ENTRIES = 446, ENTRY_BYTES = 16, TYPE = 4, SECTORS = 12, BOOTABLE = 0x80 };
	unsigned partitions = 0;

	if (!is_boot_sector(start))
		return false;
	for (size_t entry = ENTRIES; entry < ENTRIES + 4 * ENTRY_BYTES; entry += ENTRY_BYTES) {
		uint8_t mark = start.at[entry];
		bool typed = start.at[entry + TYPE] != 0;
		bool long_enough = read_u32(start, entry + SECTORS) != 0;

		if ((mark != 0 && mark != BOOTABLE) || typed != long_enough)
			return false;
		partitions += typed;
	}
	return partitions > 0;
}

/* The superblock of ext2 and its successors. Two bytes are little, so some of it must make sense.
 */
static const char *recognise_ext(struct bytes start)
{
	enum {
		SUPERBLOCK = 1024,
		INODES = SUPERBLOCK,
		BLOCKS = SUPERBLOCK + 4,
		LOG_BLOCK_SIZE = SUPERBLOCK + 24, /* 1 KiB shifted by this */
		MAGIC = SUPERBLOCK + 56,
		COMPATIBLE = SUPERBLOCK + 92,
		INCOMPATIBLE = SUPERBLOCK + 96,
		HAS_JOURNAL = 0x4,
		AFTER_EXT3 = ~0x1f, /* extents, 64 bits, flexible groups, ... */
	};

	if (start.length < 2 * SUPERBLOCK || !holds(start, MAGIC, "\x53\xef", 2))
		return NULL;
	if (read_u32(start, INODES) == 0 || read_u32(start, BLOCKS) == 0 ||
	    read_u32(start, LOG_BLOCK_SIZE) > 6)
		return NULL;
	if (read_u32(start, INCOMPATIBLE) & (uint32_t)AFTER_EXT3)
		return "ext4";
	return read_u32(start, COMPATIBLE) & HAS_JOURNAL ? "ext3" : "ext2";
}

static const char *recognise_start(struct bytes start)
{
	const char *name;

	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		if (holds(start, signatures[i].offset, signatures[i].signature,
			  signatures[i].length))
			return signatures[i].name;
	}
	if (is_fat(start))
		return "fat";
	name = recognise_ext(start);
	if (name)
		return name;
	return is_partitioned(start) ? "mbr" : NULL;
}

static const char *recognise_end(struct bytes end)
{
	for (size_t i = 0; i < ARRAY_SIZE(end_signatures); i++) {
		if (end.length >= end_signatures[i].from_end &&
		    holds(end, end.length - end_signatures[i].from_end, end_signatures[i].signature,
			  end_signatures[i].length))
			return end_signatures[i].name;
	}
	return NULL;
}

const char *content_recognise(const void *start, size_t start_length, const void *end,
			      size_t end_length)
{
	const char *name = recognise_start((struct bytes){start, start_length});

	return name ? name : recognise_end((struct bytes){end, end_length});
}

static size_t at_most(uint64_t length, size_t limit)
{
	return length < limit ? (size_t)length : limit;
}

uint64_t content_step(uint64_t length)
{
	uint64_t step = CONTENT_STEP;

	while (length / step > CONTENT_STEPS_MAX)
		step *= 2;
	return step;
}

const char *content_of(const void *memory, uint64_t length)
{
	const uint8_t *bytes = memory;
	size_t end_length = at_most(length, CONTENT_END_BYTES);
	const char *name = content_recognise(bytes, at_most(length, CONTENT_START_BYTES),
					     bytes + length - end_length, end_length);

	for (uint64_t at = content_step(length); !name && at < length; at += content_step(length))
		name = recognise_start(
			(struct bytes){bytes + at, at_most(length - at, CONTENT_STEP_BYTES)});
	return name;
}
