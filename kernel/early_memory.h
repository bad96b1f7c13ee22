/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory before there is an allocator: the largest run of RAM between the kernel's image and 4 GiB
 * that is nobody else's, handed out from its top downwards and never given back. It holds page
 * tables and the descriptors; what is left of it at the close becomes ordinary memory.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/memory_map.h"
#include "mm/types.h"

/* Frames [start, end). */
struct early_run {
	pfn_t start, end;
};

/*
 * The largest run of whole frames within [floor, limit) that the map calls RAM and that neither a
 * range of another type nor one to avoid touches. Empty, with start equal to end, if there is
 * none. The ranges may be in any order, overlap and wrap; the type of those to avoid means nothing.
 */
struct early_run early_run_find(const struct memory_range *map, size_t nr,
				const struct memory_range *avoid, size_t nr_avoid, phys_t floor,
				phys_t limit);

/* Finds the run and opens it. Panics if there is none. */
void early_memory_init(const struct memory_range *map, size_t nr, const struct memory_range *avoid,
		       size_t nr_avoid);

/* All of it, handed out or not. */
struct early_run early_memory_run(void);

/* Bytes that are not handed out. */
size_t early_memory_left(void);

/*
 * Whole frames for `bytes`, with whatever contents they have. Panics when less is left.
 */
phys_t early_alloc_phys(size_t bytes);

/* The same, zeroed, and where host_virt() shows it: after paging_init(). */
void *early_alloc(size_t bytes);

/*
 * Gives up what was not handed out, but for a reserve of page tables and what it takes to begin
 * with a whole area. Says which frames stay taken; the rest of the run is free for others.
 */
struct early_run early_memory_close(void);
