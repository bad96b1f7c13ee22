/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two CPUs allocate, free and look at the last area that is left, one between any two accesses of
 * the other: nothing is given to both, and nothing is lost.
 */
#include <string.h>

#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/host/cpu_number.h"
#include "tests/host/step/step.h"
#include "tests/test.h"

enum { RUNS_MAX = 8192, KEPT_MAX = PAGES_PER_AREA, PINS = 4 };

struct run {
	pfn_t start;
	size_t size; /* 0: none */
};

/* All other memory of the kind. */
static struct run others[RUNS_MAX];
static size_t nr_others;

/* The last area, what is in use of it when the operations begin, and what they have got. */
static pfn_t area;
static struct run kept[KEPT_MAX];
static size_t nr_kept;
static struct run got[2];
static struct page *pinned[2][PINS];

static bool take(size_t size, struct run *run)
{
	run->size = frame_alloc(MEMORY_PERSISTENT, NODE_ANY, size, &run->start) == 0 ? size : 0;
	return run->size != 0;
}

static void give(struct run *run)
{
	if (run->size)
		expect_eq(frame_free(run->start, run->size), 0);
	run->size = 0;
}

static void give_others_back(void *unused)
{
	(void)unused;
	while (nr_others > 0)
		give(&others[--nr_others]);
}

static void leave_one_area(void)
{
	static const size_t sizes[] = {AREA_SIZE, PAGE_SIZE};

	test_cleanup(give_others_back, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		while (nr_others < RUNS_MAX && take(sizes[i], &others[nr_others]))
			nr_others++;
	require(nr_others < RUNS_MAX && others[0].size == AREA_SIZE);
	area = others[0].start;
	give(&others[0]);
	frame_alloc_flush();
}

/* --- What is in use when they begin --- */

static void keep(size_t frames)
{
	for (nr_kept = 0; nr_kept < frames; nr_kept++)
		require(take(PAGE_SIZE, &kept[nr_kept]));
}

static void nothing(void)
{
}

/* CPU 0 has a row at hand, and what it gives back goes there. */
static void two_frames_of_a_row_at_hand(void)
{
	keep(2);
}

static void two_frames(void)
{
	keep(2);
	frame_alloc_flush();
}

static void all_but_one(void)
{
	keep(PAGES_PER_AREA - 1);
	frame_alloc_flush();
}

static void everything(void)
{
	keep(PAGES_PER_AREA);
}

static void the_whole_area(void)
{
	require(take(AREA_SIZE, &kept[0]));
	nr_kept = 1;
}

static void (*const beginnings[])(void) = {
	nothing, two_frames_of_a_row_at_hand, two_frames, all_but_one, everything, the_whole_area,
};

/* --- What CPUs do --- */

static void take_frame(void)
{
	(void)take(PAGE_SIZE, &got[host_cpu()]);
}

static void take_area(void)
{
	(void)take(AREA_SIZE, &got[host_cpu()]);
}

/* What is pinned or poisoned at this moment cannot be given back, and is kept. */
static void give_one(void)
{
	struct run *run = &kept[host_cpu()];

	if (host_cpu() < nr_kept && frame_free(run->start, run->size) == 0)
		run->size = 0;
}

static void flush(void)
{
	frame_alloc_flush();
}

static void pin_first(void)
{
	for (size_t i = 0; i < PINS; i++)
		pinned[host_cpu()][i] = page_pin(pfn_add(area, i));
}

static void split(void)
{
	(void)!page_split(area);
}

static void collapse(void)
{
	(void)!page_collapse(area);
}

static void lose_a_frame(void)
{
	expect_eq(page_poison(pfn_add(area, 1)), 0);
}

static void (*const operations[])(void) = {
	take_frame, take_area, give_one, flush, pin_first, split, collapse, lose_a_frame,
};

/* --- What comes of it --- */

static bool overlap(struct run a, struct run b)
{
	return a.size && b.size &&
	       (a.size == AREA_SIZE || b.size == AREA_SIZE || pfn_eq(a.start, b.start));
}

static void expect_nothing_given_twice(void)
{
	expect(!overlap(got[0], got[1]));
	for (size_t i = 0; i < nr_kept; i++)
		for (size_t cpu = 0; cpu < ARRAY_SIZE(got); cpu++)
			expect(!overlap(got[cpu], kept[i]));
}

static void flush_all(void)
{
	frame_alloc_flush();
	cpu_number_set(1);
	frame_alloc_flush();
	cpu_number_set(0);
}

/* All is given back, and can be had as it was. */
static void end(void)
{
	for (size_t cpu = 0; cpu < ARRAY_SIZE(pinned); cpu++) {
		for (size_t i = 0; i < PINS; i++)
			if (pinned[cpu][i])
				page_unpin(pinned[cpu][i]);
		memset(pinned[cpu], 0, sizeof(pinned[cpu]));
	}
	expect_eq(page_unpoison(pfn_add(area, 1)), 0);
	for (size_t cpu = 0; cpu < ARRAY_SIZE(got); cpu++)
		give(&got[cpu]);
	while (nr_kept > 0)
		give(&kept[--nr_kept]);
	flush_all();
	(void)!page_collapse(area);
	expect_eq(frames_free(MEMORY_PERSISTENT), PAGES_PER_AREA);
	expect(take(AREA_SIZE, &got[0]));
	give(&got[0]);
	flush_all();
}

/* What two CPUs do to the last memory takes nothing away from it, wherever they meet. */
TEST(step, allocations_seem_to_follow_each_other)
{
	unsigned runs = 0;

	leave_one_area();
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(operations); j++) {
			for (size_t k = 0; k < ARRAY_SIZE(operations); k++) {
				bool met = true;

				for (unsigned at = 0; met; at++, runs++) {
					beginnings[i]();
					met = step_between(operations[j], operations[k], at);
					expect_nothing_given_twice();
					end();
				}
			}
			progress(i * ARRAY_SIZE(operations) + j,
				 ARRAY_SIZE(beginnings) * ARRAY_SIZE(operations), "operations");
		}
	}
	measure("runs", runs, "runs");
}
