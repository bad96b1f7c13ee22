/* SPDX-License-Identifier: BSD-2-Clause */
/* Split and collapse, each timed apart from the other. */
#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/world.h"

enum {
	/* A group is split, then collapsed, then split again: its tables stay in a near cache. */
	GROUP = 8,
	GROUPS = 250,
	GROUPS_USED = 32,
	/* Words of areas in one cache line; a cold sample takes one area of each line. */
	AREAS_PER_LINE = 8,
	COLD_BITS_MAX = 12,
};

enum step { SPLIT, COLLAPSE, STEPS };

static void split(pfn_t area)
{
	bench_require(page_split(area) == 0, "page_split");
}

static void collapse(pfn_t area)
{
	bench_require(page_collapse(area) == 0, "page_collapse");
}

/* Ticks of one step for a group of areas. */
static uint64_t time_group(const pfn_t *areas, void (*step)(pfn_t))
{
	uint64_t start = ticks();

	for (size_t i = 0; i < GROUP; i++)
		step(areas[i]);
	return ticks() - start;
}

static double time_groups(const pfn_t *areas, size_t groups, enum step step)
{
	uint64_t took[STEPS] = {0};

	for (size_t i = 0; i < groups; i++) {
		took[SPLIT] += time_group(areas, split);
		took[COLLAPSE] += time_group(areas, collapse);
	}
	return nanoseconds_each(took[step], groups * GROUP);
}

static double hot(enum step step)
{
	pfn_t areas[GROUP];

	for (size_t i = 0; i < GROUP; i++)
		areas[i] = pfn_add(PMEM_START, i * PAGES_PER_AREA);
	return time_groups(areas, operations(GROUPS), step);
}

static double split_hot(void)
{
	return hot(SPLIT);
}

static double collapse_hot(void)
{
	return hot(COLLAPSE);
}

static double pair_hot(void)
{
	size_t n = operations(GROUPS * GROUP);
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		split(PMEM_START);
		collapse(PMEM_START);
	}
	return nanoseconds_each(ticks() - start, n);
}

/* What is allocated has words that all 512 pages inherit. */
static double used(enum step step)
{
	pfn_t areas[GROUP];
	double result;

	for (size_t i = 0; i < GROUP; i++)
		bench_require(frame_alloc(MEMORY_PERSISTENT, NODE_ANY, AREA_SIZE, &areas[i]) == 0,
			      "frame_alloc");
	result = time_groups(areas, operations(GROUPS_USED), step);
	for (size_t i = 0; i < GROUP; i++)
		bench_require(frame_free(areas[i], AREA_SIZE) == 0, "frame_free");
	return result;
}

static double split_used(void)
{
	return used(SPLIT);
}

static double collapse_used(void)
{
	return used(COLLAPSE);
}

/* --- Cold --- */

static uint16_t order[1 << COLD_BITS_MAX];

static size_t cold_areas(void)
{
	return ((size_t)1 << world_area_bits()) / AREAS_PER_LINE;
}

/* Every line once, in an order without a pattern. */
static void make_order(void)
{
	uint64_t state = 1;

	bench_require(cold_areas() <= ARRAY_SIZE(order), "room for the order");
	for (size_t i = 0; i < cold_areas(); i++) {
		size_t other = random_bits(&state, 32) % (i + 1);

		order[i] = order[other];
		order[other] = (uint16_t)i;
	}
}

static uint64_t cold(void (*step)(pfn_t))
{
	size_t nr = cold_areas();
	uint64_t start = ticks();

	for (size_t i = 0; i < nr; i++)
		step(pfn_add(PMEM_START, (uint64_t)order[i] * AREAS_PER_LINE * PAGES_PER_AREA));
	return ticks() - start;
}

static double cold_step(enum step step)
{
	uint64_t took[STEPS];

	world_chill();
	took[SPLIT] = cold(split);
	world_chill();
	took[COLLAPSE] = cold(collapse);
	return nanoseconds_each(took[step], cold_areas());
}

static double split_cold(void)
{
	return cold_step(SPLIT);
}

static double collapse_cold(void)
{
	return cold_step(COLLAPSE);
}

static const struct figure figures[] = {
	{.name = "core.split_hot",
	 .what = "split of a free area, 8 in turn",
	 .unit = UNIT_U,
	 .goal = 2,
	 .ours = split_hot},
	{.name = "core.collapse_hot",
	 .what = "collapse of a free area, 8 in turn",
	 .unit = UNIT_U,
	 .goal = 5,
	 .ours = collapse_hot},
	{.name = "core.split_collapse_hot",
	 .what = "split + collapse of one and the same",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = pair_hot},
	{.name = "core.split_cold",
	 .what = "split of a free area, nothing in the cache",
	 .unit = UNIT_U,
	 .goal = 35,
	 .ours = split_cold},
	{.name = "core.collapse_cold",
	 .what = "collapse of a free area, nothing in the cache",
	 .unit = UNIT_U,
	 .goal = 90,
	 .ours = collapse_cold},
	{.name = "core.split_used",
	 .what = "split of an allocated area, 8 in turn",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = split_used},
	{.name = "core.collapse_used",
	 .what = "collapse of an allocated area, 8 in turn",
	 .unit = UNIT_U,
	 .goal = NO_GOAL,
	 .ours = collapse_used},
};

void bench_resize(void)
{
	world_begin_usual();
	make_order();
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		bench_measure(&figures[i]);
}
