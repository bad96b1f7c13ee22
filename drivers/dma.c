/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/dma.h"

#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"

#include <errno.h>
#include <string.h>

enum { AREAS_MAX = 128 };

/* An area, and which of its pages are in use. */
static struct dma_area {
	struct page *page; /* pinned; NULL: none here */
	enum memory_kind kind;
	unsigned pages_used;
	bool used[PAGES_PER_AREA];
} areas[AREAS_MAX];

static size_t pages_of(size_t bytes)
{
	return align_up(bytes, PAGE_SIZE) / PAGE_SIZE;
}

/* The first run of unused pages that is long enough, or PAGES_PER_AREA. */
static size_t find_run(const struct dma_area *area, size_t pages)
{
	size_t run = 0;

	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		run = area->used[i] ? 0 : run + 1;
		if (run == pages)
			return i + 1 - pages;
	}
	return PAGES_PER_AREA;
}

static void take_run(struct dma_area *area, size_t first, size_t bytes, struct dma_memory *memory)
{
	size_t pages = pages_of(bytes);

	memset(area->used + first, true, pages);
	area->pages_used += (unsigned)pages;
	memory->start = phys_add(pfn_to_phys(page_to_pfn(area->page)), first * PAGE_SIZE);
	memory->virt = host_virt(memory->start);
	memory->bytes = bytes;
	memset(memory->virt, 0, pages * PAGE_SIZE);
}

/* Of persistent memory only what may be written will do. */
static int alloc_area(enum memory_kind kind, pfn_t *start)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);
	int result = -EACCES;

	if (kind == MEMORY_DRAM)
		return frame_alloc(kind, NODE_ANY, AREA_SIZE, start);
	for (size_t i = 0; i < nr && result; i++)
		if (regions[i].kind == kind && regions[i].writable)
			result = frame_alloc_area_in(&regions[i], start);
	return result;
}

static int add_area(struct dma_area *area, enum memory_kind kind)
{
	pfn_t start;
	int error = alloc_area(kind, &start);

	if (error)
		return error;
	area->page = page_pin(start);
	if (area->page)
		return 0;
	/* It was poisoned meanwhile, and is nobody's from now on. */
	(void)!frame_free(start, AREA_SIZE);
	return -ENOMEM;
}

int dma_alloc(struct dma_memory *memory, enum memory_kind kind, size_t bytes)
{
	struct dma_area *empty = NULL;
	int error;

	*memory = (struct dma_memory){.bytes = 0};
	if (bytes == 0 || bytes > AREA_SIZE)
		return -EINVAL;
	for (struct dma_area *area = areas; area < areas + AREAS_MAX; area++) {
		size_t first;

		if (!area->page && !empty)
			empty = area;
		if (!area->page || area->kind != kind)
			continue;
		first = find_run(area, pages_of(bytes));
		if (first < PAGES_PER_AREA) {
			take_run(area, first, bytes, memory);
			return 0;
		}
	}
	if (!empty)
		return -ENOMEM;
	error = add_area(empty, kind);
	if (error)
		return error;
	empty->kind = kind;
	take_run(empty, 0, bytes, memory);
	return 0;
}

void dma_free(struct dma_memory *memory)
{
	pfn_t start = pfn_area(phys_to_pfn(memory->start));
	size_t first = phys_to_pfn(memory->start).n % PAGES_PER_AREA;
	struct dma_area *area = areas;

	if (memory->bytes == 0)
		return;
	while (area < areas + AREAS_MAX && !(area->page && pfn_eq(page_to_pfn(area->page), start)))
		area++;
	if (area == areas + AREAS_MAX || !area->used[first])
		host_panic("dma: %#llx is given back and was not taken",
			   (unsigned long long)memory->start.addr);
	memset(area->used + first, false, pages_of(memory->bytes));
	area->pages_used -= (unsigned)pages_of(memory->bytes);
	*memory = (struct dma_memory){.bytes = 0};
	if (area->pages_used > 0)
		return;
	page_unpin(area->page);
	area->page = NULL;
	if (frame_free(start, AREA_SIZE))
		host_panic("dma: the area at %#llx is pinned by somebody else",
			   (unsigned long long)pfn_to_phys(start).addr);
}
