/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every scheme of page descriptors beside the others: what it takes, and how long the same samples
 * take with it. A sample calls through the interface and does not know the scheme (mm/schemes/);
 * `interface` is what the loop and the calls take when they do nothing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/schemes/scheme.h"
#include "mm/schemes/two_level.h"
#include "mm/schemes/window.h"
#include "tests/bench/bench.h"
#include "tests/bench/scheme_facts.h"
#include "tests/bench/world.h"
#include "tests/harness/no_scheme.h"

enum {
	OPERATIONS = 10000,
	RANGES = 40,
	POOL = 16384, /* 32 I/Os of 2 MiB in flight */
	NEAR_BITS = 15,
	ROUNDS_MAX = 1001,
	CONTENDERS_MAX = 20,
};

static struct scheme *scheme;
static unsigned frame_bits;

/* --- Samples --- */

static double pin_random(unsigned bits)
{
	size_t n = operations(OPERATIONS);
	uint64_t state = random_start();
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		struct scheme_page *page;

		if (scheme_pin(scheme, pfn_add(scheme->start, random_bits(&state, bits)), &page))
			bench_require(false, "a pin");
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	}
	return nanoseconds_each(ticks() - start, n);
}

/* Frames of 128 MiB, whose descriptors fit the caches as far as they ever do. */
static double pin_near(void)
{
	return pin_random(NEAR_BITS);
}

/* Frames of all the memory but what a scheme may have reserved of it. */
static double pin_far(void)
{
	return pin_random(frame_bits - 1);
}

static double pin_2mib(void)
{
	static struct scheme_page *notes[PAGES_PER_AREA];
	size_t n = operations(RANGES * 16) / 16;
	uint64_t state = random_start();
	struct segment segment;
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		uint64_t area = random_bits(&state, frame_bits - 10);
		struct scheme_range range = {
			.start = pfn_add(pfn_area(pfn_add(scheme->start, PAGES_PER_AREA - 1)),
					 area * PAGES_PER_AREA),
			.frames = PAGES_PER_AREA,
			.segments = &segment,
			.max_segments = 1,
			.pages = notes,
		};

		if (scheme_pin_range(scheme, &range))
			bench_require(false, "a pin of 2 MiB");
		scheme_unpin_range(scheme, &range, SCHEME_CLEAN);
	}
	return nanoseconds_each(ticks() - start, n);
}

/* Each waits for the one before, and for what stands behind the page. */
static double find_far(void)
{
	size_t n = operations(OPERATIONS);
	uint64_t state = random_start(), zero = 0;
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		uint64_t number = random_bits(&state, frame_bits - 1) ^ zero;

		zero = zero_after((uintptr_t)scheme_find(scheme, pfn_add(scheme->start, number)));
	}
	return nanoseconds_each(ticks() - start, n);
}

static const struct column {
	const char *name;
	const char *head; /* of the table's column */
	sample_t sample;
	int needs; /* a feature, or -1 */
} columns[] = {
	{"pin4k_near", "4K near", pin_near, -1},
	{"pin4k_far", "4K far", pin_far, -1},
	{"pin2m", "2M", pin_2mib, -1},
	{"find_far", "find", find_far, SCHEME_FIND},
};

/* --- Contenders --- */

struct contender {
	char name[32];
	const struct scheme_ops *ops; /* NULL: the interface alone */
	bool split;                   /* two levels: with every area split */
	double begin_ms[ROUNDS_MAX];
	double ns[ARRAY_SIZE(columns)][ROUNDS_MAX];
	/* That a pin and an unpin write to the medium. */
	double worn_bytes;
};

static struct contender contenders[CONTENDERS_MAX];
static size_t nr_contenders;
static void *dram;

static struct scheme_setup setup(uint64_t frames)
{
	return (struct scheme_setup){.start = PMEM_START, .frames = frames, .pool = POOL};
}

static const struct contender *current;

/* Of the one before, outside of what is measured. */
static void end(void)
{
	if (scheme)
		scheme_end(scheme);
	scheme = NULL;
}

/* The memory for metadata holds something else before, and is cleared as part of it. */
static double begin(void)
{
	static struct scheme nothing = {.ops = &no_scheme};
	struct scheme_setup all = setup((uint64_t)1 << frame_bits);
	struct scheme_needs needs;
	uint64_t start;

	end();
	start = ticks();
	if (!current->ops) {
		nothing.start = PMEM_START;
		scheme = &nothing;
		return NAN;
	}
	if (current->ops->find == window_find)
		world_begin(all.frames << PAGE_SHIFT); /* clears what the page map needs */
	scheme_needs(current->ops, &all, &needs);
	memset(dram, 0, needs.given_bytes);
	scheme = scheme_begin(current->ops, &all, dram);
	bench_require(scheme != NULL, "the beginning of a scheme");
	return nanoseconds_each(ticks() - start, 1) / 1e6;
}

static void split_all(void)
{
	for (uint64_t i = 0; i < (uint64_t)1 << frame_bits; i += PAGES_PER_AREA)
		bench_require(page_split(pfn_add(PMEM_START, i)) == 0, "page_split");
}

