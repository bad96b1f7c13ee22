/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/heap.h"

#include "kernel/layout.h"
#include "kernel/paging.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"

enum { FIRST_AREAS = 4 };

static uintptr_t used_end = HEAP;
static uintptr_t mapped_end = HEAP;

static bool add_area(void)
{
	pfn_t area;

	if (frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area))
		return false;
	if (paging_map(mapped_end, pfn_to_phys(area), AREA_SIZE, MAPPING_WRITE)) {
		/* Only the table was missing, so nothing is mapped and the area can go back. */
		if (frame_free(area, AREA_SIZE))
			host_panic("an area that nobody used cannot be freed");
		return false;
	}
	mapped_end += AREA_SIZE;
	return true;
}

void heap_init(void)
{
	for (int i = 0; i < FIRST_AREAS; i++)
		if (!add_area())
			host_panic("no memory for the heap: it begins with %d areas of 2 MiB",
				   FIRST_AREAS);
}

void *heap_extend(ptrdiff_t bytes)
{
	uintptr_t before = used_end;

	if (bytes < 0 ? (uintptr_t)-bytes > used_end - HEAP
		      : (uintptr_t)bytes > HEAP + HEAP_SIZE - used_end)
		return NULL;
	/* An area is not given back, so it is not taken for a request that cannot be met. */
	if (used_end + (uintptr_t)bytes > mapped_end + (frames_free(MEMORY_DRAM) << PAGE_SHIFT))
		return NULL;
	while (mapped_end < used_end + (uintptr_t)bytes)
		if (!add_area())
			return NULL;
	used_end += (uintptr_t)bytes;
	return (void *)before;
}

size_t heap_bytes(void)
{
	return mapped_end - HEAP;
}
