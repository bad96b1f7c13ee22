/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/segment.h"

bool segment_append(struct segment *segments, size_t *nr, size_t max, phys_t start, size_t length)
{
	if (*nr > 0) {
		struct segment *last = &segments[*nr - 1];

		if (phys_add(last->start, last->length).addr == start.addr) {
			last->length += length;
			return true;
		}
	}
	if (*nr == max)
		return false;
	segments[(*nr)++] = (struct segment){start, length};
	return true;
}

bool segments_overlap(struct segment a, struct segment b)
{
	return a.start.addr < b.start.addr + b.length && b.start.addr < a.start.addr + a.length;
}
