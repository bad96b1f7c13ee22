/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dan Williams's proposal of 2015: a frame's number with flags beside it is the currency of I/O,
 * and there is no descriptor. Persistent memory is storage then, a device that is reached by
 * memcpy, and takes not a byte of metadata.
 *
 * There is nothing to count in, to lock with or to note in, so a pin leaves no trace anywhere: two
 * users of a frame cannot know of each other, and who frees it cannot know of either.
 */
#pragma once

#include "mm/schemes/scheme.h"

/* The flags of a page, which is a frame's number above them. */
enum {
	PAGE_LESS_DEVICE = 1 << 0, /* there is no descriptor behind it */
	PAGE_LESS_SHIFT = 4,
};

extern const struct scheme_ops page_less_scheme;
