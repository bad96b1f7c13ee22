/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Splitting and collapsing. Whoever fills or clears a table that changes hands does so by adding
 * and subtracting, never by storing: a pin gone astray is still there afterwards, to be undone.
 */
#include <stdatomic.h>

#include "mm/page.h"
#include "mm/page_map.h"
#include "mm/poison.h"

/*
 * Adds to every word of a table, which is zero but for pins that went astray: they are still there
 * afterwards, for their owners to undo.
 */
static void fill(struct page_table *table, word_t word)
{
	for (size_t i = 0; word && i < PAGES_PER_AREA; i++)
		atomic_fetch_add(&table->word[i], word);
}

int page_split_area(pfn_t frame, enum split_which which, enum table_use use)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen = atomic_load(area);
	struct page_table *table = NULL;
	word_t next;
	int error;

	for (;;) {
		error = word_split(seen, (uintptr_t)table, &next);
		if (!error && which == SPLIT_FREE && !word_is_free(seen))
			error = -EBUSY;
		if (error)
			break;
		if (!table) {
			table = table_get(use);
			if (!table)
				return -ENOMEM;
			continue;
		}
		word_t inherited = word_inherited(seen);

		fill(table, inherited);
		if (atomic_compare_exchange_strong(area, &seen, next)) {
			if (seen & WORD_POISONED)
				poison_sort(pfn_area(frame));
			return 0;
		}
		fill(table, -inherited);
	}
	if (table)
		table_put(table, use);
	return error;
}

static __attribute__((noinline)) int split_slowly(pfn_t frame, enum split_which which)
{
	int error = pfn_to_page(frame) ? page_split_area(frame, which, TABLE_FOR_SPLIT) : -ENOENT;

	return error == -EALREADY ? 0 : error;
}

/* The usual area is whole, free and clean, which is zero, and so is the table that it gets. */
static inline int split(pfn_t frame, enum split_which which)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen = area ? atomic_load(area) : WORD_ABSENT;
	struct page_table *table = likely(seen == 0) ? table_at_hand() : NULL;
	word_t next;

	if (unlikely(!table))
		return split_slowly(frame, which);
	if (likely(!word_split(0, (uintptr_t)table, &next) &&
		   atomic_compare_exchange_strong(area, &seen, next)))
		return 0;
	table_put(table, TABLE_FOR_SPLIT);
	return split_slowly(frame, which);
}

int page_split(pfn_t frame)
{
	return split(frame, SPLIT_ANY);
}

int page_split_free(pfn_t frame)
{
	return split(frame, SPLIT_FREE);
}

static word_t peek(const _Atomic word_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* All that eight words have set, as a tree: a chain would take three times as long. */
static word_t any_of_eight(const _Atomic word_t *word)
{
	return ((peek(&word[0]) | peek(&word[1])) | (peek(&word[2]) | peek(&word[3]))) |
	       ((peek(&word[4]) | peek(&word[5])) | (peek(&word[6]) | peek(&word[7])));
}

/* Whether every word of a table is zero, by the parts of it that were touched. */
static bool is_zero(const struct page_table *table, word_t area)
{
	word_t any = 0;

	for (uint64_t parts = area >> TOUCHED_SHIFT; parts; parts &= parts - 1) {
		size_t first = (size_t)__builtin_ctzll(parts) * PAGES_PER_TOUCHED;

		for (size_t i = first; i < first + PAGES_PER_TOUCHED; i += 8)
			any |= any_of_eight(&table->word[i]);
	}
	return any == 0;
}

/*
 * What the pages of a split area are together: the word of a whole area, or why they cannot be
 * one.
 */
static int join(word_t area, enum split_which which, word_t *whole)
{
	const struct page_table *table = (const struct page_table *)word_table(area);
	word_t first = atomic_load(&table->word[0]);

	*whole = 0;
	if (is_zero(table, area))
		return 0;
	if (which == SPLIT_FREE && !word_is_free(first))
		return -EBUSY;
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		word_t word = atomic_load(&table->word[i]);
		int error = word_can_join(word, first);

		if (error)
			return error;
		*whole |= word;
	}
	return 0;
}

/* Takes what the pages had out of a table that left its area; pins gone astray stay. */
static void clear(struct page_table *table)
{
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		word_t word = atomic_load(&table->word[i]) & ~WORD_PINS;

		if (word)
			atomic_fetch_sub(&table->word[i], word);
	}
}

static int collapse(pfn_t frame, enum split_which which)
{
	_Atomic word_t *area = area_word(frame);
	struct page_table *table;
	word_t seen, marked, whole;
	int error;

	if (!area)
		return -ENOENT;
	seen = atomic_load(area);
	if (!(seen & WORD_SPLIT))
		return seen & WORD_ABSENT ? -ENOENT : 0;
	if (seen & WORD_RAGGED)
		return pfn_to_page(frame) ? -EINVAL : -ENOENT;
	if (seen & WORD_COLLAPSING)
		return -EBUSY;

	marked = (seen & ~(word_t)WORD_POISONED) | WORD_COLLAPSING;
	if (!atomic_compare_exchange_strong(area, &seen, marked))
		return -EBUSY;
	error = join(marked, which, &whole);
	table = (struct page_table *)word_table(marked);
	/* Fails if the area was poisoned meanwhile. */
	if (!error && !atomic_compare_exchange_strong(area, &marked, whole))
		error = -EIO;
	if (error) {
		atomic_fetch_and(area, ~(word_t)WORD_COLLAPSING);
		return error;
	}
	if (whole)
		clear(table);
	table_put(table, TABLE_FOR_SPLIT);
	return 0;
}

int page_collapse(pfn_t frame)
{
	return collapse(frame, SPLIT_ANY);
}

int page_collapse_free(pfn_t frame)
{
	return collapse(frame, SPLIT_FREE);
}
