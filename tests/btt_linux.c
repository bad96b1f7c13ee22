/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTTs that Linux wrote: tests/images/README.md says what they hold, a pattern or texts. Word k of
 * sector b that was written for the g-th time is (b << 32 | g << 16 | k) ^ KEY.
 */
#include "drivers/btt_check.h"
#include "drivers/btt_disks.h"
#include "drivers/disks.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#define KEY 0xb1f01d00c0ffee00ull

/* Runs of sectors and the generation that they have; later ones count. */
struct written {
	enum btt_version version;
	uint64_t first;
	uint64_t end;
	uint64_t generation;
};

static const struct written runs[] = {
	{BTT_VERSION_1_1, 0, 300, 4},   {BTT_VERSION_1_1, 100, 150, 5},
	{BTT_VERSION_2_0, 0, 300, 6},   {BTT_VERSION_2_0, 100, 150, 7},
	{BTT_VERSION_2_0, 110, 115, 8},
};

enum { WRITTEN_SECTORS = 300, TEXTS = 40 };

static uint64_t generation_of(enum btt_version version, uint64_t sector)
{
	uint64_t generation = 0;

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (runs[i].version == version && sector >= runs[i].first && sector < runs[i].end)
			generation = runs[i].generation;
	return generation;
}

static void with_each(void (*body)(const struct btt *))
{
	const struct btt *btt = btt_disks_next(NULL);

	require(btt != NULL);
	for (; btt; btt = btt_disks_next(btt)) {
		note("%s", btt->device.name);
		body(btt);
	}
}

static pfn_t memory; /* a page */

static int execute(const struct btt *btt, enum block_operation operation, uint64_t sector)
{
	size_t bytes = btt->device.block_size;
	struct bio_piece piece = {pfn_to_page(memory), 0, bytes};
	struct bio bio = {
		.operation = operation,
		.sector = sector * (bytes / SECTOR_SIZE),
		.pieces = &piece,
		.nr_pieces = 1,
	};

	return block_execute(disk_find(btt->device.name)->device, &bio);
}

static void check_contents(const struct btt *btt)
{
	const uint64_t *words = test_virt(memory, 0);

	for (uint64_t sector = 0; sector < WRITTEN_SECTORS; sector++) {
		uint64_t generation = generation_of(btt->identity.version, sector);

		require(execute(btt, BLOCK_READ, sector) == 0);
		for (uint64_t k = 0; k < btt->device.block_size / sizeof(*words); k++) {
			uint64_t expected = (sector << 32 | generation << 16 | k) ^ KEY;

			if (words[k] != expected) {
				fail("%s: sector %llu word %llu is %#llx, expected %#llx",
				     btt->device.name, (unsigned long long)sector,
				     (unsigned long long)k, (unsigned long long)words[k],
				     (unsigned long long)expected);
				break;
			}
		}
	}
}

/* Every sector that Linux wrote is what Linux wrote last. */
TEST(btt_linux, sectors_are_what_linux_wrote)
{
	memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	with_each(check_contents);
}

/* The text of 4 KiB, with zeros behind it. */
static void check_text(const struct btt *btt, unsigned number)
{
	unsigned per_text = (unsigned)(PAGE_SIZE / btt->device.block_size);
	char expected[PAGE_SIZE] = "";

	snprintf(expected, sizeof(expected), "%s %s %u\n", btt->device.name,
		 number >= 10 && number < 20 ? "again" : "sector", number);
	for (unsigned i = 0; i < per_text; i++) {
		const char *part = expected + i * btt->device.block_size;

		require(execute(btt, BLOCK_READ, (uint64_t)number * per_text + i) == 0);
		if (memcmp(test_virt(memory, 0), part, btt->device.block_size) != 0)
			fail("%s: part %u of \"%.40s\" is something else", btt->device.name, i,
			     expected);
	}
}

static void check_texts(const struct btt *btt)
{
	for (unsigned number = 0; number < TEXTS; number++)
		check_text(btt, number);
}

/* So is every text, in sectors of any size. */
TEST(btt_linux, texts_are_what_linux_wrote)
{
	memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	with_each(check_texts);
}

static void tell(void *unused, const struct btt_fault *fault)
{
	char text[BTT_FAULT_TEXT_MAX];

	(void)unused;
	btt_fault_text(fault, text);
	fail("%s", text);
}

static void check_soundness(const struct btt *btt)
{
	struct btt_checked result;
	struct btt_check check = {
		.memory = btt->memory,
		.access = BTT_READ_ONLY,
		.bitmap = test_virt(memory, 0),
		.bitmap_bytes = PAGE_SIZE,
		.tell = tell,
	};

	expect_eq(btt_check(&check, &result), 0);
	expect_eq(result.arenas, btt->nr_arenas);
}

/* The checker finds nothing wrong with them. */
TEST(btt_linux, are_sound)
{
	memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	with_each(check_soundness);
}

static void overwrite(const struct btt *btt)
{
	uint64_t *words = test_virt(memory, 0);

	if (btt->device.read_only)
		skip("a BTT of this machine may not be written");
	for (uint64_t sector = 0; sector < 2 * WRITTEN_SECTORS; sector += 3) {
		memset(words, (int)sector, PAGE_SIZE);
		require(execute(btt, BLOCK_WRITE, sector) == 0);
	}
	for (uint64_t sector = 0; sector < 2 * WRITTEN_SECTORS; sector += 3) {
		require(execute(btt, BLOCK_READ, sector) == 0);
		expect_eq(words[0], 0x0101010101010101ull * (uint8_t)sector);
	}
	check_soundness(btt);
}

/* They can be written, and are as sound as before. */
TEST(btt_linux, can_be_written)
{
	memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	with_each(overwrite);
}
