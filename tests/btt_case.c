/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/btt_case.h"

#include "drivers/btt_check.h"
#include "drivers/btt_state.h"
#include "mm/frame_alloc.h"
#include "tests/harness/stamp.h"

#include <errno.h>
#include <string.h>

enum { DEVICE = 0xb77, BLOCK_MAX = 4096 };

struct btt btt_case;
struct btt_medium btt_place;
const uint32_t btt_sector_sizes[] = {512, 520, 528, 4096, 4104, 4160, 4224, 0};

static bool is_open;
static pfn_t pages[HOST_CPUS_MAX]; /* one that each CPU's bios read into and write from */
static pfn_t buffers;

static void give_area(void *unused)
{
	(void)unused;
	expect_eq(frame_free(btt_place.start, AREA_SIZE), 0);
}

static void close_case(void *unused)
{
	(void)unused;
	btt_case_close();
}

void btt_case_take(uint64_t arena_max)
{
	const struct region *region = next_writable(NULL);

	require(frame_alloc_area_in(region, &btt_place.start) == 0);
	test_cleanup(give_area, NULL);
	test_cleanup(close_case, NULL);
	btt_place.end = pfn_add(btt_place.start, PAGES_PER_AREA);
	btt_place.arena_max = arena_max;
	memset(btt_case_at(0), 0x5a, AREA_SIZE);
	buffers = test_take(MEMORY_DRAM, AREA_SIZE);
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		pages[cpu] = pfn_add(buffers, cpu);
}

void btt_case_make(enum btt_version version, uint32_t sector_bytes)
{
	const struct btt_identity identity = {
		.version = version,
		.sector_bytes = sector_bytes,
		.uuid = "a BTT of a test",
	};
	struct btt_fault fault;

	btt_case_close();
	if (btt_format(&btt_place, &identity, &fault))
		fail("no BTT can be made: %s", btt_fault_name(fault.kind));
	btt_case_open(BTT_READ_WRITE);
}

void btt_case_begin(enum btt_version version, uint32_t sector_bytes)
{
	btt_case_take(BTT_CASE_ARENA_BYTES);
	btt_case_make(version, sector_bytes);
}

void btt_case_close(void)
{
	if (is_open)
		btt_close(&btt_case);
	is_open = false;
}

void btt_case_open(enum btt_access access)
{
	struct btt_fault fault;
	char text[BTT_FAULT_TEXT_MAX];
	int error;

	btt_case_close();
	error = btt_open(&btt_case, "btt0", &btt_place, access, &fault);
	if (error) {
		btt_fault_text(&fault, text);
		fail("error %d: %s", error, text);
	}
	require(!error);
	is_open = true;
}

void btt_case_refused(enum btt_access access, int expected, enum btt_fault_kind kind)
{
	struct btt_fault fault;
	int error;

	btt_case_close();
	error = btt_open(&btt_case, "btt0", &btt_place, access, &fault);
	is_open = !error;
	expect_eq(error, expected);
	expect_str(btt_fault_name(fault.kind), btt_fault_name(kind));
}

static int execute(enum block_operation operation, uint64_t sector)
{
	size_t bytes = btt_case.device.block_size;
	struct bio_piece piece = {pfn_to_page(buffers), host_cpu() * PAGE_SIZE, bytes};
	struct bio bio = {
		.operation = operation,
		.sector = sector * (bytes / SECTOR_SIZE),
		.pieces = &piece,
		.nr_pieces = 1,
	};

	return block_execute(&btt_case.device, &bio);
}

int btt_case_write(uint64_t sector, const void *data)
{
	memcpy(test_virt(pages[host_cpu()], 0), data, btt_case.device.block_size);
	return execute(BLOCK_WRITE, sector);
}

int btt_case_read(uint64_t sector, void *data)
{
	int error = execute(BLOCK_READ, sector);

	memcpy(data, test_virt(pages[host_cpu()], 0), btt_case.device.block_size);
	return error;
}

static struct stamp_id stamp_of(uint64_t sector, uint32_t generation)
{
	return (struct stamp_id){.device = DEVICE, .generation = generation, .sector = sector};
}

void btt_case_fill(void *data, uint64_t sector, uint32_t generation)
{
	for (size_t i = 0; i < btt_case.device.block_size / STAMP_SIZE; i++)
		stamp_write((char *)data + i * STAMP_SIZE, stamp_of(sector, generation));
}

int btt_case_stamp(uint64_t sector, uint32_t generation)
{
	uint64_t data[BLOCK_MAX / sizeof(uint64_t)];

	btt_case_fill(data, sector, generation);
	return btt_case_write(sector, data);
}

void btt_case_expect(uint64_t sector, uint32_t generation)
{
	uint64_t data[BLOCK_MAX / sizeof(uint64_t)];
	int error = btt_case_read(sector, data);

	if (error)
		fail("sector %llu cannot be read: %d", (unsigned long long)sector, error);
	for (size_t i = 0; i < btt_case.device.block_size / STAMP_SIZE && !error; i++) {
		const char *wrong =
			stamp_check((char *)data + i * STAMP_SIZE, stamp_of(sector, generation));

		if (wrong)
			fail("sector %llu: %s", (unsigned long long)sector, wrong);
	}
}

void btt_case_expect_sound(uint64_t pending)
{
	static uint64_t bits[512];
	struct btt_checked result;
	struct btt_check check = {
		.memory = btt_place,
		.access = BTT_READ_ONLY,
		.bitmap = bits,
		.bitmap_bytes = sizeof(bits),
	};

	expect_eq(btt_check(&check, &result), 0);
	expect_eq(result.found[BTT_FAULT_LOG_PENDING], pending);
}

bool btt_case_is_all(const void *bytes, uint8_t value, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0 && *at == value)
		at++, length--;
	return length == 0;
}

uint64_t btt_case_sectors(void)
{
	return btt_case.device.sectors / (btt_case.device.block_size / SECTOR_SIZE);
}

void *btt_case_at(uint64_t at)
{
	return test_virt(btt_place.start, at);
}

static const struct btt_arena *arena_of(unsigned arena)
{
	return &btt_case.state->arenas[arena].info;
}

struct btt_info *btt_case_info(unsigned arena)
{
	return btt_case_at(arena_of(arena)->start);
}

struct btt_info *btt_case_copy(unsigned arena)
{
	return btt_case_at(arena_of(arena)->start + arena_of(arena)->geometry.copy);
}

uint32_t *btt_case_map(unsigned arena, uint32_t sector)
{
	return btt_case_at(arena_of(arena)->start + btt_map_at(&arena_of(arena)->geometry, sector));
}

struct btt_log_group *btt_case_log(unsigned arena, uint32_t lane)
{
	return btt_case_at(arena_of(arena)->start + btt_log_at(&arena_of(arena)->geometry, lane));
}
