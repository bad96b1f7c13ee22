/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that drivers share with their devices. */
#include "drivers/dma.h"

#include <errno.h>
#include <string.h>

#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

enum { RUNS = 24 };

static struct dma_memory runs[RUNS];

static void free_runs(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < RUNS; i++)
		dma_free(&runs[i]);
}

/* Takes a run and fills it, so that the next one there shows whether it is zeroed. */
static void take(struct dma_memory *run, enum memory_kind kind, size_t bytes)
{
	const unsigned char *at;

	require(dma_alloc(run, kind, bytes) == 0);
	expect_eq(run->bytes, bytes);
	expect_eq(run->start.addr % PAGE_SIZE, 0);
	expect(run->virt == test_virt(phys_to_pfn(run->start), 0));
	at = run->virt;
	for (size_t i = 0; i < bytes; i++)
		if (at[i] != 0) {
			fail("byte %zu of %zu is %#x, expected 0", i, bytes, at[i]);
			break;
		}
	memset(run->virt, 0xa5, bytes);
}

static void require_writable(enum memory_kind kind)
{
	if (kind == MEMORY_PERSISTENT)
		(void)next_writable(NULL);
}

/* Beside one of DRAM, runs of many lengths, taken and given back in any order: zeroed, pinned, and
 * no two overlap. */
static void exercise(enum memory_kind kind)
{
	require_writable(kind);
	test_cleanup(free_runs, NULL);
	take(&runs[0], MEMORY_DRAM, PAGE_SIZE);
	for (unsigned round = 0; round < 200; round++) {
		struct dma_memory *run = &runs[test_random_below(RUNS)];

		if (run->bytes > 0) {
			dma_free(run);
			continue;
		}
		take(run, kind, 1 + test_random_below(AREA_SIZE / 8));
		expect_eq(test_look(phys_to_pfn(run->start)).pins, 1);
		expect_eq(pfn_to_region(phys_to_pfn(run->start))->kind, kind);
		for (struct dma_memory *other = runs; other < runs + RUNS; other++)
			if (other != run && other->bytes &&
			    other->start.addr < run->start.addr + align_up(run->bytes, PAGE_SIZE) &&
			    run->start.addr < other->start.addr + align_up(other->bytes, PAGE_SIZE))
				fail("two runs overlap at %#llx",
				     (unsigned long long)run->start.addr);
	}
}

TEST(dma, dram)
{
	exercise(MEMORY_DRAM);
}

TEST(dma, persistent)
{
	exercise(MEMORY_PERSISTENT);
}

/* A page is the least, an area the most; pages of one area are handed out before another's. */
TEST(dma, lengths)
{
	test_cleanup(free_runs, NULL);
	expect_eq(dma_alloc(&runs[0], MEMORY_DRAM, 0), -EINVAL);
	expect_eq(dma_alloc(&runs[0], MEMORY_DRAM, AREA_SIZE + 1), -EINVAL);
	expect_eq(runs[0].bytes, 0);
	take(&runs[0], MEMORY_DRAM, AREA_SIZE);
	take(&runs[1], MEMORY_DRAM, 1);
	take(&runs[2], MEMORY_DRAM, PAGE_SIZE + 1);
	take(&runs[3], MEMORY_DRAM, 64);
	expect_eq(runs[2].start.addr - runs[1].start.addr, PAGE_SIZE);
	expect_eq(runs[3].start.addr - runs[2].start.addr, 2 * PAGE_SIZE);
	dma_free(&runs[2]);
	take(&runs[2], MEMORY_DRAM, 2 * PAGE_SIZE);
	expect_eq(runs[2].start.addr - runs[1].start.addr, PAGE_SIZE);
}

/* A device is to write there, so it is memory that may be written, or none. */
TEST(dma, permission)
{
	bool any = false;
	const struct region *region = NULL;

	if (!next_region(NULL, MEMORY_PERSISTENT))
		skip("the machine has no persistent memory");
	while ((region = next_region(region, MEMORY_PERSISTENT)))
		any |= region->writable;
	test_cleanup(free_runs, NULL);
	if (!any)
		expect_eq(dma_alloc(&runs[0], MEMORY_PERSISTENT, PAGE_SIZE), -EACCES);
	for (size_t i = 0; any && i < RUNS; i++) {
		int error = dma_alloc(&runs[i], MEMORY_PERSISTENT, AREA_SIZE);

		if (error)
			expect_eq(error, -ENOMEM);
		else
			expect(pfn_to_region(phys_to_pfn(runs[i].start))->writable);
	}
}

static struct dma_memory areas[512];

static void free_areas(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++)
		dma_free(&areas[i]);
}

/* When there is no more, that is an error, and what was given back can be had again. */
TEST(dma, no_more_memory)
{
	int error = 0;
	size_t nr = 0;

	require_writable(MEMORY_PERSISTENT);
	test_cleanup(free_areas, NULL);
	while (!error && nr < ARRAY_SIZE(areas))
		error = dma_alloc(&areas[nr++], MEMORY_PERSISTENT, AREA_SIZE);
	require(error == -ENOMEM && nr > 1);
	expect_eq(areas[nr - 1].bytes, 0);
	dma_free(&areas[0]);
	expect_eq(dma_alloc(&areas[0], MEMORY_PERSISTENT, AREA_SIZE), 0);
}
