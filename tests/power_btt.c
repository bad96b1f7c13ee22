/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BTT when the power fails: every sector is wholly old or wholly new, and new where its write was
 * done; recovery leaves a BTT that needs none. They run only where tests= spells out the name of
 * this suite, for tools/power-cut.
 */
#include <errno.h>
#include <string.h>

#include "drivers/btt.h"
#include "drivers/btt_check.h"
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/harness/power.h"
#include "tests/test.h"

/* Sectors that are written to, in pairs of neighbours all over the arenas. */
enum { PLACES = 12, OPERATIONS = 16, BLOCK_MAX = 4096 };
enum { OLD_SECTOR = 512, NEW_SECTOR = 4096 };
enum { ARENA_BYTES = 2 << 20, BYTES_OF_CPU = 16 << 10 };

/* A write of one sector, or of two neighbours. */
struct operation {
	unsigned place;
	unsigned sectors;
};

static bool is_of_cpu(unsigned place, unsigned cpu)
{
	return place % host_cpus() == cpu;
}

/* Each CPU has places of its own; where there is one CPU, both of a pair are its own. */
static struct operation operation_of(uint64_t plan, unsigned cpu, uint64_t number)
{
	uint64_t random = power_random(plan ^ cpu, number);
	struct operation operation = {(unsigned)(random >> 8) % PLACES, 1};

	while (!is_of_cpu(operation.place, cpu))
		operation.place = (operation.place + 1) % PLACES;
	if (host_cpus() == 1 && operation.place % 2 == 0 && random % 4 == 0)
		operation.sectors = 2;
	return operation;
}

static bool writes_place(struct operation operation, unsigned place)
{
	return place - operation.place < operation.sectors;
}

static uint64_t sector_of(const struct btt *btt, unsigned place)
{
	uint64_t sectors = btt->device.sectors / (btt->device.block_size / SECTOR_SIZE);

	return place / 2 * (sectors / (PLACES / 2)) + place % 2;
}

static uint64_t word_of(uint64_t plan, uint64_t number, unsigned place, size_t word)
{
	return power_random(plan ^ number << 48 ^ (uint64_t)place << 32, word);
}

static struct btt_medium medium_of(const struct region *region)
{
	return (struct btt_medium){region->start, power_end(region), ARENA_BYTES};
}

/* --- The run that writes. --- */

static struct {
	struct btt btt;
	uint64_t plan;
	pfn_t memory;
} writing;

static void prepare(uint64_t *memory, unsigned place, uint64_t number)
{
	size_t words = writing.btt.device.block_size / sizeof(*memory);

	for (size_t i = 0; i < words; i++)
		memory[i] = word_of(writing.plan, number, place, i);
}

static void write_on_cpu(void *unused)
{
	unsigned cpu = host_cpu();
	size_t offset = cpu * BYTES_OF_CPU;
	size_t block = writing.btt.device.block_size;

	(void)unused;
	for (uint64_t number = 1; number <= OPERATIONS; number++) {
		struct operation operation = operation_of(writing.plan, cpu, number);
		uint64_t sector = sector_of(&writing.btt, operation.place);
		struct bio_piece piece = {pfn_to_page(writing.memory), offset,
					  operation.sectors * block};
		int error;

		for (unsigned i = 0; i < operation.sectors; i++)
			prepare(test_virt(writing.memory, offset + i * block), operation.place + i,
				number);
		power_mark(POWER_BEGUN, number);
		power_mark(POWER_USER, piece.length);
		error = power_io(&writing.btt.device, BLOCK_WRITE, 0,
				 sector * (block / SECTOR_SIZE), &piece);
		power_mark(POWER_DONE, number);
		expect_eq(error, 0);
	}
}

static void close_writing(void *unused)
{
	(void)unused;
	btt_close(&writing.btt);
}

static void make_btt(enum btt_version version, uint32_t sector_bytes)
{
	struct btt_medium medium = medium_of(power_region());
	struct btt_identity identity = {.version = version, .sector_bytes = sector_bytes};
	struct btt_fault fault;

	require(host_cpus() <= POWER_CPUS_MAX);
	memcpy(identity.uuid, "power fails here", sizeof(identity.uuid));
	require(btt_format(&medium, &identity, &fault) == 0);
	require(btt_open(&writing.btt, "pmems", &medium, BTT_READ_WRITE, &fault) == 0);
	test_cleanup(close_writing, NULL);
}

