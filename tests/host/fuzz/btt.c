/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes what reads the metadata of a BTT (libFuzzer). The input changes words of a good one that
 * lies at the end of its region, before memory that faults; then it is checked, opened, read,
 * written and repaired. Checksums of info blocks are put right if the input says so, since the
 * fuzzer would not guess them.
 */
#include "drivers/btt.h"
#include "drivers/btt_check.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/host/machine.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 256 << 10, ARENAS = 3, SECTORS_TRIED = 50 };

struct change {
	uint32_t place; /* of a word; the top bits say where it is counted from */
	uint32_t value;
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct btt_medium memory;
static uint8_t *bytes; /* the same */
static uint8_t *good;  /* what a BTT looks like that nobody damaged */
static struct page *page;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct btt_identity identity = {.version = BTT_VERSION_1_1, .sector_bytes = 520};
	const struct region *regions;
	struct btt_fault fault;
	size_t nr, length;
	pfn_t area;

	(void)argc, (void)argv;
	machine_create();
	regions = machine_regions(&nr);
	if (page_map_init(regions, nr, machine_metadata(page_map_size(regions, nr))) != 0)
		abort();
	frame_alloc_init(machine_metadata(frame_alloc_size(regions, nr)));
	while (nr > 0 && !(regions[nr - 1].kind == MEMORY_PERSISTENT && regions[nr - 1].writable))
		nr--;
	memory.end = regions[nr - 1].end;
	length = BTT_VERSION_1_1_START + ARENAS * (size_t)ARENA_BYTES;
	memory.start = pfn(memory.end.n - length / PAGE_SIZE);
	memory.arena_max = ARENA_BYTES;
	bytes = host_virt(pfn_to_phys(memory.start));
	good = malloc(length);
	if (!good || btt_format(&memory, &identity, &fault) ||
	    frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &area))
		abort();
	page = pfn_to_page(area);
	memcpy(good, bytes, length);
	return 0;
}

/* Words of an info block, of the end of an arena, where map and log are, or of anywhere. */
static void make_change(struct change change)
{
	size_t arena = BTT_VERSION_1_1_START + (change.place >> 28) % ARENAS * ARENA_BYTES;
	size_t word = (change.place & 0x3ffffff) * 4;

	switch (change.place >> 26 & 3) {
	case 0:
		word = arena + word % 128;
		break;
	case 1:
		word = arena + ARENA_BYTES - BTT_INFO_BYTES + word % 128;
		break;
	case 2:
		word = arena + ARENA_BYTES - BTT_INFO_BYTES - 4 - word % 20480;
		break;
	default:
		word = word % (ARENAS * ARENA_BYTES);
	}
	memcpy(bytes + word, &change.value, sizeof(change.value));
}

static void seal(size_t at)
{
	struct btt_info *info = (struct btt_info *)(bytes + at);

	info->checksum = btt_info_checksum(info);
}

static int check(enum btt_access access)
{
	static uint64_t bits[16];
	struct btt_checked result;

	return btt_check(&(struct btt_check){.memory = memory,
					     .access = access,
					     .bitmap = bits,
					     .bitmap_bytes = sizeof(bits)},
			 &result);
}

static void use(enum btt_access access)
{
	static struct btt btt;
	struct btt_fault fault;

	if (btt_open(&btt, "btt0", &memory, access, &fault)) {
		char text[BTT_FAULT_TEXT_MAX];

		btt_fault_text(&fault, text);
		return;
	}
	for (uint64_t i = 0; i < SECTORS_TRIED; i++) {
		struct bio_piece piece = {page, 0, btt.device.block_size};
		uint64_t step = btt.device.block_size / SECTOR_SIZE;
		struct bio bio = {
			.operation = i % 2 && !btt.device.read_only ? BLOCK_WRITE : BLOCK_READ,
			.sector = i * 7919 % (btt.device.sectors / step) * step,
			.pieces = &piece,
			.nr_pieces = 1,
		};

		(void)!block_execute(&btt.device, &bio);
	}
	btt_close(&btt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length = BTT_VERSION_1_1_START + ARENAS * (size_t)ARENA_BYTES;
	int verdict;

	if (size < 1 + sizeof(struct change))
		return 0;
	memcpy(bytes, good, length);
	for (size_t at = 1; size - at >= sizeof(struct change); at += sizeof(struct change)) {
		struct change change;

		memcpy(&change, data + at, sizeof(change));
		make_change(change);
	}
	for (size_t i = 0; i < ARENAS; i++) {
		size_t arena = BTT_VERSION_1_1_START + i * ARENA_BYTES;

		if (data[0] & 1)
			seal(arena);
		if (data[0] & 2)
			seal(arena + ARENA_BYTES - BTT_INFO_BYTES);
	}
	verdict = check(BTT_READ_ONLY);
	use(BTT_READ_ONLY);
	if (data[0] & 4 && verdict != check(BTT_READ_ONLY))
		__builtin_trap(); /* reading changed something */
	(void)!check(BTT_READ_WRITE);
	use(BTT_READ_WRITE);
	return 0;
}
