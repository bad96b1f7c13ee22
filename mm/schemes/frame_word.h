/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of one frame in schemes that have a descriptor for each:
 *
 *	 63          24 23      4 3    0
 *	|   changes    |   pins  | flags |
 *
 * Every change counts itself in the same compare-and-swap or addition that makes it, so that what a
 * medium had to take is known exactly and costs a rival nothing to tell.
 */
#pragma once

#include <errno.h>
#include <stdatomic.h>

#include "mm/compiler.h"
#include "mm/host.h"
#include "mm/types.h"

typedef _Atomic uint64_t frame_word_t;

enum {
	FRAME_LOCKED = 1 << 0,
	FRAME_DIRTY = 1 << 1,
	FRAME_BAD = 1 << 2,
};

#define FRAME_PIN_SHIFT    4
#define FRAME_ONE_PIN      ((uint64_t)1 << FRAME_PIN_SHIFT)
#define FRAME_PINS         ((uint64_t)0xfffff << FRAME_PIN_SHIFT)
#define FRAME_CHANGE_SHIFT 24
#define FRAME_ONE_CHANGE   ((uint64_t)1 << FRAME_CHANGE_SHIFT)

static inline unsigned frame_word_pins(uint64_t word)
{
	return (unsigned)((word & FRAME_PINS) >> FRAME_PIN_SHIFT);
}

static inline uint64_t frame_word_changes(uint64_t word)
{
	return word >> FRAME_CHANGE_SHIFT;
}

/* -EIO: the frame is bad. -EOVERFLOW: no room for one more. */
must_check static inline int frame_word_pin(frame_word_t *word)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	do {
		if (unlikely(old & FRAME_BAD))
			return -EIO;
		if (unlikely((old & FRAME_PINS) == FRAME_PINS))
			return -EOVERFLOW;
	} while (!atomic_compare_exchange_weak(word, &old, old + FRAME_ONE_PIN + FRAME_ONE_CHANGE));
	return 0;
}

static inline void frame_word_unpin(frame_word_t *word)
{
	uint64_t old = atomic_fetch_add(word, FRAME_ONE_CHANGE - FRAME_ONE_PIN);

	if (unlikely(!(old & FRAME_PINS)))
		host_panic("a frame is unpinned that is not pinned (word %#llx)",
			   (unsigned long long)old);
}

/* The same of a frame that was written meanwhile, in one change. */
static inline void frame_word_unpin_dirty(frame_word_t *word)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	do {
		if (unlikely(!(old & FRAME_PINS)))
			host_panic("a frame is unpinned that is not pinned (word %#llx)",
				   (unsigned long long)old);
	} while (!atomic_compare_exchange_weak(
		word, &old, (old | FRAME_DIRTY) + FRAME_ONE_CHANGE - FRAME_ONE_PIN));
}

/* Sets a flag: true. False: it was set, and nothing is stored. */
static inline bool frame_word_set(frame_word_t *word, uint64_t flag)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	do {
		if (old & flag)
			return false;
	} while (!atomic_compare_exchange_weak(word, &old, (old | flag) + FRAME_ONE_CHANGE));
	return true;
}

/* Takes a flag away: true. False: it was not set, and nothing is stored. */
static inline bool frame_word_clear(frame_word_t *word, uint64_t flag)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	do {
		if (!(old & flag))
			return false;
	} while (!atomic_compare_exchange_weak(word, &old, (old & ~flag) + FRAME_ONE_CHANGE));
	return true;
}
