/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/scheme_ground.h"

#include <string.h>

#include "tests/harness/arena.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

static pfn_t start;
static char *metadata;
static struct scheme *current;

void ground_end(void)
{
	if (current)
		scheme_end(current);
	current = NULL;
}

static void clean_up(void *unused)
{
	(void)unused;
	ground_end();
}

static void take_metadata(void)
{
	metadata = test_virt(test_take(MEMORY_DRAM, GROUND_METADATA), 0);
	current = NULL;
	test_cleanup(clean_up, NULL);
}

void ground_take(enum memory_kind kind)
{
	struct arena arena;

	if (kind == MEMORY_PERSISTENT) {
		arenas_take(&arena, 1, 1, kind, ARENA_WHOLE);
		start = arena.areas[0];
	} else {
		start = test_take(kind, AREA_SIZE);
	}
	take_metadata();
}

/* Of the first writable region that has so many, or of the one that has most. */
static size_t persistent_areas(size_t most)
{
	const struct region *region = NULL;
	size_t areas = 0;

	while (areas < most && (region = next_writable(region)) != NULL) {
		pfn_t first = pfn_area(pfn_add(region->start, PAGES_PER_AREA - 1));
		pfn_t end = pfn_area(region->end);
		size_t here =
			pfn_before(first, end) ? pfn_distance(first, end) / PAGES_PER_AREA : 0;

		if (here > areas) {
			start = first;
			areas = here;
		}
	}
	return areas < most ? areas : most;
}

uint64_t ground_take_areas(enum memory_kind kind, size_t areas)
{
	if (kind == MEMORY_PERSISTENT)
		areas = persistent_areas(areas);
	else
		while (areas > 0 && !test_take_run(areas, &start))
			areas--;
	take_metadata();
	return areas * PAGES_PER_AREA;
}

pfn_t ground_start(void)
{
	return start;
}

void *ground_virt(pfn_t frame)
{
	return test_virt(frame, 0);
}

struct scheme *ground_begin(const struct scheme_ops *ops, uint64_t frames, uint32_t pool)
{
	struct scheme_setup setup = {.start = start, .frames = frames, .pool = pool};
	struct scheme_needs needs;

	ground_end();
	scheme_needs(ops, &setup, &needs);
	if (needs.given_bytes > GROUND_METADATA)
		test_abort(__FILE__, __LINE__, "%s wants %zu bytes", ops->name, needs.given_bytes);
	memset(metadata, 0, needs.given_bytes);
	current = scheme_begin(ops, &setup, metadata);
	require(current != NULL);
	return current;
}

void ground_mend(void)
{
	expect_eq(page_collapse(start), 0);
}
