/* SPDX-License-Identifier: BSD-2-Clause */
/* What the allocator does to pages: taking them into use, keeping them at hand, giving them back.
 */
#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/page_map.h"

enum { STRAY_TRIES = 64 };

/*
 * A pin that went astray (mm/page.c) is undone within a few instructions. Nobody shall be told
 * that a page is held because of one.
 */
static int change_past_strays(_Atomic word_t *word, transition_t apply)
{
	int error = change_word(word, apply);

	for (int i = 0; error == -EBUSY && i < STRAY_TRIES; i++) {
		cpu_relax();
		error = change_word(word, apply);
	}
	return error;
}

int page_release(struct page *page)
{
	return change_past_strays(page_held_word(page, "page_release"), word_release);
}

int page_allocate_area(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen = area ? atomic_load(area) : WORD_ABSENT;
	word_t next;

	do {
		int error = seen & WORD_SPLIT ? -ESTALE : word_allocate(seen, 0, &next);

		if (error)
			return error;
	} while (!atomic_compare_exchange_weak(area, &seen, next));
	return 0;
}

_Atomic word_t *page_allocate_row(struct page *anchor, uint64_t *pages)
{
	unsigned own = page_to_pfn(anchor).n % PAGES_PER_ROW;
	_Atomic word_t *word = page_held_word(anchor, "page_allocate_row");
	_Atomic word_t *row = word - own;
	uint64_t others = *pages;
	word_t old = atomic_load(word);
	word_t next;

	do {
		if (word_allocate(old, 1, &next))
			return NULL;
	} while (!atomic_compare_exchange_weak(word, &old, next + WORD_ONE_PIN));
	/* Not under a collapse: the anchor's pin keeps the area split. */
	atomic_fetch_or(area_word(page_to_pfn(anchor)),
			word_touched(page_to_pfn(anchor).n % PAGES_PER_AREA - own) |
				word_touched(page_to_pfn(anchor).n % PAGES_PER_AREA - own +
					     PAGES_PER_TOUCHED));
	for (; others; others &= others - 1) {
		unsigned i = (unsigned)__builtin_ctzll(others);

		old = atomic_load_explicit(&row[i], memory_order_relaxed);
		if (word_allocate(old, 0, &next) ||
		    !atomic_compare_exchange_strong(&row[i], &old, next))
			*pages &= ~((uint64_t)1 << i);
	}
	return row;
}

/* word_reuse() by whoever has the only pin. */
static int reuse_held(word_t word, word_t *next)
{
	int error = word_reuse(word - WORD_ONE_PIN, next);

	if (!error)
		*next += WORD_ONE_PIN;
	return error;
}

int page_reuse_row(struct page *anchor, _Atomic word_t **words)
{
	_Atomic word_t *word = page_held_word(anchor, "page_reuse_row");

	*words = word - page_to_pfn(anchor).n % PAGES_PER_ROW;
	if (likely(atomic_load(word) == (WORD_ALLOCATED | WORD_ONE_PIN)))
		return 0;
	return change_past_strays(word, reuse_held);
}

uint64_t page_row_hint(pfn_t row)
{
	_Atomic word_t *area = area_word(row);
	word_t seen = area ? atomic_load(area) : 0;
	uint64_t pages = 0;

	if (!(seen & WORD_SPLIT))
		return 0;
	for (size_t i = 0; i < PAGES_PER_ROW; i++)
		if (!(atomic_load_explicit(page_word(seen, pfn_add(row, i)), memory_order_relaxed) &
		      WORD_TAKEN))
			pages |= (uint64_t)1 << i;
	return pages;
}

bool page_area_hint(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen = area ? atomic_load(area) : 0;

	for (size_t i = 1; (seen & WORD_SPLIT) && i <= PAGES_PER_AREA / 2; i++)
		if ((atomic_load_explicit(page_word(seen, pfn_add(frame, i)),
					  memory_order_relaxed) |
		     atomic_load_explicit(page_word(seen, pfn_add(frame, PAGES_PER_AREA - i)),
					  memory_order_relaxed)) &
		    WORD_TAKEN)
			return false;
	return seen & WORD_SPLIT;
}

int page_reuse(_Atomic word_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed) == WORD_ALLOCATED
		       ? 0
		       : change_past_strays(word, word_reuse);
}

/* word_disowned() by whoever has a pin, which is gone then. */
static int disown_held(word_t word, word_t *next)
{
	*next = word_disowned(word) - WORD_ONE_PIN;
	return 0;
}

/* What a page at hand may have that stays. */
#define KEPT_WHEN_DISOWNED word_disowned(~(word_t)0)

void page_disown_row(_Atomic word_t *words, uint64_t pages, size_t anchor)
{
	for (; pages; pages &= pages - 1)
		atomic_fetch_and(&words[__builtin_ctzll(pages)], KEPT_WHEN_DISOWNED);
	change_word(&words[anchor], disown_held);
}

void page_disown(pfn_t area)
{
	_Atomic word_t *word = area_word(area);

	/* Anybody may split or collapse what looks like an area in use. */
	for (size_t i = 0; i < PAGES_PER_AREA;) {
		struct page *page = page_hold(pfn_add(area, i), PAGE_SIZE);
		word_t seen = atomic_load(word);

		if (page) {
			atomic_fetch_and(page_held_word(page, "page_disown"), KEPT_WHEN_DISOWNED);
			page_unpin(page);
			i++;
		} else if (!(seen & WORD_SPLIT) &&
			   atomic_compare_exchange_strong(word, &seen, word_disowned(seen))) {
			return;
		}
	}
}
