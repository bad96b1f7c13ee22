/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 64-bit word that describes an area or a page, and every change it can go through.
 *
 *	 63            32 31        12 11     0
 *	|     owner      |    pins    | flags  |	a whole area, or a page of 4 KiB
 *	| touched | address of the table | flags |	a split area: 16, 36 and 12 bits
 *
 * All zero is the usual state: present, free, clean, unpinned. Each transition is a pure function
 * from a word to a word: it returns 0 and sets *next, or a negative errno and leaves it alone. They
 * are applied by compare-and-swap in page.c and know nothing of memory order or of other words.
 */
#pragma once

#include <errno.h>

#include "mm/compiler.h"
#include "mm/types.h"

typedef uint64_t word_t;

enum word_flag {
	WORD_SPLIT = 1 << 0,      /* area: described by 512 words in a table */
	WORD_RAGGED = 1 << 1,     /* area: split for good, one region does not fill it */
	WORD_LOCKED = 1 << 2,     /* by somebody who holds a pin */
	WORD_DIRTY = 1 << 3,      /* written since the note was last taken away */
	WORD_POISONED = 1 << 4,   /* out of use; split area: see poison.h */
	WORD_ALLOCATED = 1 << 5,  /* handed out by the frame allocator */
	WORD_ABSENT = 1 << 6,     /* in no region */
	WORD_COLLAPSING = 1 << 7, /* area: split, and somebody looks whether it can be whole */
	WORD_HEALING = 1 << 8,    /* out of use, and somebody looks whether it has to be */
};

#define WORD_OUT_OF_USE ((word_t)(WORD_POISONED | WORD_HEALING))

/* What keeps a page from being free, whoever holds it for how long. */
#define WORD_TAKEN (WORD_OUT_OF_USE | (word_t)(WORD_ALLOCATED | WORD_ABSENT))

#define WORD_FLAGS       ((word_t)0xfff)
#define WORD_PIN_SHIFT   12
#define WORD_ONE_PIN     ((word_t)1 << WORD_PIN_SHIFT)
#define WORD_PINS        ((word_t)0xfffff << WORD_PIN_SHIFT)
#define WORD_OWNER_SHIFT 32

/*
 * Pins of users. There is room above for the one that each CPU, and a machine check on it, holds
 * for a moment to change a word: those are never refused.
 */
#define WORD_PINS_MAX ((1u << 20) - 1 - 1024)

_Static_assert((WORD_PINS >> WORD_PIN_SHIFT) >= WORD_PINS_MAX + 1024, "room for short holds");
_Static_assert((WORD_PINS & WORD_FLAGS) == 0, "pins and flags do not overlap");

static inline uint32_t word_pins(word_t word)
{
	return (uint32_t)((word & WORD_PINS) >> WORD_PIN_SHIFT);
}

static inline uint32_t word_owner(word_t word)
{
	return (uint32_t)(word >> WORD_OWNER_SHIFT);
}

/*
 * In a split area's word a bit for each 32 pages: whether any of them may be other than zero. A
 * bit is set before the first of them is, so that a collapse has to look at these parts only.
 */
enum { TOUCHED_SHIFT = 48, PAGES_PER_TOUCHED = 32 };

#define WORD_TOUCHED (~(word_t)0 << TOUCHED_SHIFT)
#define WORD_TABLE   (~WORD_TOUCHED & ~WORD_FLAGS)

/* The bit for page number `index` of the area. */
static inline word_t word_touched(size_t index)
{
	return (word_t)1 << (TOUCHED_SHIFT + index / PAGES_PER_TOUCHED);
}

/* The table of a split area: canonical addresses repeat bit 47 above it. */
static inline uintptr_t word_table(word_t word)
{
	return (uintptr_t)((int64_t)(word << 16) >> 16) & ~WORD_FLAGS;
}

/* Neither in use nor out of use: what the allocator may take. */
static inline bool word_is_free(word_t word)
{
	return (word & (WORD_PINS | (WORD_FLAGS & ~(word_t)WORD_DIRTY))) == 0;
}

/* -EAGAIN: it is not this word that describes the frame now. */
static inline int word_pin(word_t word, word_t *next)
{
	/* The usual case, in two comparisons: the pins are the top of the word's lower half. */
	if (likely(!(word & (WORD_SPLIT | WORD_ABSENT | WORD_OUT_OF_USE)) &&
		   (uint32_t)word < WORD_PINS_MAX << WORD_PIN_SHIFT)) {
		*next = word + WORD_ONE_PIN;
		return 0;
	}
	if (word & WORD_SPLIT)
		return -EAGAIN;
	if (word & WORD_ABSENT)
		return -ENOENT;
	return word & WORD_OUT_OF_USE ? -EIO : -EOVERFLOW;
}

/* -EINVAL: there is no pin to return. */
static inline int word_unpin(word_t word, word_t *next)
{
	if ((word & (WORD_SPLIT | WORD_ABSENT)) || word_pins(word) == 0)
		return -EINVAL;
	*next = word - WORD_ONE_PIN;
	return 0;
}

static inline int word_lock(word_t word, word_t *next)
{
	if (word_pins(word) == 0)
		return -EINVAL;
	if (word & WORD_LOCKED)
		return -EBUSY;
	*next = word | WORD_LOCKED;
	return 0;
}

static inline int word_unlock(word_t word, word_t *next)
{
	if (!(word & WORD_LOCKED))
		return -EINVAL;
	*next = word & ~(word_t)WORD_LOCKED;
	return 0;
}

