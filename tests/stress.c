/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All CPUs at once do what they like with the same few areas, by random numbers. Each keeps a
 * journal of what it has, which is checked against the descriptors as it goes; now and then all
 * stop, and CPU 0 compares everything with everything.
 */
#include "tests/stress.h"

#include "mm/barrier.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <string.h>

enum {
	CALLS = 2,  /* of host_on_each_cpu() */
	ROUNDS = 4, /* in each call, between quiet points; at every other nothing is at hand */
	OPERATIONS = 10000, /* of each CPU in a round */
	HOARD_MAX = 4096,
};

static struct barrier barrier;

/* --- Rounds --- */

static void work(void *unused)
{
	unsigned cpu = host_cpu();

	(void)unused;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; cpu < stress.cpus && i < OPERATIONS; i++)
			stress_operate(&stress.journals[cpu]);
		if (round % 2)
			frame_alloc_flush();
		barrier_wait(&barrier);
		if (cpu == 0)
			stress_compare(round % 2);
		barrier_wait(&barrier);
	}
}

/* --- Before and after --- */

/* All memory but the pool and the shared areas. */
static struct hoard {
	pfn_t areas[HOARD_MAX], frames[HOARD_MAX];
	size_t nr_areas, nr_frames;
} hoards[MEMORY_KINDS];

static size_t hoard_runs(enum memory_kind kind, size_t size, pfn_t *runs)
{
	size_t nr = 0;

	while (nr < HOARD_MAX && frame_alloc(kind, NODE_ANY, size, &runs[nr]) == 0)
		nr++;
	return nr;
}

static void give_back_frames(pfn_t *frames, size_t *nr, size_t size)
{
	while (*nr)
		expect_eq(frame_free(frames[--*nr], size), 0);
}

static void give_back_hoards(void *unused)
{
	(void)unused;
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		struct hoard *hoard = &hoards[kind];

		give_back_frames(hoard->frames, &hoard->nr_frames, PAGE_SIZE);
		give_back_frames(hoard->areas, &hoard->nr_areas, AREA_SIZE);
	}
}

static void choose_shared(void)
{
	size_t wanted = SHARED_MAX / MEMORY_KINDS;

	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		for (size_t i = 0; next_region(NULL, (enum memory_kind)kind) && i < wanted; i++) {
			struct shared *shared = &stress.shared[stress.nr_shared];
			struct page *page;

			shared->start = test_take((enum memory_kind)kind, AREA_SIZE);
			shared->owner = OWNER_SHARED | (uint32_t)stress.nr_shared++ << 20;
			page = page_pin(shared->start);
			require(page && page_size(page) == AREA_SIZE);
			page_set_owner(page, shared->owner);
			page_unpin(page);
		}
	}
}

static void choose_pool(void)
{
	size_t wanted = stress.cpus + 4;

	test_cleanup(give_back_hoards, NULL);
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		struct hoard *hoard = &hoards[kind];

		hoard->nr_areas = hoard_runs((enum memory_kind)kind, AREA_SIZE, hoard->areas);
		hoard->nr_frames = hoard_runs((enum memory_kind)kind, PAGE_SIZE, hoard->frames);
		for (size_t i = 0; hoard->nr_areas && i < wanted; i++) {
			pfn_t area = hoard->areas[--hoard->nr_areas];

			stress.pool[stress.nr_pool++].start = area;
			expect_eq(frame_free(area, AREA_SIZE), 0);
		}
	}
	require(stress.nr_pool > 0);
}

static void begin(void)
{
	memset(&stress, 0, sizeof(stress));
	stress.cpus = host_cpus() < STRESS_CPUS_MAX ? host_cpus() : STRESS_CPUS_MAX;
	frame_alloc_flush();
	stress.other_pins = page_map_pins();
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++)
		stress.journals[cpu] =
			(struct journal){.random = test_random(), .poisoned = NO_FRAME};
	choose_shared();
	choose_pool();
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		stress.frames_free[kind] = stress_frames_free((enum memory_kind)kind);
	barrier_init(&barrier, host_cpus());
}

/* Everything is let go of, and then nothing can be busy. */
static void end(void)
{
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++) {
		struct journal *journal = &stress.journals[cpu];

		while (journal->nr_pins)
			stress_unpin(journal, journal->nr_pins - 1);
		stress_heal(journal);
	}
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++) {
		struct journal *journal = &stress.journals[cpu];

		while (journal->nr_runs && stress_give_back(journal, journal->nr_runs - 1))
			;
	}
	for (size_t i = 0; i < SLOTS; i++) {
		struct run run = slot_to_run(atomic_load(&stress.slots[i]));

		if (run.stamp)
			expect_eq(frame_free(run.start, run.size), 0);
		atomic_store(&stress.slots[i], 0);
	}
	frame_alloc_flush();
	stress_compare(true);
	/* Areas that became tables may be split too. */
	for (size_t i = 0; i < stress.nr_pool; i++)
		expect_eq(page_collapse(stress.pool[i].start), 0);
	for (size_t i = 0; i < stress.nr_shared; i++)
		expect_eq(page_collapse(stress.shared[i].start), 0);
}

/* The whole pool is to be had in areas again, less those that became tables. */
static void expect_whole_pool(size_t tables_before)
{
	pfn_t areas[POOL_MAX];
	size_t nr = 0;
	struct page_map_usage usage;

	page_map_usage(&usage);
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		while (nr < POOL_MAX &&
		       frame_alloc((enum memory_kind)kind, NODE_ANY, AREA_SIZE, &areas[nr]) == 0)
			nr++;
	expect_eq(nr + ((usage.spare_table_bytes + usage.table_bytes) / PAGE_SIZE - tables_before) /
				  PAGES_PER_AREA,
		  stress.nr_pool);
	give_back_frames(areas, &nr, AREA_SIZE);
}

/* Whatever CPUs do at the same time, the descriptors say what the sum of it is. */
TEST(stress, descriptors_agree_with_journals)
{
	static uint64_t operations; /* of all repetitions */
	struct page_map_usage usage;

	begin();
	page_map_usage(&usage);
	for (unsigned call = 0; call < CALLS; call++) {
		host_on_each_cpu(work, NULL);
		progress(call + 1, CALLS, "calls");
	}
	end();
	expect_whole_pool((usage.spare_table_bytes + usage.table_bytes) / PAGE_SIZE);
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++)
		operations += stress.journals[cpu].operations;
	measure("operations", operations, "operations");
}
