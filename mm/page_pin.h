/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins without a call, of what I/O uses most: whole areas, in use and in no trouble. mm/page.h has
 * the model, and does the rest.
 *
 * A pin keeps the area whole, and so the word that counts it in its place: whoever returns the pin
 * need not look for the word again.
 */
#pragma once

#include "mm/page_map.h"
#include "mm/poison.h"

struct area_pin {
	_Atomic word_t *word; /* NULL: there is no pin */
};

/* Whether a handle is of a whole area: its size is the top bit. */
static inline bool page_is_area(const struct page *page)
{
	return (intptr_t)page < 0;
}

/* Pins the area of this word. False: it is not whole, or page_pin() has more to say. */
static inline bool area_word_pin(_Atomic word_t *word)
{
	word_t old = atomic_load(word);
	word_t next;

	return likely(!word_pin(old, &next) && atomic_compare_exchange_strong(word, &old, next));
}

/* The same by a handle of an area. */
static inline bool area_pin(const struct page *page, struct area_pin *pin)
{
	pin->word = managed_area_word(page_to_pfn(page));
	return area_word_pin(pin->word);
}

/* page_mark_dirty() */
static inline void area_mark_dirty(struct area_pin pin)
{
	if (unlikely(!(atomic_load(pin.word) & WORD_DIRTY)))
		atomic_fetch_or(pin.word, WORD_DIRTY);
}

/* True: the area is out of use, and area_settle() comes next. */
static inline bool area_unpin(struct area_pin pin) must_check;
static inline bool area_unpin(struct area_pin pin)
{
	return atomic_fetch_sub(pin.word, WORD_ONE_PIN) & WORD_POISONED;
}

static inline void area_settle(const struct page *page)
{
	poison_settle(page_to_pfn(page));
}

/* pfn_is_writable(), of which a CPU sees at once that it is. */
static inline bool pfn_is_surely_writable(pfn_t frame)
{
	return frame.n - page_map.protected_start.n >= page_map.protected_frames;
}
