/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the schemes of page descriptors cost, in instructions. Each figure is measured by the same
 * code for all of them, which calls through the interface and does not know the scheme; `interface`
 * is a scheme that does nothing, and so what the interface itself is in each figure.
 */
#include <stdio.h>

#include "kernel/registers.h" /* not for a process: there is nothing to count in one */
#include "mm/schemes/dynamic.h"
#include "tests/count.h"
#include "tests/harness/no_scheme.h"
#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum {
	POOL = 1024,
	FRAMES = PAGES_PER_AREA,
	RANGE_FRAMES = FRAMES - 16, /* what altmap leaves, and no more for the others */
	NAME_MAX = 48,
};

static struct scheme *scheme;
static struct scheme_page *pinned;
static struct scheme_page *notes[FRAMES];
static struct segment segment;
static uint64_t turn;
static volatile uint64_t result; /* volatile, or nobody would need it */

/* Odd steps through the frames: another one each time, and all of them in turn. */
static pfn_t next_frame(void)
{
	return pfn_add(scheme->start, turn++ * 167 % RANGE_FRAMES);
}

static void pin_same(void)
{
	struct scheme_page *page;

	count_error |= scheme_pin(scheme, scheme->start, &page);
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

static void pin_next(void)
{
	struct scheme_page *page;

	count_error |= scheme_pin(scheme, next_frame(), &page);
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

/* As a device that read into it leaves it. */
static void pin_written(void)
{
	struct scheme_page *page;

	count_error |= scheme_pin(scheme, scheme->start, &page);
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
}

static void pin_range(void)
{
	struct scheme_range range = {
		.start = scheme->start,
		.frames = RANGE_FRAMES,
		.segments = &segment,
		.max_segments = 1,
		.pages = notes,
	};

	count_error |= scheme_pin_range(scheme, &range);
	scheme_unpin_range(scheme, &range, SCHEME_CLEAN);
}

static void find(void)
{
	result = (uintptr_t)scheme_find(scheme, scheme->start);
}

static void to_pfn(void)
{
	result = scheme_page_to_pfn(scheme, pinned).n;
}

/* Where the scheme has no locks it refuses, and that is what is counted. */
static void lock(void)
{
	if (scheme_trylock(scheme, pinned) == 0)
		(void)scheme_unlock(scheme, pinned);
}

static const struct figure figures[] = {
	{.operation = count_nothing},
	{.name = "pin4k", .operation = pin_same},
	{.name = "pin4k_next", .operation = pin_next},
	{.name = "pin4k_written", .operation = pin_written},
	{.name = "pin496", .operation = pin_range},
	{.name = "find", .operation = find},
	{.name = "page_to_pfn", .operation = to_pfn},
	{.name = "lock", .operation = lock},
};

/* The figures of one scheme have its name before theirs. */
static void count_scheme(void)
{
	struct figure of_scheme[ARRAY_SIZE(figures)];
	char names[ARRAY_SIZE(figures)][NAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		of_scheme[i] = figures[i];
		if (!figures[i].name)
			continue;
		snprintf(names[i], NAME_MAX, "%s.%s", scheme->ops->name, figures[i].name);
		of_scheme[i].name = names[i];
	}
	require(scheme_pin(scheme, scheme->start, &pinned) == 0);
	count(of_scheme, ARRAY_SIZE(figures));
	scheme_unpin(scheme, pinned, SCHEME_CLEAN);
}

/* All schemes, and the interface alone. */
TEST(cost, schemes)
{
	struct scheme nothing = {.ops = &no_scheme, .start = pfn(1), .frames = FRAMES};

	count_needs_clock();
	scheme = &nothing;
	count_scheme();
	ground_take(MEMORY_DRAM);
	for (size_t i = 0; i < nr_schemes; i++) {
		scheme = ground_begin(schemes[i], FRAMES, POOL);
		count_scheme();
	}
}
