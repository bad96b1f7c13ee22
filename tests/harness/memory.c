/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/memory.h"

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
