/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/memory.h"

#include <string.h>

#include "mm/host.h"
#include "tests/test.h"

enum { TAKEN_MAX = 16 };

static struct {
	pfn_t start;
	size_t size;
} taken[TAKEN_MAX];
static size_t nr_taken;

static void give_back_all(void *unused)
{
	(void)unused;
	while (nr_taken > 0) {
		pfn_t start = taken[--nr_taken].start;
		int error = frame_free(start, taken[nr_taken].size);

		if (error)
			fail("what was taken at %#llx cannot be given back (%d): is it pinned, "
			     "locked "
			     "or poisoned?",
			     (unsigned long long)pfn_to_phys(start).addr, error);
	}
}

pfn_t test_take(enum memory_kind kind, size_t size)
{
	pfn_t start;

	if (!next_region(NULL, kind))
		skip("the machine has no %s memory", memory_kind_name(kind));
	if (nr_taken == TAKEN_MAX)
		host_panic("a test takes more than %d runs of memory", TAKEN_MAX);
	require(frame_alloc(kind, NODE_ANY, size, &start) == 0);
	if (nr_taken == 0)
		test_cleanup(give_back_all, NULL);
	taken[nr_taken].start = start;
	taken[nr_taken].size = size;
	nr_taken++;
	return start;
}

void *test_virt(pfn_t start, size_t offset)
{
	return host_virt(phys_add(pfn_to_phys(start), offset));
}

struct page_info test_look(pfn_t frame)
{
	struct page_info info;

	require(page_look(frame, &info) == 0);
	return info;
}

struct page *test_pin(pfn_t frame)
{
	struct page *page = page_pin(frame);

	require(page != NULL);
	return page;
}

void with_each_kind(void (*body)(pfn_t area))
{
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		if (next_region(NULL, (enum memory_kind)kind))
			body(test_take((enum memory_kind)kind, AREA_SIZE));
}

const struct region *next_region(const struct region *region, enum memory_kind kind)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (region = region ? region + 1 : regions; region < regions + nr; region++)
		if (region->kind == kind)
			return region;
	return NULL;
}

const struct region *next_writable(const struct region *region)
{
	const struct region *before = region;

	do
		region = next_region(region, MEMORY_PERSISTENT);
	while (region && !region->writable);
	if (region || before)
		return region;
	if (!next_region(NULL, MEMORY_PERSISTENT))
		skip("the machine has no persistent memory");
	skip("no persistent memory may be written; write=all or write=NAME permits it");
}

const struct region *first_protected(void)
{
	const struct region *region = NULL;

	while ((region = next_region(region, MEMORY_PERSISTENT)) != NULL)
		if (!region->writable)
			return region;
	skip("all persistent memory may be written, or there is none");
}

/* --- Runs of areas --- */

/* Areas that a run is looked for in, in the order of their addresses. */
enum { RUN_LOOKS = 96 };

static struct {
	pfn_t areas[RUN_LOOKS];
	size_t nr;
} run;

static void give_areas(pfn_t *areas, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (frame_free(areas[i], AREA_SIZE))
			fail("the area at %#llx cannot be given back: something of it is pinned",
			     (unsigned long long)pfn_to_phys(areas[i]).addr);
}

static void give_run(void *unused)
{
	(void)unused;
	give_areas(run.areas, run.nr);
}

static bool add_area(void)
{
	size_t at = run.nr;
	pfn_t area;

	if (run.nr == RUN_LOOKS || frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area))
		return false;
	for (; at > 0 && pfn_before(area, run.areas[at - 1]); at--)
		run.areas[at] = run.areas[at - 1];
	run.areas[at] = area;
	run.nr++;
	return true;
}

/* Where in the array a run begins, or run.nr. */
static size_t find_run(size_t areas)
{
	for (size_t i = 0; i + areas <= run.nr; i++) {
		pfn_t start = run.areas[i], last = run.areas[i + areas - 1];

		if (pfn_distance(start, last) == (areas - 1) * PAGES_PER_AREA &&
		    pfn_to_region(start) == pfn_to_region(last))
			return i;
	}
	return run.nr;
}

bool test_take_run(size_t areas, pfn_t *start)
{
	size_t first;

	run.nr = 0;
	while ((first = find_run(areas)) == run.nr && add_area())
		;
	if (first == run.nr) {
		give_areas(run.areas, run.nr);
		return false;
	}
	give_areas(run.areas, first);
	give_areas(run.areas + first + areas, run.nr - first - areas);
	memmove(run.areas, run.areas + first, areas * sizeof(run.areas[0]));
	run.nr = areas;
	test_cleanup(give_run, NULL);
	*start = run.areas[0];
	return true;
}