static double worn_by_a_pin(void)
{
	struct scheme_usage before, after;
	struct scheme_page *page;

	scheme_usage(scheme, &before);
	bench_require(scheme_pin(scheme, scheme->start, &page) == 0, "a pin");
	scheme_unpin(scheme, page, SCHEME_CLEAN);
	scheme_usage(scheme, &after);
	return (double)(after.medium_written - before.medium_written);
}

static void run_round(struct contender *contender, unsigned round)
{
	current = contender;
	contender->begin_ms[round] = bench_sample(begin);
	if (contender->split)
		split_all();
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		bool can = !contender->ops || columns[i].needs < 0 ||
			   !contender->ops->refusals[columns[i].needs];

		contender->ns[i][round] = can ? bench_sample(columns[i].sample) : NAN;
	}
	if (contender->ops)
		contender->worn_bytes = worn_by_a_pin();
}

static struct contender *enter(const struct scheme_ops *ops, const char *name, bool split)
{
	struct contender *contender = &contenders[nr_contenders++];

	bench_require(nr_contenders <= CONTENDERS_MAX, "room for one more scheme");
	*contender = (struct contender){.ops = ops, .split = split};
	snprintf(contender->name, sizeof(contender->name), "%s", name);
	return contender;
}

static void enter_all(void)
{
	size_t most = 0;

	enter(NULL, no_scheme.name, false);
	for (size_t i = 0; i < nr_schemes; i++) {
		struct scheme_setup all = setup((uint64_t)1 << frame_bits);
		struct scheme_needs needs;

		enter(schemes[i], schemes[i]->name, false);
		if (schemes[i] == &two_level_scheme)
			enter(schemes[i], "two-level-split", true);
		scheme_needs(schemes[i], &all, &needs);
		if (needs.given_bytes > most)
			most = needs.given_bytes;
	}
	dram = world_memory(most);
}

/* --- What comes of it --- */

static double median(double *values)
{
	qsort(values, bench_options.rounds, sizeof(*values), bench_compare);
	return values[bench_options.rounds / 2];
}

static void print_value(const struct contender *contender, const char *name, double value,
			const char *units)
{
	if (!isnan(value))
		printf("# R name=schemes.%s.%s value=%.3f units=%s\n", contender->name, name, value,
		       units);
}

static double mib(size_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void print_cell(double value)
{
	if (isnan(value))
		printf(" %10s", "-");
	else
		printf(" %10.*f", value < 10 ? 2 : 1, value);
}

static void print_contender(struct contender *contender, double *ns, double begin_ms)
{
	struct scheme_setup tib = setup(TIB >> PAGE_SHIFT);
	struct scheme_needs needs = {0};

	if (contender->ops)
		scheme_needs(contender->ops, &tib, &needs);
	printf("%-16s", contender->name);
	print_cell(mib(contender->split ? needs.dram_bytes_most : needs.dram_bytes));
	print_cell(mib(needs.medium_bytes));
	print_cell(begin_ms);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		print_cell(ns[i]);
	print_cell(contender->worn_bytes);
	printf("\n");
}

static void print_all(void)
{
	double ns[CONTENDERS_MAX][ARRAY_SIZE(columns)], begin_ms[CONTENDERS_MAX];

	for (size_t i = 0; i < nr_contenders; i++) {
		begin_ms[i] = median(contenders[i].begin_ms);
		print_value(&contenders[i], "begin", begin_ms[i], "ms");
		for (size_t j = 0; j < ARRAY_SIZE(columns); j++) {
			ns[i][j] = median(contenders[i].ns[j]);
			print_value(&contenders[i], columns[j].name, ns[i][j], "ns");
		}
		print_value(&contenders[i], "worn", contenders[i].worn_bytes, "bytes");
	}
	printf("\n%-16s %10s %10s %10s", "", "DRAM MiB", "medium MiB", "begin ms");
	for (size_t j = 0; j < ARRAY_SIZE(columns); j++)
		printf(" %7s ns", columns[j].head);
	printf(" %10s\n", "worn bytes");
	for (size_t i = 0; i < nr_contenders; i++)
		print_contender(&contenders[i], ns[i], begin_ms[i]);
	printf("\nDRAM and medium: for 1 TiB, computed. begin: of %llu MiB. 4K, 2M: a pin and an "
	       "unpin. worn: bytes that the two write\nto the medium. Medians of %u rounds; a pool "
	       "has %u descriptors.\n",
	       (unsigned long long)(((uint64_t)PAGE_SIZE << frame_bits) >> 20),
	       bench_options.rounds, POOL);
	for (size_t i = 0; i < nr_schemes; i++)
		for (int feature = 0; feature < SCHEME_FEATURES; feature++)
			if (schemes[i]->refusals[feature])
				printf("# no name=%s feature=%s reason=\"%s\"\n", schemes[i]->name,
				       scheme_feature_name((enum scheme_feature)feature),
				       schemes[i]->refusals[feature]);
}

void bench_schemes(void)
{
	frame_bits = bench_options.quick ? 18 : WORLD_BACKED_BITS;
	bench_require(bench_options.rounds <= ROUNDS_MAX, "few enough rounds");
	enter_all();
	for (unsigned round = 0; round < bench_options.rounds; round++)
		for (size_t i = 0; i < nr_contenders; i++)
			run_round(&contenders[i], round);
	end();
	print_all();
	print_scheme_facts();
}
