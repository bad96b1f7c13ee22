/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking frames out of use, and into use again. */
#include "mm/poison.h"

#include <stdatomic.h>

#include "mm/bad_frames.h"
#include "mm/page.h"

/*
 * Pins a page of a split area, to poison it. A machine check may have interrupted a collapse of
 * this very area, so it does not wait for that to end: the mark that it sets on the area's word
 * dooms a collapse that is under way and keeps others from starting.
 * NULL: the area is whole.
 */
static _Atomic word_t *hold_to_poison(_Atomic word_t *area, pfn_t frame)
{
	for (word_t seen = atomic_load(area); seen & WORD_SPLIT; seen = atomic_load(area)) {
		_Atomic word_t *word = page_word(seen, frame);
		word_t old = atomic_load(word);
		word_t next;

		word_t marks = WORD_POISONED | word_touched(frame.n % PAGES_PER_AREA);

		if ((seen & marks) != marks) {
			atomic_compare_exchange_strong(area, &seen, seen | marks);
			continue;
		}
		if (word_hold(old, &next) || !atomic_compare_exchange_strong(word, &old, next))
			continue;
		if (((atomic_load(area) ^ seen) & ~((WORD_TOUCHED & ~marks) | WORD_COLLAPSING)) ==
		    0)
			return word;
		atomic_fetch_sub(word, WORD_ONE_PIN);
	}
	return NULL;
}

/* Takes the mark from an area without poisoned pages; a page of it is held. */
static void unmark(_Atomic word_t *area)
{
	word_t seen = atomic_load(area);

	for (;; cpu_relax()) {
		if (seen & WORD_COLLAPSING)
			seen = atomic_load(area);
		else if (atomic_compare_exchange_weak(area, &seen, seen & ~(word_t)WORD_POISONED))
			break;
	}
	/* A page that is poisoned at this moment gets its own mark first, then the area. */
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		if (atomic_load(page_word(seen, pfn(i))) & WORD_POISONED)
			atomic_fetch_or(area, WORD_POISONED);
}

void poison_sort(pfn_t area_start)
{
	_Atomic word_t *area = area_word(area_start);
	_Atomic word_t *held = hold_to_poison(area, area_start);
	_Atomic word_t *table;

	if (!held)
		return;
	table = page_word(atomic_load(area), area_start);
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		pfn_t frame = pfn_add(area_start, i);

		if (bad_frames_may_have(frame, pfn_add(frame, 1)))
			continue;
		atomic_fetch_and(&table[i], ~(word_t)WORD_POISONED);
		/* A frame is known to be bad before its page is marked: one of us sees the other.
		 */
		if (bad_frames_may_have(frame, pfn_add(frame, 1))) {
			atomic_fetch_or(&table[i], WORD_POISONED);
			atomic_fetch_or(area, WORD_POISONED);
		}
	}
	/* The frame that was meant may have been healed before its page was looked at. */
	unmark(area);
	atomic_fetch_sub(held, WORD_ONE_PIN);
}

void poison_settle(pfn_t area)
{
	/* Pinned again, split by somebody else, or no table: then the next one settles it. */
	(void)!page_split_area(area, SPLIT_ANY, TABLE_FOR_POISON);
}

int page_poison(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);

	if (!area || !pfn_to_page(frame))
		return -ENOENT;
	bad_frames_add(frame);
	for (;;) {
		_Atomic word_t *word = hold_to_poison(area, frame);
		word_t seen, next;
		int error;

		if (word) {
			atomic_fetch_or(word, WORD_POISONED);
			atomic_fetch_or(area, WORD_POISONED);
			atomic_fetch_sub(word, WORD_ONE_PIN);
			return 0;
		}
		seen = atomic_load(area);
		error = page_split_area(frame, SPLIT_ANY, TABLE_FOR_POISON);
		if (error == -ENOMEM)
			return error;
		if (error != -EBUSY || (seen & WORD_SPLIT))
			continue;
		/* Pinned: nobody may split it, so all of it goes out of use until it is not. */
		if (word_poison(seen, &next) == -EALREADY ||
		    (word_pins(seen) != 0 && atomic_compare_exchange_strong(area, &seen, next)))
			return 0;
	}
}

int page_unpoison(pfn_t frame)
{
	struct page *page;
	pfn_t start, end;

	if (!pfn_to_page(frame))
		return -ENOENT;
	bad_frames_remove(frame);
	page = page_hold(frame, 0);
	if (!page)
		return -EBUSY;
	start = page_to_pfn(page);
	end = pfn_add(start, page_size(page) >> PAGE_SHIFT);
	if (!bad_frames_may_have(start, end)) {
		_Atomic word_t *word = page_held_word(page, "page_unpoison");
		word_t old = atomic_fetch_and(word, ~(word_t)WORD_POISONED);

		/* A frame is known to be bad before its page is marked, as in poison_sort(). */
		if (bad_frames_may_have(start, end))
			atomic_fetch_or(word, WORD_POISONED);
		if (old & WORD_POISONED && page_size(page) == PAGE_SIZE)
			unmark(area_word(frame));
	}
	page_unpin(page);
	return 0;
}