static void write_sectors(enum btt_version version, uint32_t sector_bytes)
{
	make_btt(version, sector_bytes);
	writing.plan = test_random();
	writing.memory = test_take(MEMORY_DRAM, AREA_SIZE);
	power_mark(POWER_PLAN, writing.plan);
	power_mark(POWER_START, 0);
	host_on_each_cpu(write_on_cpu, NULL);
	power_mark(POWER_STOP, 0);
}

TEST(power_btt, writes_512)
{
	write_sectors(BTT_VERSION_2_0, 512);
}

TEST(power_btt, writes_4096)
{
	write_sectors(BTT_VERSION_1_1, 4096);
}

TEST(power_btt, writes_520)
{
	write_sectors(BTT_VERSION_1_1, 520);
}

TEST(power_btt, writes_528)
{
	write_sectors(BTT_VERSION_2_0, 528);
}

TEST(power_btt, writes_4104)
{
	write_sectors(BTT_VERSION_1_1, 4104);
}

TEST(power_btt, writes_4160)
{
	write_sectors(BTT_VERSION_2_0, 4160);
}

TEST(power_btt, writes_4224)
{
	write_sectors(BTT_VERSION_1_1, 4224);
}

/* Over a BTT that is there, with one sector written. */
static void format_over(enum btt_version version)
{
	struct btt_medium medium = medium_of(power_region());
	struct btt_identity identity = {.version = BTT_VERSION_2_0, .sector_bytes = NEW_SECTOR};
	struct bio_piece piece = {.length = OLD_SECTOR};
	struct btt_fault fault;
	int error;

	make_btt(version, OLD_SECTOR);
	writing.plan = test_random();
	writing.memory = test_take(MEMORY_DRAM, AREA_SIZE);
	prepare(test_virt(writing.memory, 0), 0, 1);
	piece.page = pfn_to_page(writing.memory);
	require(power_io(&writing.btt.device, BLOCK_WRITE, 0, 0, &piece) == 0);
	power_mark(POWER_PLAN, writing.plan);
	power_mark(POWER_START, 0);
	power_mark(POWER_BEGUN, 1);
	error = btt_format(&medium, &identity, &fault);
	power_mark(POWER_DONE, 1);
	power_mark(POWER_STOP, 0);
	expect_eq(error, 0);
}

TEST(power_btt, formats)
{
	format_over(BTT_VERSION_2_0);
}

TEST(power_btt, formats_another_version)
{
	format_over(BTT_VERSION_1_1);
}

/* --- The run that recovers and judges. --- */

static uint64_t content[BLOCK_MAX / sizeof(uint64_t)];

static bool is_write(const struct btt *btt, uint64_t plan, uint64_t number, unsigned place)
{
	for (size_t i = 0; i < btt->device.block_size / sizeof(content[0]); i++)
		if (content[i] != (number ? word_of(plan, number, place, i) : 0))
			return false;
	return true;
}

/* Which write of its place the content is, 0 being none; UINT64_MAX: it is no write. */
static uint64_t find_write(const struct btt *btt, const struct power_ticket *ticket, unsigned place)
{
	for (uint64_t number = 0; number <= OPERATIONS; number++)
		if (is_write(btt, ticket->plan, number, place))
			return number;
	return UINT64_MAX;
}

static void judge_place(const struct btt *btt, const struct power_ticket *ticket, unsigned place)
{
	unsigned cpu = place % host_cpus();
	uint64_t found = find_write(btt, ticket, place);
	unsigned long long sector = sector_of(btt, place);
	uint64_t last = 0;

	if (found == UINT64_MAX) {
		power_broken("sector %llu is torn: it is none of its writes", sector);
		return;
	}
	for (uint64_t number = 1; number <= ticket->done[cpu]; number++)
		if (writes_place(operation_of(ticket->plan, cpu, number), place))
			last = number;
	if (found < last || found > ticket->begun[cpu])
		power_broken("sector %llu has write %llu of CPU %u, expected %llu, or a later one "
			     "up to %llu",
			     sector, (unsigned long long)found, cpu, (unsigned long long)last,
			     (unsigned long long)ticket->begun[cpu]);
}

