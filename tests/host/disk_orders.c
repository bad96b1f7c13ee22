/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a power failure leaves of a sector that a disk in persistent memory writes, in every order
 * that the CPU may choose between two fences; and what comes of that when the disk is opened again.
 *
 * A write may store hundreds of words, and nobody can try all choices of those. So the sector that
 * is written differs from what was in its place in three words only: a word that is stored and does
 * not change has nothing to lose.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/btt_check.h"
#include "drivers/pmem_disk.h"
#include "mm/host.h"
#include "tests/btt_case.h"
#include "tests/host/crash_states.h"
#include "tests/test.h"

enum { SECTOR = 5, SECTORS = 3, FIRST = 20 };
enum { WORDS = SECTOR_SIZE / sizeof(uint64_t), MIDDLE = WORDS / 2 };

static struct trace trace;

static uint64_t expected_word(size_t i, uint64_t generation)
{
	return i == 0 || i == MIDDLE || i == WORDS - 1 ? generation : i;
}

static void fill(uint64_t *words, uint64_t generation)
{
	for (size_t i = 0; i < WORDS; i++)
		words[i] = expected_word(i, generation);
}

/* The generation that a sector holds in whole; 0: none. */
static uint64_t generation_of(const uint64_t *words)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != expected_word(i, words[0]))
			return 0;
	return words[0];
}

static void put_lines(const unsigned char *medium)
{
	for (size_t i = 0; i < trace.nr_lines; i++)
		memcpy(trace.lines[i], medium + i * CACHE_LINE, CACHE_LINE);
}

static struct crash_search search(const char *(*judge)(const unsigned char *, uint64_t))
{
	struct crash_search result = {
		.trace = &trace, .domain = PERSISTENCE_MEMORY_CONTROLLER, .judge = judge};

	crash_search(&result);
	if (result.violations)
		fail("%llu of %llu states: %s, before event %zu of %zu",
		     (unsigned long long)result.violations, (unsigned long long)result.states,
		     result.first, result.event, trace.nr);
	measure("crash_states", result.states, "states");
	measure("distinct_crash_states", result.distinct, "states");
	return result;
}

/* --- A BTT --- */

static unsigned char *saved; /* the memory of the BTT, at some time */
static uint64_t recovered;

static void free_saved(void *unused)
{
	(void)unused;
	free(saved);
}

/*
 * Sectors take turns, so that each write finds, in the lane's free block and in its log, what
 * another sector left there.
 */
static void write_btt(uint64_t generation)
{
	uint64_t words[WORDS];

	fill(words, generation);
	if (btt_case_write(SECTOR + generation % SECTORS, words))
		host_panic("a BTT cannot be written");
}

/* The last generation up to `last` that this sector was written with. */
static uint64_t last_of(uint64_t sector, uint64_t last)
{
	while (SECTOR + last % SECTORS != sector)
		last--;
	return last;
}

/* Writes a generation, and watches the lines that it changes. */
static void watch_btt(uint64_t generation)
{
	memcpy(saved, btt_case_at(0), AREA_SIZE);
	write_btt(generation);
	for (size_t at = 0; at < AREA_SIZE; at += CACHE_LINE)
		if (memcmp(saved + at, btt_case_at(at), CACHE_LINE) != 0)
			trace_watch(&trace, btt_case_at(at), CACHE_LINE);
}

static void write_btt_again(void *unused)
{
	(void)unused;
	for (uint64_t generation = FIRST + 1; generation <= FIRST + SECTORS; generation++) {
		write_btt(generation);
		trace_promise(generation);
	}
}

static const char *check_btt(void)
{
	static uint64_t bitmap[AREA_SIZE / SECTOR_SIZE / 64];
	const struct btt_check check = {
		.memory = btt_place,
		.access = BTT_READ_ONLY,
		.bitmap = bitmap,
		.bitmap_bytes = sizeof(bitmap),
	};
	struct btt_checked checked;

	btt_case_close();
	return btt_check(&check, &checked) ? "the BTT has faults after it was opened" : NULL;
}

