/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking frames out of use, and into use again.
 *
 * Whoever poisons a frame notes it in the list of bad frames first and marks its page then; whoever
 * heals takes it from the list first and looks at the page then. A page is out of use from the mark
 * until somebody found that none of its frames is in the list, and that nobody marked it meanwhile
 * (word_heal_begin() in page_word.h). So the mark of a bad frame's page is never away.
 */
#include "mm/poison.h"

#include <stdatomic.h>

#include "mm/bad_frames.h"
#include "mm/page.h"

/* Who is told of frames that came into use again. */
static void (*listener)(pfn_t);

void poison_init(void)
{
	bad_frames_init();
	listener = NULL;
}

void poison_set_listener(void (*healed)(pfn_t))
{
	listener = healed;
}

/*
 * One try to pin a page of a split area. A machine check may have interrupted a collapse of this
 * very area, so it does not wait for that to end: the mark that it sets on the area's word dooms a
 * collapse that is under way, and one that begins later takes the mark away and sees the pin.
 */
static bool try_hold_small(_Atomic word_t *area, word_t seen, pfn_t frame)
{
	word_t marks = WORD_POISONED | word_touched(frame.n % PAGES_PER_AREA);
	_Atomic word_t *word = page_word(seen, frame);
	word_t old = atomic_load(word);
	word_t next;

	if ((seen & marks) != marks) {
		atomic_compare_exchange_strong(area, &seen, seen | marks);
		return false;
	}
	if (word_hold(old, &next) || !atomic_compare_exchange_strong(word, &old, next))
		return false;
	if (((atomic_load(area) ^ seen) & ~((WORD_TOUCHED & ~marks) | WORD_COLLAPSING)) == 0)
		return true;
	atomic_fetch_sub(word, WORD_ONE_PIN);
	return false;
}

static bool try_hold_whole(_Atomic word_t *area, word_t seen)
{
	word_t next;

	return !word_hold(seen, &next) && atomic_compare_exchange_strong(area, &seen, next);
}

/* Like page_hold(), but waits for nobody, and so does for a machine check. */
static struct page *hold(pfn_t frame, size_t size)
{
	_Atomic word_t *area = area_word(frame);
	bool held;

	do {
		word_t seen = atomic_load(area);

		if (size && size_in(seen) != size)
			return NULL;
		held = seen & WORD_SPLIT ? try_hold_small(area, seen, frame)
					 : try_hold_whole(area, seen);
	} while (!held);
	return pfn_to_page(frame);
}

/*
 * Takes a page into use again if none of its frames [start, end) is bad. Whoever else looks at it
 * already does so once more instead. The caller holds the page, or another one of its area.
 */
static void heal(_Atomic word_t *word, pfn_t start, pfn_t end)
{
	word_t old = atomic_load(word);
	word_t next;
	int error;

	do {
		error = word_heal_begin(old, &next);
		if (error == -EALREADY)
			return;
		if (error)
			next = old | WORD_POISONED;
	} while (!atomic_compare_exchange_weak(word, &old, next));
	if (error)
		return;
	do {
		bool bad = bad_frames_may_have(start, end);

		old = atomic_load(word);
		do {
			error = word_heal_end(old, bad, &next);
			if (error)
				next = old & ~(word_t)WORD_POISONED;
		} while (!atomic_compare_exchange_weak(word, &old, next));
	} while (error);
}

static void heal_page(const struct page *page, _Atomic word_t *word)
{
	pfn_t start = page_to_pfn(page);

	heal(word, start, pfn_add(start, page_size(page) >> PAGE_SHIFT));
}

static void tell(pfn_t frame)
{
	if (listener)
		listener(frame);
}

void poison_sort(pfn_t area)
{
	struct page *page = hold(area, PAGE_SIZE);
	_Atomic word_t *table;

	/* Somebody else sorted it meanwhile, and it was collapsed. */
	if (!page)
		return;
	table = page_held_word(page, "poison_sort");
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		heal(&table[i], pfn_add(area, i), pfn_add(area, i + 1));
	page_unpin(page);
	tell(area);
}

void poison_settle(pfn_t area)
{
	/* Pinned again, split by somebody else, or no table: then the next one settles it. */
	(void)!page_split_area(area, SPLIT_ANY, TABLE_FOR_POISON);
}

int page_poison(pfn_t frame)
{
	_Atomic word_t *word;
	struct page *page;

	if (!pfn_to_page(frame))
		return -ENOENT;
	bad_frames_add(frame);
	/* CPU 0 is moving words, and marks it when that is done. */
	if (unlikely(atomic_load(&page_map.moving)))
		return 0;
	/* If it is pinned or there is no table, all of it goes out of use until it can be split. */
	(void)!page_split_area(frame, SPLIT_ANY, TABLE_FOR_POISON);
	page = hold(frame, 0);
	word = page_held_word(page, "page_poison");
	atomic_fetch_or(word, WORD_POISONED);
	/* Somebody who heals it at the same time may have looked already. */
	if (!bad_frames_may_have(frame, pfn_add(frame, 1)))
		heal_page(page, word);
	page_unpin(page);
	return 0;
}

int page_unpoison(pfn_t frame)
{
	struct page *page;

	if (!pfn_to_page(frame))
		return -ENOENT;
	bad_frames_remove(frame);
	page = page_hold(frame, 0);
	heal_page(page, page_held_word(page, "page_unpoison"));
	page_unpin(page);
	tell(frame);
	return bad_frames_overflowed() ? -ENOSPC : 0;
}
