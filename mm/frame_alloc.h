/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation of frames, 4 KiB and 2 MiB, by kind of memory and NUMA node, on the page descriptors:
 * a page can be had exactly when its descriptor says neither allocated, pinned, locked nor
 * poisoned.
 *
 * A request for 4 KiB takes a page of a split area if there is one and splits a whole area
 * otherwise. When the last page of an area becomes free the area is collapsed. Each CPU keeps some
 * free memory at hand, so that its usual requests meet no other CPU's.
 * Allocating persistent memory writes nothing to it, and permits nobody to.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/region.h"
#include "mm/types.h"

/* No preference. With a node given, another one is taken only when that node has none left. */
#define NODE_ANY UINT32_MAX

/* Bytes of state that frame_alloc_init() needs for these regions. */
size_t frame_alloc_size(const struct region *regions, size_t nr);

/*
 * Begins with all memory of the page map. `state` is PAGE_SIZE aligned, zeroed, frame_alloc_size()
 * long, and the allocator's from now on.
 */
void frame_alloc_init(void *state);

/*
 * Takes a naturally aligned run of `size` bytes, PAGE_SIZE or AREA_SIZE, out of the free memory.
 * Its contents are whatever they were. -ENOMEM, or -EINVAL for another size.
 */
int frame_alloc(enum memory_kind, uint32_t node, size_t size, pfn_t *start) must_check;

/*
 * Takes a whole area of this region, as a device needs it that may write to one region and not to
 * another. -ENOMEM.
 */
int frame_alloc_area_in(const struct region *, pfn_t *start) must_check;

/*
 * Gives back what frame_alloc() gave. 2 MiB may be given back in frames of 4 KiB, and 512 frames of
 * one area, if they have one owner, as 2 MiB.
 * -EBUSY: it is pinned or locked, and stays allocated. -EINVAL: not allocated, or another size.
 * -ENOMEM: part of a whole area, and no memory to split it.
 * While a CPU has the frame at hand, only that CPU finds out that it is given back a second time.
 */
int frame_free(pfn_t start, size_t size) must_check;

/*
 * Gives back what this CPU keeps at hand: frames of 8 to 256 rows of 64, by the size of memory, and
 * an area of each kind, which look allocated though frames_free() counts them, and spare tables.
 * For a CPU that becomes idle, and before the map is compared with what it was.
 */
void frame_alloc_flush(void);

/* Frames of a kind that are neither allocated nor poisoned, exact when nobody changes that. */
uint64_t frames_free(enum memory_kind);

/* Pins by which all CPUs keep frames at hand, exact when nobody changes that. */
uint64_t frame_alloc_pins(void);

/* Bytes that the allocator keeps for itself. */
size_t frame_alloc_bytes(void);
