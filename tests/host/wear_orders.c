/* SPDX-License-Identifier: BSD-2-Clause */
/* What a power failure leaves of a record of bad frames, and what is read of a damaged medium. */
#include <errno.h>
#include <string.h>

#include "mm/bad_lines.h"
#include "mm/schemes/bad_record.h"
#include "tests/harness/memory.h"
#include "tests/host/crash_states.h"
#include "tests/host/damage.h"
#include "tests/test.h"

enum { A = 7, B = 9, SLOT_A = BAD_RECORD_SLOTS, SLOT_B = SLOT_A - 1 };

static struct trace trace;
static struct bad_record record;
static uint64_t *medium;
static uint64_t before[BAD_RECORD_WORDS]; /* what was there before the trace */

static void begin(void)
{
	medium = test_virt(test_take(MEMORY_DRAM, PAGE_SIZE), 0);
	memset(medium, 0, PAGE_SIZE);
	require(bad_record_begin(&record, medium) == 0);
	require(bad_record_add(&record, A) == 0);
}

/* Watches the lines of these words, and no others: what is not watched stays as it was. */
static void watch(const size_t *words, size_t nr)
{
	trace.nr_lines = 0;
	for (size_t i = 0; i < nr; i++)
		trace_watch(&trace, &medium[words[i]], sizeof(*medium));
	memcpy(before, medium, sizeof(before));
}

/* What a later start reads of such a medium. */
static int open_again(const unsigned char *lines, const uint64_t *others, struct bad_record *found)
{
	static uint64_t copy[BAD_RECORD_WORDS] __attribute__((aligned(PAGE_SIZE)));

	memcpy(copy, others, sizeof(copy));
	for (size_t i = 0; i < trace.nr_lines; i++)
		memcpy((unsigned char *)copy + (trace.lines[i] - (unsigned char *)medium),
		       lines + i * CACHE_LINE, CACHE_LINE);
	return bad_record_begin(found, copy);
}

static bool has(const struct bad_record *found, uint64_t which)
{
	uint64_t frame;

	for (size_t slot = 1; slot <= BAD_RECORD_SLOTS; slot++)
		if (bad_record_frame(found, slot, &frame) && frame == which)
			return true;
	return false;
}

static void add_and_remove(void *unused)
{
	(void)unused;
	expect_eq(bad_record_add(&record, B), 0);
	trace_promise(1);
	bad_record_remove(&record, A);
	trace_promise(2);
}

/* Each frame is in the record or not, as it was or as it is to be, and as it was promised. */
static const char *judge_changes(const unsigned char *lines, uint64_t promise)
{
	static struct bad_record found;

	if (open_again(lines, before, &found))
		return "the record is damaged";
	if (found.made_bytes)
		return "the record was made anew";
	if (promise >= 1 && !has(&found, B))
		return "a frame that was added is not there";
	if (promise >= 2 && has(&found, A))
		return "a frame that was removed is there";
	return promise >= 1 || has(&found, A) ? NULL : "a frame is gone before its time";
}

static void expect_no_violation(void (*fn)(void *),
				const char *(*judge)(const unsigned char *, uint64_t))
{
	struct crash_search search = {.trace = &trace, .judge = judge};

	trace_run(&trace, fn, NULL);
	for (int domain = 0; domain <= PERSISTENCE_CPU_CACHE; domain++) {
		search.domain = (enum persistence_domain)domain;
		crash_search(&search);
		if (search.violations)
			fail("%llu of %llu states: %s, before event %zu of %zu",
			     (unsigned long long)search.violations,
			     (unsigned long long)search.states, search.first, search.event,
			     trace.nr);
	}
	note("%llu states", (unsigned long long)search.states);
}

/* Whenever the power fails, a record is there, with the old frames or the new ones. */
TEST(wear_orders, changes_are_whole)
{
	begin();
	watch((const size_t[]){0, SLOT_A, SLOT_B}, 3);
	expect_no_violation(add_and_remove, judge_changes);
}

static void make(void *unused)
{
	(void)unused;
	expect_eq(bad_record_begin(&record, medium), 0);
	trace_promise(1);
	expect_eq(bad_record_add(&record, A), 0);
	trace_promise(2);
}

/* What is not watched is as it was or, from the magic on, as what is watched has to be by then. */
static const char *judge_making(const unsigned char *lines, uint64_t promise)
{
	static struct bad_record found;
	uint64_t magic;

	memcpy(&magic, lines, sizeof(magic));
	if (open_again(lines, magic == BAD_RECORD_MAGIC ? medium : before, &found))
		return "what was about to be a record is taken for a damaged one";
	if (promise >= 1 && found.made_bytes)
		return "a record that was made is not there";
	return promise < 2 || has(&found, A) ? NULL : "a frame that was added is not there";
}

/* A record that is being made is one when it is whole, and can be made again until then. */
TEST(wear_orders, making_is_whole)
{
	begin();
	memset(medium, 0x5a, PAGE_SIZE);
	watch((const size_t[]){0, SLOT_A}, 2);
	expect_no_violation(make, judge_making);
}

static pfn_t damaged;

static void end_damage(void *unused)
{
	(void)unused;
	damage_end();
	expect_eq(bad_lines_remove(damaged, LINES_ALL), 0);
}

/* A record that cannot be read is an error, and nothing is made in its place. */
TEST(wear_orders, bad_memory_is_refused)
{
	damaged = test_take(MEMORY_DRAM, PAGE_SIZE);
	test_cleanup(end_damage, NULL);
	medium = test_virt(damaged, 0);
	memset(medium, 0, PAGE_SIZE);
	require(bad_record_begin(&record, medium) == 0);
	damage(phys_add(pfn_to_phys(damaged), 3 * (uint64_t)CACHE_LINE), DAMAGE_UNTIL_REPAIRED);
	expect_eq(bad_record_begin(&record, medium), -EIO);
	expect(medium[0] == BAD_RECORD_MAGIC);
}
