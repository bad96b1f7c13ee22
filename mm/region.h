/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region: a maximal run of managed memory of one kind. Discovery makes the list of regions once,
 * sorted by address and without overlaps; everything above only reads it. Ends need not be aligned
 * to areas, and two regions may meet inside one.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

enum memory_kind {
	MEMORY_DRAM,
	MEMORY_PERSISTENT,
	MEMORY_KINDS,
};

/* What still reaches the medium when the power fails (ACPI 6.5, 5.2.25.9). */
enum persistence_domain {
	PERSISTENCE_UNKNOWN,           /* firmware does not say: flush, fence, and assume ADR */
	PERSISTENCE_MEMORY_CONTROLLER, /* ADR: stores that left the CPU's caches */
	PERSISTENCE_CPU_CACHE,         /* eADR: stores that any CPU can see */
};

/* What has no node of its own belongs to this one. */
#define NODE_DEFAULT 0u

struct region {
	pfn_t start;
	pfn_t end; /* not part of it */
	enum memory_kind kind;
	uint32_t node; /* NUMA proximity domain (SRAT) */
	char name[12]; /* "dram0", "pmem0": numbered by address within the kind */

	/* The rest has meaning for persistent memory only. */
	uint32_t set; /* which interleave set of the inventory it is */
	enum persistence_domain domain;
	bool armed;    /* firmware promises to save it when the power fails */
	bool writable; /* the user permits it (write=); the page tables enforce it */
};

static inline uint64_t region_frames(const struct region *region)
{
	return pfn_distance(region->start, region->end);
}

static inline uint64_t region_bytes(const struct region *region)
{
	return region_frames(region) << PAGE_SHIFT;
}

static inline bool region_holds(const struct region *region, pfn_t frame)
{
	return !pfn_before(frame, region->start) && pfn_before(frame, region->end);
}

const char *memory_kind_name(enum memory_kind);
const char *persistence_domain_name(enum persistence_domain);

/* The region that holds a frame, or NULL. `regions` is sorted. */
const struct region *region_find(const struct region *regions, size_t nr, pfn_t frame);

/* NULL, or what makes the list unusable: an empty region, one out of order, or an overlap. */
const char *region_list_check(const struct region *regions, size_t nr);
