/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/scheme_facts.h"

#include <stdio.h>
#include <string.h>

#include "mm/page.h"
#include "mm/schemes/two_level.h"
#include "tests/bench/bench.h"
#include "tests/bench/world.h"
#include "tests/harness/scheme_shows.h"
#include "tests/host/single_step.h"

/* The instance is small: what is counted does not depend on that. */
enum { FRAMES = 4 * PAGES_PER_AREA, POOL = 1024, SMALL_POOL = 64, TIB_POOL = 16384 };

#define SMALL_DRAM ((size_t)2 << 30)
#define NONE       UINT64_MAX

static struct scheme *scheme;
static struct scheme_page *notes[PAGES_PER_AREA];
static pfn_t area; /* the first whole one for data */
static void *dram;
static size_t dram_bytes;

static void pin_frames(uint64_t frames, enum scheme_written written)
{
	struct segment segment;
	struct scheme_range range = {
		.start = area,
		.frames = frames,
		.segments = &segment,
		.max_segments = 1,
		.pages = notes,
	};

	if (scheme_pin_range(scheme, &range))
		bench_require(false, "a pin of a range");
	scheme_unpin_range(scheme, &range, written);
}

static void pin4k(void)
{
	struct scheme_page *page;

	if (scheme_pin(scheme, area, &page))
		bench_require(false, "a pin");
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

static void pin2m(void)
{
	pin_frames(PAGES_PER_AREA, SCHEME_CLEAN);
}

static void find(void)
{
	(void)keep((uintptr_t)scheme_find(scheme, area));
}

static void begin(const struct scheme_ops *ops, uint32_t pool)
{
	struct scheme_setup setup = {.start = PMEM_START, .frames = FRAMES, .pool = pool};
	struct scheme_needs needs;

	if (scheme)
		scheme_end(scheme);
	scheme_needs(ops, &setup, &needs);
	if (needs.given_bytes > dram_bytes) {
		dram = world_memory(needs.given_bytes);
		dram_bytes = needs.given_bytes;
	}
	memset(dram, 0, needs.given_bytes);
	scheme = scheme_begin(ops, &setup, dram);
	bench_require(scheme != NULL, "the beginning of a scheme");
	area = pfn_area(pfn_add(scheme->start, PAGES_PER_AREA - 1));
}

static uint64_t steps;

static void count_step(const ucontext_t *context)
{
	(void)context;
	steps++;
}

static void nothing(void)
{
}

struct call {
	void (*fn)(void);
};

static void make_call(void *call)
{
	((volatile struct call *)call)->fn();
}

static uint64_t steps_of(void (*fn)(void))
{
	struct call call = {fn};

	steps = 0;
	single_step(make_call, &call, count_step);
	return steps;
}

/* Of the second call: the first one finds nothing at hand. */
static uint64_t instructions(void (*fn)(void))
{
	fn();
	return steps_of(fn) - steps_of(nothing);
}

static uint64_t worn(void)
{
	struct scheme_usage usage;

	scheme_usage(scheme, &usage);
	return usage.medium_written;
}

static void clean(uint64_t frames)
{
	for (uint64_t i = 0; i < frames; i++) {
		struct scheme_page *page;

		if (scheme_pin(scheme, pfn_add(area, i), &page))
			bench_require(false, "a pin of what was written");
		(void)scheme_clear_dirty(scheme, page);
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	}
}

/* Of pages that were clean. */
static uint64_t worn_by(uint64_t frames)
{
	uint64_t before = worn(), after;

	pin_frames(frames, SCHEME_WRITTEN);
	after = worn();
	clean(frames);
	return after - before;
}

static const char *name; /* of the row */

static void print_fact(const char *what, uint64_t value, const char *units)
{
	if (value != NONE)
		printf("# R name=schemes.%s.%s value=%llu units=%s\n", name, what,
		       (unsigned long long)value, units);
}

static bool split; /* all of two levels' memory is */

static const char *survives(const struct scheme_ops *ops)
{
	struct scheme_setup tib = {PMEM_START, TIB >> PAGE_SHIFT, TIB_POOL};
	struct scheme_needs needs;

	scheme_needs(ops, &tib, &needs);
	return needs.dram_bytes_most < SMALL_DRAM        ? "yes"
	       : needs.dram_bytes < SMALL_DRAM && !split ? "in part"
							 : "no";
}

static const char *yes(bool it_is)
{
	return it_is ? "yes" : "no";
}

static void print_row(const struct scheme_ops *ops, char *row, size_t bytes)
{
	uint64_t pin4k_instructions, pin2m_instructions, find_instructions = NONE, worn4k, worn2m;
	struct scheme_shows shows;
	char found[24] = "-", used_up[24] = "never";

	begin(ops, POOL);
	pin4k_instructions = instructions(pin4k);
	pin2m_instructions = instructions(pin2m);
	if (!ops->refusals[SCHEME_FIND])
		find_instructions = instructions(find);
	worn4k = worn_by(1);
	worn2m = worn_by(PAGES_PER_AREA);
	print_fact("pin4k_exact", pin4k_instructions, "instructions");
	print_fact("pin2m_exact", pin2m_instructions, "instructions");
	print_fact("find_exact", find_instructions, "instructions");
	print_fact("worn4k", worn4k, "bytes");
	print_fact("worn2m", worn2m, "bytes");
	begin(ops, SMALL_POOL);
	shows = scheme_show(scheme);
	bench_require(!shows.refused || shows.goes_on, "a scheme that goes on after -ENOMEM");
	if (find_instructions != NONE)
		snprintf(found, sizeof(found), "%llu", (unsigned long long)find_instructions);
	if (shows.refused)
		snprintf(used_up, sizeof(used_up), "%llu of %u", (unsigned long long)shows.pinned,
			 SCHEME_SHOWS_FRAMES);
	snprintf(row, bytes, "%-16s %8llu %8llu %6s %8llu %8llu %10s %6s %6s %6s %10s %10s", name,
		 (unsigned long long)pin4k_instructions, (unsigned long long)pin2m_instructions,
		 found, (unsigned long long)worn4k, (unsigned long long)worn2m,
		 yes(shows.serialises), yes(shows.counts), yes(shows.dirty), yes(shows.owners),
		 used_up, survives(ops));
}

void print_scheme_facts(void)
{
	static char rows[32][160];
	size_t nr = 0;

	bench_require(nr_schemes < ARRAY_SIZE(rows), "room for all schemes");
	world_begin_usual();
	for (size_t i = 0; i < nr_schemes; i++) {
		name = schemes[i]->name;
		print_row(schemes[i], rows[nr++], sizeof(rows[0]));
	}
	for (uint64_t i = 0; i < FRAMES; i += PAGES_PER_AREA)
		bench_require(page_split(pfn_add(PMEM_START, i)) == 0, "page_split");
	name = "two-level-split";
	split = true;
	print_row(&two_level_scheme, rows[nr++], sizeof(rows[0]));
	scheme_end(scheme);
	scheme = NULL;
	printf("\n%-16s %8s %8s %6s %8s %8s %10s %6s %6s %6s %10s %10s\n", "", "4K", "2M", "find",
	       "worn 4K", "worn 2M", "serialises", "counts", "dirty", "owners", "used up",
	       "1 TiB/2GiB");
	for (size_t i = 0; i < nr; i++)
		printf("%s\n", rows[i]);
	printf("\n4K, 2M, find: instructions, by single steps. worn: bytes that a pin and an unpin "
	       "as written write to\nthe medium. used up: frames pinned with a pool of %u "
	       "descriptors until one was refused. 1 TiB/2GiB:\nwhether 1 TiB can be described on "
	       "a machine with 2 GiB; in part: as long as not all of it is split.\n",
	       SMALL_POOL);
}
