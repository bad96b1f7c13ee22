/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment: a run of physical memory as a device sees it, in bytes. It may begin anywhere in a
 * page and be longer than one; whoever makes it holds the pins.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

struct segment {
	phys_t start;
	size_t length; /* bytes, not 0 */
};

/*
 * Adds a run of memory to the `nr` segments of an array that has room for `max`. A run that begins
 * where the last segment ends makes that one longer. False: there is no room, nothing changed.
 */
bool segment_append(struct segment *segments, size_t *nr, size_t max, phys_t start,
		    size_t length) must_check;

/* Whether the two have a byte in common. */
bool segments_overlap(struct segment a, struct segment b) must_check;
