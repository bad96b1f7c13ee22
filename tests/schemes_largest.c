/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the DRAM of this machine is enough to describe its largest persistent memory by each
 * scheme of page descriptors: begun where it is, and told where it is not. Nothing is written to
 * persistent memory; what keeps descriptors there is not begun.
 */
#include "mm/host.h"
#include <string.h>

#include "mm/page.h"
#include "mm/schemes/scheme.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

/* 32 I/Os of 2 MiB in flight; and DRAM for descriptors, as far as that much lies together. */
enum { POOL = 16384, AREAS_MOST = 32 };

static unsigned long long mib(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

/* Whole areas of the largest region. */
static struct scheme_setup largest(void)
{
	struct scheme_setup setup = {.pool = POOL};
	const struct region *region = NULL;

	while ((region = next_region(region, MEMORY_PERSISTENT)) != NULL) {
		pfn_t start = pfn_area(pfn_add(region->start, PAGES_PER_AREA - 1));
		pfn_t end = pfn_area(region->end);

		if (pfn_before(start, end) && pfn_distance(start, end) > setup.frames) {
			setup.start = start;
			setup.frames = pfn_distance(start, end);
		}
	}
	if (!next_region(NULL, MEMORY_PERSISTENT))
		skip("the machine has no persistent memory");
	if (setup.frames == 0)
		skip("too little persistent memory: 1 area is needed");
	return setup;
}

static uint64_t dram(void)
{
	const struct region *region = NULL;
	uint64_t bytes = 0;

	while ((region = next_region(region, MEMORY_DRAM)) != NULL)
		bytes += region_bytes(region);
	return bytes;
}

static pfn_t metadata;
static size_t metadata_bytes;

static bool is_begun(const struct scheme_needs *needs)
{
	return needs->medium_bytes == 0 && needs->dram_bytes <= metadata_bytes;
}

/* The first frame, the last one, and one between. */
static void pin_some(struct scheme *scheme)
{
	const uint64_t frames[] = {0, scheme->frames / 3, scheme->frames - 1};

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		pfn_t frame = pfn_add(scheme->start, frames[i]);
		struct scheme_page *page;

		require(scheme_pin(scheme, frame, &page) == 0);
		expect(frame.n - scheme_page_to_pfn(scheme, page).n <
		       scheme_page_size(scheme, page) / PAGE_SIZE);
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	}
}

static void try(const struct scheme_ops *ops, const struct scheme_setup *setup)
{
	struct scheme_needs needs;
	struct scheme *scheme;

	scheme_needs(ops, setup, &needs);
	if (!is_begun(&needs)) {
		note("%s: not begun for %llu MiB: it takes %llu MiB of DRAM, and %llu MiB of the "
		     "medium; the machine has %llu MiB of DRAM in all",
		     ops->name, mib(setup->frames << PAGE_SHIFT), mib(needs.dram_bytes),
		     mib(needs.medium_bytes), mib(dram()));
		return;
	}
	memset(test_virt(metadata, 0), 0, needs.given_bytes);
	scheme = scheme_begin(ops, setup, test_virt(metadata, 0));
	if (!scheme) {
		fail("%s: cannot be begun for %llu MiB", ops->name,
		     mib(setup->frames << PAGE_SHIFT));
		return;
	}
	pin_some(scheme);
	scheme_end(scheme);
	note("%s: describes %llu MiB with %zu bytes of DRAM", ops->name,
	     mib(setup->frames << PAGE_SHIFT), needs.dram_bytes);
}

/* What fits into DRAM describes all of the largest persistent memory. */
TEST(schemes, largest_memory)
{
	struct scheme_setup setup = largest();
	size_t areas = AREAS_MOST;

	while (areas > 0 && !test_take_run(areas, &metadata))
		areas--;
	require(areas > 0);
	metadata_bytes = areas * AREA_SIZE;
	for (size_t i = 0; i < nr_schemes; i++)
		try(schemes[i], &setup);
}