/* The power fails, and the BTT is opened. */
static const char *judge_btt(const unsigned char *medium, uint64_t promise)
{
	uint64_t words[WORDS], found, done = promise ? promise : FIRST;

	put_lines(medium);
	btt_case_open(BTT_READ_WRITE);
	recovered += btt_case.recovered;
	for (uint64_t sector = SECTOR; sector < SECTOR + SECTORS; sector++) {
		if (btt_case_read(sector, words))
			return "a sector cannot be read";
		found = generation_of(words);
		if (found == 0)
			return "a sector is torn";
		if (found < last_of(sector, done))
			return "a sector is older than what was promised";
		if (found > last_of(sector, done + 1))
			return "a sector is newer than what was begun";
	}
	return check_btt();
}

/* A sector of a BTT is wholly old or wholly new, and new when the write was done. */
TEST(disk_orders, btt_sectors_are_old_or_new)
{
	btt_case_take(AREA_SIZE);
	btt_case_make(BTT_VERSION_2_0, SECTOR_SIZE);
	saved = malloc(AREA_SIZE);
	require(saved != NULL);
	test_cleanup(free_saved, NULL);
	/* Each block that the lane comes by holds a sector before changes are looked at. */
	for (uint64_t generation = 1; generation <= FIRST / 2; generation++)
		write_btt(generation);
	trace.nr_lines = 0;
	for (uint64_t generation = FIRST / 2 + 1; generation <= FIRST; generation++)
		watch_btt(generation);

	trace_run(&trace, write_btt_again, NULL);
	memcpy(saved, btt_case_at(0), AREA_SIZE);
	recovered = 0;
	search(judge_btt);
	/* Some states want recovery; and nothing but what was watched has changed, by that either.
	 */
	expect(recovered > 0);
	measure("states_recovered", recovered, "states");
	for (size_t i = 0; i < trace.nr_lines; i++)
		memcpy(saved + (trace.lines[i] - (unsigned char *)btt_case_at(0)), trace.lines[i],
		       CACHE_LINE);
	expect(memcmp(saved, btt_case_at(0), AREA_SIZE) == 0);
}

/* --- A raw disk --- */

static struct pmem_disk disk;
static pfn_t buffer;

static void execute(struct bio bio)
{
	if (block_execute(&disk.device, &bio))
		host_panic("a disk in persistent memory cannot be written");
}

static void write_disk(uint64_t generation, unsigned flags)
{
	struct bio_piece piece = {pfn_to_page(buffer), 0, SECTOR_SIZE};

	fill(test_virt(buffer, 0), generation);
	execute((struct bio){
		.operation = BLOCK_WRITE,
		.sector = SECTOR,
		.pieces = &piece,
		.nr_pieces = 1,
		.flags = flags,
	});
}

static void write_and_flush(void *unused)
{
	(void)unused;
	write_disk(FIRST + 1, 0);
	execute((struct bio){.operation = BLOCK_FLUSH});
	trace_promise(FIRST + 1);
	write_disk(FIRST + 2, 0);
}

static void write_with_fua(void *unused)
{
	(void)unused;
	write_disk(FIRST + 1, BLOCK_FUA);
	trace_promise(FIRST + 1);
	write_disk(FIRST + 2, BLOCK_FUA);
	trace_promise(FIRST + 2);
}

/* Each word is what was promised, or of the write after that. */
static const char *judge_disk(const unsigned char *medium, uint64_t promise)
{
	uint64_t words[WORDS], least = promise ? promise : FIRST;

	memcpy(words, medium, sizeof(words));
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != expected_word(i, least) && words[i] != expected_word(i, least + 1))
			return "a word is neither what was promised nor of the next write";
	return NULL;
}

static void check_disk(void (*fn)(void *))
{
	btt_case_take(AREA_SIZE); /* just the memory */
	require(pmem_disk_create(&disk, "pmem", btt_place.start, btt_place.end) == 0);
	buffer = test_take(MEMORY_DRAM, PAGE_SIZE);
	write_disk(FIRST, BLOCK_FUA);
	trace.nr_lines = 0;
	trace_watch(&trace, btt_case_at(SECTOR * SECTOR_SIZE), SECTOR_SIZE);
	trace_run(&trace, fn, NULL);
	search(judge_disk);
}

/* What was written before a flush is there when the flush is done. */
TEST(disk_orders, flushed_writes_are_durable)
{
	check_disk(write_and_flush);
}

/* What was written with FUA is there when the write is done. */
TEST(disk_orders, fua_writes_are_durable)
{
	check_disk(write_with_fua);
}