static void judge_places(struct btt *btt, const struct power_ticket *ticket, pfn_t memory)
{
	struct bio_piece piece = {pfn_to_page(memory), 0, btt->device.block_size};

	for (unsigned place = 0; place < PLACES; place++) {
		uint64_t sector = sector_of(btt, place) * (piece.length / SECTOR_SIZE);
		int error = power_io(&btt->device, BLOCK_READ, 0, sector, &piece);

		if (error) {
			power_broken("sector %llu cannot be read (%d)",
				     (unsigned long long)sector_of(btt, place), error);
			continue;
		}
		memcpy(content, test_virt(memory, 0), piece.length);
		judge_place(btt, ticket, place);
	}
}

static pfn_t judging_memory;

static void note_fault(void *unused, const struct btt_fault *fault)
{
	char text[BTT_FAULT_TEXT_MAX];

	(void)unused;
	btt_fault_text(fault, text);
	if (fault->kind != BTT_FAULT_LOG_PENDING)
		power_broken("the check finds: %s", text);
}

/* Every block is in use once, whether the last write is finished or yet to be. */
static void judge_blocks(const struct btt_medium *medium, bool recovered)
{
	static uint64_t bitmap[(ARENA_BYTES / OLD_SECTOR + 63) / 64];
	struct btt_check check = {.memory = *medium,
				  .access = BTT_READ_ONLY,
				  .bitmap = bitmap,
				  .bitmap_bytes = sizeof(bitmap),
				  .tell = note_fault};
	struct btt_checked result;
	int error = btt_check(&check, &result);

	if (error)
		power_broken("the check fails (%d)", error);
	if (recovered && result.found[BTT_FAULT_LOG_PENDING])
		power_broken("%llu writes are unfinished after the recovery",
			     (unsigned long long)result.found[BTT_FAULT_LOG_PENDING]);
}

/* Opened twice: what the first recovery did must stand, and leave nothing to the second. */
static void judge_btt(const struct region *region, const struct power_ticket *ticket)
{
	struct btt_medium medium = medium_of(region);

	for (unsigned round = 0; round < 2; round++) {
		static struct btt btt;
		struct btt_fault fault;
		int error;

		judge_blocks(&medium, round > 0);
		error = btt_open(&btt, "pmems", &medium, BTT_READ_WRITE, &fault);
		if (error) {
			char text[BTT_FAULT_TEXT_MAX];

			btt_fault_text(&fault, text);
			power_broken("it cannot be opened (%d): %s", error, text);
			return;
		}
		if (btt.info_faults)
			power_broken("%u info blocks are bad", btt.info_faults);
		if (round == 0)
			power_recovered(btt.recovered);
		if (round > 0 && btt.recovered)
			power_broken("%u writes are recovered a second time", btt.recovered);
		judge_places(&btt, ticket, judging_memory);
		btt_close(&btt);
	}
}

/* What a power failure left of the BTT, in each region. */
TEST(power_btt, judge)
{
	judging_memory = test_take(MEMORY_DRAM, AREA_SIZE);
	power_judge(judge_btt);
}

/* Before the format is done there may be the old BTT, with its sector, or none. */
static void judge_format(const struct region *region, const struct power_ticket *ticket)
{
	struct btt_medium medium = medium_of(region);
	struct bio_piece piece = {pfn_to_page(judging_memory), 0, OLD_SECTOR};
	static struct btt btt;
	struct btt_fault fault;
	int error = btt_open(&btt, "pmems", &medium, BTT_READ_ONLY, &fault);

	if (error == -ENOENT && ticket->done[0] == 0)
		return;
	if (error) {
		char text[BTT_FAULT_TEXT_MAX];

		btt_fault_text(&fault, text);
		power_broken("it cannot be opened (%d): %s", error, text);
		return;
	}
	if (btt.identity.sector_bytes == OLD_SECTOR && ticket->done[0] > 0)
		power_broken("the old BTT is there, though the format is done");
	if (btt.identity.sector_bytes == OLD_SECTOR) {
		error = power_io(&btt.device, BLOCK_READ, 0, 0, &piece);
		memcpy(content, test_virt(judging_memory, 0), piece.length);
		if (error || !is_write(&btt, ticket->plan, 1, 0))
			power_broken("the old BTT is there (%d), without its sector 0", error);
	}
	btt_close(&btt);
}

/* What a power failure left of a BTT that was formatted, in each region. */
TEST(power_btt, judge_format)
{
	judging_memory = test_take(MEMORY_DRAM, AREA_SIZE);
	power_judge(judge_format);
}
