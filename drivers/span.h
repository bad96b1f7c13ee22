/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of address ranges that are asked whether they touch another range, in log n steps. */
#pragma once

#include "mm/memory_map.h"
#include "mm/types.h"

struct span {
	uint64_t start;
	uint64_t end; /* not part of it; > start */
};

/* Of a length that may be 0 (false: nothing there) or wrap (it ends at the last address). */
static inline bool span_of(phys_t start, uint64_t length, struct span *span)
{
	span->start = start.addr;
	span->end = length > UINT64_MAX - start.addr ? UINT64_MAX : start.addr + length;
	return span->end > span->start;
}

/* The caller brings the room. Add all spans first, then prepare, then ask. */
struct span_set {
	struct span *spans;
	size_t nr;
};

static inline void span_set_add(struct span_set *set, phys_t start, uint64_t length)
{
	if (span_of(start, length, &set->spans[set->nr]))
		set->nr++;
}

void span_set_prepare(struct span_set *);
bool span_set_touches(const struct span_set *, struct span);
