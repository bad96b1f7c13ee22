/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of one frame in schemes that have a descriptor for each:
 *
 *	 63          24 23      4 3    0
 *	|   changes    |   pins  | flags |
 *
 * Every change counts itself in the same compare-and-swap or addition that makes it, so that what a
 * medium had to take is known exactly and costs a rival nothing to tell.
 *
 * A pin is added before anybody knows whether the frame may be pinned: one locked addition, with no
 * load that would fetch the line once more. If it may not, the pin is taken back, which is a change
 * of its own; the upper half of the count is for pins that are about to be taken back.
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
#define FRAME_PINS_MAX     ((uint64_t)1 << 19) /* that bit of the count says that it is full */
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

/* Takes back a pin that should not be: of a bad frame, or of one that is full. */
static inline int frame_word_refuse(frame_word_t *word, uint64_t old)
{
	atomic_fetch_add(word, FRAME_ONE_CHANGE - FRAME_ONE_PIN);
	return old & FRAME_BAD ? -EIO : -EOVERFLOW;
}

/* -EIO: the frame is bad. -EOVERFLOW: FRAME_PINS_MAX pins are all that there can be. */
must_check static inline int frame_word_pin(frame_word_t *word)
{
	uint64_t old = atomic_fetch_add(word, FRAME_ONE_CHANGE + FRAME_ONE_PIN);

	if (unlikely(old & (FRAME_BAD | FRAME_PINS_MAX << FRAME_PIN_SHIFT)))
		return frame_word_refuse(word, old);
	return 0;
}

/* Returns a pin; of a frame that was `written` meanwhile with that note, in one change. */
static inline void frame_word_unpin(frame_word_t *word, bool written)
{
	uint64_t old;

	if (written) {
		old = atomic_load_explicit(word, memory_order_relaxed);
		while (!atomic_compare_exchange_weak(
			word, &old, (old | FRAME_DIRTY) + FRAME_ONE_CHANGE - FRAME_ONE_PIN))
			;
	} else {
		old = atomic_fetch_add(word, FRAME_ONE_CHANGE - FRAME_ONE_PIN);
	}
	if (unlikely(!(old & FRAME_PINS)))
		host_panic("a frame is unpinned that is not pinned (word %#llx)",
			   (unsigned long long)old);
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
