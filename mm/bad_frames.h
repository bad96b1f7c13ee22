/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frames that are known to be bad, whatever size of page describes them: an area that is pinned
 * in whole goes out of use in whole, and this says which frame of it was meant.
 *
 * From any CPU and any context, a machine check included; nothing waits.
 */
#pragma once

#include "mm/types.h"

enum { BAD_FRAMES_MAX = 256 };

/* Forgets all. */
void bad_frames_init(void);

/* One that is there already, or finds no room, is not added. */
void bad_frames_add(pfn_t);
void bad_frames_remove(pfn_t);

/* Whether there was no room for all: then nobody knows any more which frames are bad. */
bool bad_frames_overflowed(void);

/* Calls fn() with each that is there. One that comes meanwhile may be missed. */
void bad_frames_each(void (*fn)(pfn_t));

/* Whether one of [start, end) is bad, or may be: there was no room for all. */
bool bad_frames_may_have(pfn_t start, pfn_t end);
