/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent memory as a disk, when the power fails: a write that is done and has FUA, or that a
 * flush followed, is there; of any other, each 8 bytes are old or new. They run only where tests=
 * spells out the name of this suite, for tools/power-cut.
 */
#include <string.h>

#include "drivers/pmem_disk.h"
#include "mm/host.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/harness/power.h"
#include "tests/test.h"

/* The plan of writes_pages. */
enum { PLAN_OF_PAGES = 0 };

enum { OPERATIONS = 28, DISK_BYTES = 64 << 10, WRITE_SECTORS_MAX = 9 };
enum { WORD = sizeof(uint64_t), DISK_WORDS = DISK_BYTES / WORD };

/* What operation number `number` of a plan is. */
struct operation {
	enum block_operation kind;
	unsigned flags;
	uint64_t sector;
	size_t bytes;
};

static struct operation operation_of(uint64_t plan, uint64_t number)
{
	uint64_t random = power_random(plan, number);
	uint64_t sectors = 1 + (random >> 8) % WRITE_SECTORS_MAX;
	struct operation operation = {.kind = BLOCK_FLUSH};

	if (plan == PLAN_OF_PAGES)
		return (struct operation){BLOCK_WRITE, BLOCK_FUA,
					  (number - 1) * (PAGE_SIZE / SECTOR_SIZE), PAGE_SIZE};
	if (random % 6 == 0)
		return operation;
	operation.kind = BLOCK_WRITE;
	operation.flags = random % 6 == 1 ? BLOCK_FUA : 0;
	operation.sector = (random >> 16) % (DISK_BYTES / SECTOR_SIZE - sectors + 1);
	operation.bytes = sectors * SECTOR_SIZE;
	return operation;
}

/* What an operation writes to a word of the disk. */
static uint64_t word_of(uint64_t plan, uint64_t number, size_t word)
{
	return power_random(plan ^ number << 32, word);
}

static void prepare(const struct operation *operation, uint64_t plan, uint64_t number, void *memory)
{
	for (size_t i = 0; i < operation->bytes / WORD; i++) {
		uint64_t word = word_of(plan, number, operation->sector * SECTOR_SIZE / WORD + i);

		memcpy((char *)memory + i * WORD, &word, WORD);
	}
}

static void write_disk(uint64_t plan, uint64_t operations)
{
	const struct region *region = power_region();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct pmem_disk disk;

	require(pmem_disk_create(&disk, "pmem", region->start,
				 pfn_add(region->start, DISK_BYTES >> PAGE_SHIFT)) == 0);
	power_mark(POWER_PLAN, plan);
	power_mark(POWER_START, 0);
	for (uint64_t number = 1; number <= operations; number++) {
		struct operation operation = operation_of(plan, number);
		size_t offset = plan == PLAN_OF_PAGES ? 0 : number * 61 % CACHE_LINE;
		struct bio_piece piece = {pfn_to_page(area), offset, operation.bytes};
		int error;

		prepare(&operation, plan, number, test_virt(area, offset));
		power_mark(POWER_BEGUN, number);
		power_mark(POWER_USER, operation.bytes);
		error = power_io(&disk.device, operation.kind, operation.flags, operation.sector,
				 operation.kind == BLOCK_FLUSH ? NULL : &piece);
		power_mark(POWER_DONE, number);
		expect_eq(error, 0);
	}
	power_mark(POWER_STOP, 0);
}

/* Writes, some with FUA, and flushes, over each other and from memory at any address. */
TEST(power_pmem, writes)
{
	write_disk(test_random() | 1, OPERATIONS);
}

/* Pages of 4 KiB, each durable when it is done: what that costs. */
TEST(power_pmem, writes_pages)
{
	write_disk(PLAN_OF_PAGES, DISK_BYTES / PAGE_SIZE);
}

/* --- The run that judges. --- */

static struct operation plan_of_writes[OPERATIONS + 1];

static bool is_durable(const struct power_ticket *ticket, uint64_t number)
{
	if (number > ticket->done[0])
		return false;
	if (plan_of_writes[number].flags & BLOCK_FUA)
		return true;
	for (uint64_t later = number + 1; later <= ticket->done[0]; later++)
		if (plan_of_writes[later].kind == BLOCK_FLUSH)
			return true;
	return false;
}

static bool writes_word(const struct operation *operation, size_t word)
{
	size_t first = operation->sector * SECTOR_SIZE / WORD;

	return operation->kind == BLOCK_WRITE && word >= first &&
	       word < first + operation->bytes / WORD;
}

struct candidates {
	uint64_t value[OPERATIONS + 1];
	size_t nr;
};

/* What a word can be: what the last durable write made it, or any later one that has begun. */
static void find_candidates(const struct power_ticket *ticket, const bool *durable, size_t word,
			    struct candidates *candidates)
{
	candidates->nr = 1;
	candidates->value[0] = 0;
	for (uint64_t number = 1; number <= ticket->begun[0]; number++) {
		if (!writes_word(&plan_of_writes[number], word))
			continue;
		if (durable[number])
			candidates->nr = 0;
		candidates->value[candidates->nr++] = word_of(ticket->plan, number, word);
	}
}

static bool is_candidate(const struct candidates *candidates, uint64_t value)
{
	for (size_t i = 0; i < candidates->nr; i++)
		if (candidates->value[i] == value)
			return true;
	return false;
}

static void judge_disk(const struct region *region, const struct power_ticket *ticket)
{
	const uint64_t *words = host_virt(pfn_to_phys(region->start));
	bool durable[OPERATIONS + 1] = {false};
	struct candidates candidates;

	if (ticket->begun[0] > OPERATIONS) {
		power_broken("the ticket says that operation %llu has begun, of %d",
			     (unsigned long long)ticket->begun[0], OPERATIONS);
		return;
	}
	for (uint64_t number = 1; number <= ticket->begun[0]; number++)
		plan_of_writes[number] = operation_of(ticket->plan, number);
	for (uint64_t number = 1; number <= ticket->begun[0]; number++)
		durable[number] = is_durable(ticket, number);
	for (size_t word = 0; word < DISK_WORDS; word++) {
		find_candidates(ticket, durable, word, &candidates);
		if (!is_candidate(&candidates, words[word]))
			power_broken("byte %#zx of the disk: found %#llx, expected %#llx or one of "
				     "%zu later values",
				     word * WORD, (unsigned long long)words[word],
				     (unsigned long long)candidates.value[0], candidates.nr - 1);
	}
}

/* What a power failure left of the disk, in each region. */
TEST(power_pmem, judge)
{
	power_judge(judge_disk);
}
