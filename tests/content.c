/* SPDX-License-Identifier: BSD-2-Clause */
/* Each format that must not be overwritten by mistake is recognised, and its neighbours are not. */
#include "drivers/content.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_BYTES = CONTENT_START_BYTES + CONTENT_END_BYTES };

static uint8_t memory[MEMORY_BYTES];

static const char *recognise(void)
{
	return content_of(memory, sizeof(memory));
}

static void put(size_t offset, const void *bytes, size_t length)
{
	memcpy(memory + offset, bytes, length);
}

/* Formats by what their creators write at one place (ext: see below). */
static const struct {
	const char *name;
	size_t offset;
	const char *signature;
	size_t length;
} formats[] = {
	{"btt", 0, "BTT_ARENA_INFO\0", 16},
	{"btt", 4096, "BTT_ARENA_INFO\0", 16},
	{"btt", MEMORY_BYTES - 4096, "BTT_ARENA_INFO\0", 16},
	{"pfn", 4096, "NVDIMM_PFN_INFO", 16},
	{"dax", 4096, "NVDIMM_DAX_INFO", 16},
	{"label-index", 0, "NAMESPACE_INDEX", 16},
	{"gpt", 512, "EFI PART", 8},
	{"gpt", 4096, "EFI PART", 8},
	{"gpt", MEMORY_BYTES - 512, "EFI PART", 8},
	{"gpt", MEMORY_BYTES - 4096, "EFI PART", 8},
	{"ntfs", 0, "\xeb\x52\x90NTFS    ", 11},
	{"exfat", 0,
	 "\xeb\x76\x90"
	 "EXFAT   ",
	 11},
	{"xfs", 0, "XFSB", 4},
	{"btrfs", 0x10040, "_BHRfS_M", 8},
	{"swap", 4086, "SWAPSPACE2", 10},
	{"swap", 4086, "SWAP-SPACE", 10},
	{"lvm2", 24, "LVM2 001", 8},
	{"lvm2", 512 + 24, "LVM2 001", 8},
	{"lvm2", 1024 + 24, "LVM2 001", 8},
	{"lvm2", 1536 + 24, "LVM2 001", 8},
	{"luks", 0, "LUKS\xba\xbe\0\2", 8},
	{"iso9660", 0x8001, "CD001", 5},
};

/* A signature at its place is enough. */
TEST(content, signatures_are_recognised)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		memset(memory, 0, sizeof(memory));
		put(formats[i].offset, formats[i].signature, formats[i].length);
		expect_str(recognise(), formats[i].name);
	}
}

/* The same bytes anywhere else mean nothing, and neither does a part of them. */
TEST(content, signatures_count_at_their_place_only)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		memset(memory, 0, sizeof(memory));
		put(formats[i].offset + 100, formats[i].signature, formats[i].length);
		expect_str(recognise(), NULL);
		memset(memory, 0, sizeof(memory));
		put(formats[i].offset, formats[i].signature, formats[i].length);
		for (size_t at = 0; at < formats[i].length; at++)
			memory[formats[i].offset + at] ^= 0x20;
		expect_str(recognise(), NULL);
	}
}

/* Nothing is nothing: zeros, ones, and words that count. */
TEST(content, plain_patterns_are_not_recognised)
{
	memset(memory, 0, sizeof(memory));
	expect_str(recognise(), NULL);
	memset(memory, 0xff, sizeof(memory));
	expect_str(recognise(), NULL);
	for (size_t i = 0; i < sizeof(memory); i += sizeof(i))
		memcpy(memory + i, &i, sizeof(i));
	expect_str(recognise(), NULL);
}

/* A FAT is told by its boot sector. */
TEST(content, fat_is_recognised)
{
	static const struct {
		size_t offset;
		const char *name;
	} fats[] = {{54, "FAT12   "}, {54, "FAT16   "}, {54, "FAT     "}, {82, "FAT32   "}};

	for (size_t i = 0; i < ARRAY_SIZE(fats); i++) {
		memset(memory, 0, sizeof(memory));
		put(fats[i].offset, fats[i].name, 8);
		expect_str(recognise(), NULL);
		put(510, "\x55\xaa", 2);
		expect_str(recognise(), "fat");
	}
}