static inline word_t word_with_owner(word_t word, uint32_t owner)
{
	return (word & (WORD_PINS | WORD_FLAGS)) | (word_t)owner << WORD_OWNER_SHIFT;
}

/*
 * Poison is taken away in two steps, and in between somebody looks whether the page is still bad.
 * Who poisons it marks it whatever it is, and so does who wants another to look:
 *
 *	poisoned --begin--> healing --end--> in use, or poisoned
 *	                     |  ^
 *	                mark v  | look again
 *	                  healing, poisoned
 *
 * So the page is out of use all the time, and what is marked after a look began is looked at.
 * -EALREADY: it is in use. -EBUSY: another one is looking.
 */
static inline int word_heal_begin(word_t word, word_t *next)
{
	if (word & WORD_HEALING)
		return -EBUSY;
	if (!(word & WORD_POISONED))
		return -EALREADY;
	*next = (word & ~WORD_OUT_OF_USE) | WORD_HEALING;
	return 0;
}

/* -EAGAIN: it was marked meanwhile. */
static inline int word_heal_end(word_t word, bool bad, word_t *next)
{
	if (word & WORD_POISONED)
		return -EAGAIN;
	*next = (word & ~WORD_OUT_OF_USE) | (bad ? WORD_POISONED : 0);
	return 0;
}

/*
 * A free page is handed out, clean and without an owner. `pins` is how many the caller holds: the
 * page of a split area is taken by a pin first, a whole area at once.
 * -EBUSY: it is not free, or somebody else holds it.
 */
static inline int word_allocate(word_t word, uint32_t pins, word_t *next)
{
	if (word_pins(word) != pins || !word_is_free(word & ~WORD_PINS))
		return -EBUSY;
	*next = WORD_ALLOCATED;
	return 0;
}

/*
 * A pin for a moment, to change a page, out of use or not. Room for it is kept: nothing refuses it
 * but the page's absence.
 */
static inline int word_hold(word_t word, word_t *next)
{
	if (word & WORD_SPLIT)
		return -EAGAIN;
	if (word & WORD_ABSENT)
		return -ENOENT;
	if (word_pins(word) == WORD_PINS >> WORD_PIN_SHIFT)
		return -EOVERFLOW;
	*next = word + WORD_ONE_PIN;
	return 0;
}

/* A pin for whoever wants to allocate: a page in use is not disturbed, not even for a moment. */
static inline int word_pin_free(word_t word, word_t *next)
{
	if (word & WORD_SPLIT)
		return -EAGAIN;
	if (!word_is_free(word))
		return -EBUSY;
	*next = word + WORD_ONE_PIN;
	return 0;
}

/*
 * Gives a page back, and with it the caller's pin; a poisoned one stays out of use.
 * -EINVAL: it was not allocated. -EBUSY: somebody else holds it.
 */
static inline int word_release(word_t word, word_t *next)
{
	if (!(word & WORD_ALLOCATED))
		return -EINVAL;
	if ((word & WORD_LOCKED) || word_pins(word) != 1)
		return -EBUSY;
	*next = word & WORD_OUT_OF_USE;
	return 0;
}

/*
 * What an allocated page becomes that its user is done with and the allocator keeps at hand: clean
 * and without an owner. -EINVAL: not allocated. -EBUSY: held. -EIO: poisoned, not to be used again.
 */
static inline int word_reuse(word_t word, word_t *next)
{
	if ((word & WORD_SPLIT) || !(word & WORD_ALLOCATED))
		return -EINVAL;
	if (word_pins(word) != 0 || (word & WORD_LOCKED))
		return -EBUSY;
	if (word & WORD_OUT_OF_USE)
		return -EIO;
	*next = WORD_ALLOCATED;
	return 0;
}

/* A page that the allocator kept at hand is free again, held or not. */
static inline word_t word_disowned(word_t word)
{
	return word & (WORD_PINS | WORD_OUT_OF_USE | (word_t)WORD_LOCKED);
}

/* What each of the 512 pages inherits from the whole area at a split. */
static inline word_t word_inherited(word_t whole)
{
	return whole & ~(WORD_PINS | WORD_LOCKED);
}

/* An area's word once `table`, page aligned, describes it. */
static inline int word_split(word_t word, uintptr_t table, word_t *next)
{
	if (word & WORD_ABSENT)
		return -ENOENT;
	if (word & WORD_SPLIT)
		return -EALREADY;
	if ((word & WORD_LOCKED) || word_pins(word) != 0)
		return -EBUSY;
	*next = (table & WORD_TABLE) | WORD_SPLIT | (word & WORD_POISONED) |
		(word_inherited(word) ? WORD_TOUCHED : 0);
	return 0;
}

/* What the 512 pages of a table must agree on to become one. */
static inline word_t word_kinship(word_t word)
{
	return word & ~(word_t)WORD_DIRTY;
}

/*
 * Whether a page with this word can become part of a whole area. `first` is the word of its
 * table's first page. -EBUSY: it is pinned, locked, or differs from the first. -EIO: poisoned.
 */
static inline int word_can_join(word_t word, word_t first)
{
	if (word_pins(word) != 0 || (word & WORD_LOCKED))
		return -EBUSY;
	if (word & WORD_OUT_OF_USE)
		return -EIO;
	return word_kinship(word) == word_kinship(first) ? 0 : -EBUSY;
}
