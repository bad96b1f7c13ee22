/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/span.h"
#include "drivers/heap_sort.h"

static int by_start(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	return (a->start > b->start) - (a->start < b->start);
}

/*
 * Sorts by start and raises each end to the highest end so far. The spans that start before a range
 * ends are then the first few, and one of them reaches into the range exactly if the last one's
 * raised end does.
 */
void span_set_prepare(struct span_set *set)
{
	heap_sort(set->spans, set->nr, sizeof(*set->spans), by_start);
	for (size_t i = 1; i < set->nr; i++) {
		if (set->spans[i].end < set->spans[i - 1].end)
			set->spans[i].end = set->spans[i - 1].end;
	}
}

bool span_set_touches(const struct span_set *set, struct span range)
{
	size_t low = 0;
	size_t high = set->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->spans[middle].start < range.end)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && set->spans[low - 1].end > range.start;
}