/* ext2, ext3 and ext4 share a magic number of two bytes, so some fields have to make sense. */
TEST(content, ext_is_recognised)
{
	enum { SUPERBLOCK = 1024 };

	memset(memory, 0, sizeof(memory));
	put(SUPERBLOCK + 56, "\x53\xef", 2);
	expect_str(recognise(), NULL);
	put(SUPERBLOCK, "\1", 1);
	expect_str(recognise(), NULL);
	put(SUPERBLOCK + 4, "\1", 1);
	expect_str(recognise(), "ext2");
	put(SUPERBLOCK + 24, "\7", 1); /* blocks of 128 KiB */
	expect_str(recognise(), NULL);
	put(SUPERBLOCK + 24, "\6", 1);
	expect_str(recognise(), "ext2");
	put(SUPERBLOCK + 24, "\2", 1);
	put(SUPERBLOCK + 92, "\4", 1); /* a journal */
	expect_str(recognise(), "ext3");
	put(SUPERBLOCK + 96, "\x42", 1); /* extents */
	expect_str(recognise(), "ext4");
}

/* A signature may end where the memory does, and no earlier. */
TEST(content, signature_may_be_the_last_bytes)
{
	memset(memory, 0, sizeof(memory));
	put(4086, "SWAPSPACE2", 10);
	expect_str(content_recognise(memory, 4096, NULL, 0), "swap");
	expect_str(content_recognise(memory, 4095, NULL, 0), NULL);
}

/* A superblock that is cut off is none, and is not read beyond. */
TEST(content, ext_needs_its_superblock)
{
	enum { SUPERBLOCK = 1024, LENGTH = SUPERBLOCK + 58 };
	uint8_t *window = calloc(1, LENGTH);

	require(window != NULL);
	memcpy(window + SUPERBLOCK, "\1\0\0\0\1", 5);
	memcpy(window + SUPERBLOCK + 56, "\x53\xef", 2);
	expect_str(content_recognise(window, LENGTH, NULL, 0), NULL);
	free(window);
}

/* A namespace in the midst of a region is found where Linux would begin it. */
TEST(content, namespaces_inside_are_found)
{
	enum { AREAS = 16 };
	pfn_t areas[AREAS];

	for (size_t i = 0; i < AREAS; i++) {
		areas[i] = test_take(MEMORY_DRAM, AREA_SIZE);
		memset(test_virt(areas[i], 0), 0, CONTENT_START_BYTES);
	}
	for (size_t i = 0; i < AREAS; i++) {
		for (size_t j = 0; j < AREAS; j++) {
			uint64_t distance = CONTENT_STEP / PAGE_SIZE;

			if (!pfn_eq(pfn_add(areas[i], distance), areas[j]))
				continue;
			expect_str(content_of(test_virt(areas[i], 0), CONTENT_STEP + 4096), NULL);
			memcpy(test_virt(areas[j], 0), "XFSB", 4);
			expect_str(content_of(test_virt(areas[i], 0), CONTENT_STEP + 4096), "xfs");
			return;
		}
	}
	skip("no two of the areas are a step apart");
}

/* There are never more than CONTENT_STEPS_MAX steps, and they are narrow where that allows. */
TEST(content, steps_are_bounded)
{
	expect_eq(content_step(0), CONTENT_STEP);
	expect_eq(content_step(16ull << 30), CONTENT_STEP);
	expect_eq(content_step(17ull << 30), 2 * CONTENT_STEP);
	expect_eq(content_step(1ull << 40), 1 << 30);
}

/* A partition table has to make sense, entry by entry: many things end in 0x55 0xaa. */
TEST(content, partition_table_makes_sense)
{
	enum { ENTRY = 446 };

	memset(memory, 0, sizeof(memory));
	put(510, "\x55\xaa", 2);
	expect_str(recognise(), NULL);
	put(ENTRY + 4, "\x83", 1); /* a type without a length */
	expect_str(recognise(), NULL);
	put(ENTRY + 12, "\1", 1);
	expect_str(recognise(), "mbr");
	put(ENTRY + 16, "\x80", 1);
	expect_str(recognise(), "mbr");
	put(ENTRY + 16, "\x7f", 1); /* no such mark */
	expect_str(recognise(), NULL);
	put(ENTRY + 16, "\0", 1);
	put(ENTRY + 48 + 12, "\1", 1); /* a length without a type */
	expect_str(recognise(), NULL);
}

/* Windows of any length are read to their end and no further. */
TEST(content, short_windows_are_survived)
{
	for (size_t length = 1; length <= 8192; length += length < 2048 ? 1 : 512) {
		/* Exactly so long, for a sanitizer to see what is read beyond. */
		uint8_t *window = malloc(length);

		require(window != NULL);
		memset(window, 0x55, length);
		expect_str(content_of(window, length), NULL);
		expect_str(content_recognise(window, length, NULL, 0), NULL);
		expect_str(content_recognise(NULL, 0, window, length), NULL);
		free(window);
	}
	expect_str(content_recognise(NULL, 0, NULL, 0), NULL);
}
