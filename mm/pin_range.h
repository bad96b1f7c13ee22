/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins for runs of memory that are longer than a page or begin somewhere within one: one pin for
 * each page that the run touches, whatever its size, so 2 MiB of a whole area cost one.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/segment.h"
#include "mm/types.h"

/*
 * Pins all pages that hold frames [start, start + frames) and adds these frames to the `nr`
 * segments of an array that has room for `max`, neighbours merged.
 * -EIO: a page cannot be pinned. -ENOSPC: no room for the segments. -EINVAL: no frames. After an
 * error nothing is pinned and no segment was added.
 */
int pin_range(pfn_t start, uint64_t frames, struct segment *segments, size_t *nr,
	      size_t max) must_check;

/* Takes the pins of such a run back; of one that was written meanwhile, with a note of that. */
void unpin_range(pfn_t start, uint64_t frames);
void unpin_range_dirty(pfn_t start, uint64_t frames);
