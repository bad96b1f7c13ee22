/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on pages. Each finds the word that describes the frame, asks a transition of
 * page_word.h for the next word, and swaps it in; if another CPU was faster it starts again.
 *
 * A table may leave its area (collapse) and join another one (split) between the look at the
 * area's word and the swap in the table. Tables out of use are FROZEN throughout, so that no swap
 * succeeds there; and after a swap the area's word is read again: if it still names the table, the
 * swap was in the right place, otherwise it is undone.
 */
#include "mm/page.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page_map.h"

/*
 * A handle: the frame's number, the page's size, and a mark that makes it no canonical address, so
 * that following it faults at once.
 */
#define HANDLE_MARK  ((uintptr_t)1 << 62)
#define HANDLE_SMALL ((uintptr_t)1)

_Static_assert(PFN_LIMIT << 1 < HANDLE_MARK, "a frame's number fits below the mark");

/* The page of this size that holds the frame. */
static struct page *handle_of(pfn_t frame, size_t size)
{
	pfn_t start = size == PAGE_SIZE ? frame : pfn_area(frame);

	return (struct page *)(HANDLE_MARK | start.n << 1 | (size == PAGE_SIZE ? HANDLE_SMALL : 0));
}

pfn_t page_to_pfn(const struct page *page)
{
	return pfn((uintptr_t)page << 2 >> 3);
}

size_t page_size(const struct page *page)
{
	return (uintptr_t)page & HANDLE_SMALL ? PAGE_SIZE : AREA_SIZE;
}

static void relax(void)
{
	__builtin_ia32_pause();
}

/* One word through one transition, whatever other CPUs do to it meanwhile. */
static int change_word(_Atomic word_t *word, transition_t apply)
{
	word_t old = atomic_load(word);
	word_t next;

	do {
		int error = apply(old, &next);

		if (error)
			return error;
	} while (!atomic_compare_exchange_weak(word, &old, next));
	return 0;
}

/* The size of what describes the frame while its area's word is `area`. */
static size_t size_in(word_t area)
{
	return area & WORD_SPLIT ? PAGE_SIZE : AREA_SIZE;
}

long page_change(pfn_t frame, size_t size, transition_t apply, transition_t undo)
{
	_Atomic word_t *area = area_word(frame);

	if (!area)
		return -ENOENT;
	for (;; relax()) {
		word_t seen = atomic_load(area);
		_Atomic word_t *word = seen & WORD_SPLIT ? page_word(seen, frame) : area;
		word_t old = seen & WORD_SPLIT ? atomic_load(word) : seen;
		word_t next;
		int error;

		if (size && size_in(seen) != size)
			return -ESTALE;
		error = apply(old, &next);
		if (error == -EAGAIN)
			continue;
		if (error) {
			if (word == area || atomic_load(area) == seen)
				return error;
			continue;
		}
		if (!atomic_compare_exchange_strong(word, &old, next))
			continue;
		if (word == area || atomic_load(area) == seen)
			return (long)size_in(seen);
		if (change_word(word, undo))
			host_panic("page map: a change in a table that left cannot be undone");
	}
}

/* What describes the frame, in one reading: its word and its size. 0 or -ENOENT. */
static int look(pfn_t frame, word_t *word, size_t *size)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen;

	if (!area)
		return -ENOENT;
	do {
		seen = atomic_load(area);
		*size = size_in(seen);
		*word = seen & WORD_SPLIT ? atomic_load(page_word(seen, frame)) : seen;
	} while (atomic_load(area) != seen);
	return *word & WORD_ABSENT ? -ENOENT : 0;
}

struct page *pfn_to_page(pfn_t frame)
{
	word_t word;
	size_t size;

	return look(frame, &word, &size) ? NULL : handle_of(frame, size);
}

int page_look(pfn_t frame, struct page_info *info)
{
	word_t word;
	size_t size;
	int error = look(frame, &word, &size);

	if (error)
		return error;
	*info = (struct page_info){
		.start = size == PAGE_SIZE ? frame : pfn_area(frame),
		.size = size,
		.pins = word_pins(word),
		.owner = word_owner(word),
		.locked = word & WORD_LOCKED,
		.dirty = word & WORD_DIRTY,
		.poisoned = word & WORD_POISONED,
		.allocated = word & WORD_ALLOCATED,
	};
	return 0;
}

struct page *page_pin(pfn_t frame)
{
	long size = page_change(frame, 0, word_pin, word_unpin);

	return size < 0 ? NULL : handle_of(frame, (size_t)size);
}

/*
 * The word behind a handle. A pin keeps it in its place; a handle without one that went stale is
 * the caller's mistake.
 */
static _Atomic word_t *held_word(const struct page *page, const char *what)
{
	pfn_t start = page_to_pfn(page);
	_Atomic word_t *area = area_word(start);
	word_t seen = area ? atomic_load(area) : 0;

	if (!area || size_in(seen) != page_size(page))
		host_panic("%s: no page of %zu bytes starts at %#llx; was it pinned?", what,
			   page_size(page), (unsigned long long)pfn_to_phys(start).addr);
	return seen & WORD_SPLIT ? page_word(seen, start) : area;
}

void page_unpin(struct page *page)
{
	if (change_word(held_word(page, "page_unpin"), word_unpin))
		host_panic("page_unpin: the page at %#llx is not pinned",
			   (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
}

bool page_trylock(struct page *page)
{
	int error = change_word(held_word(page, "page_trylock"), word_lock);

	if (error == -EINVAL)
		host_panic("page_trylock: the page at %#llx is not pinned",
			   (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
	return !error;
}

void page_unlock(struct page *page)
{
	if (change_word(held_word(page, "page_unlock"), word_unlock))
		host_panic("page_unlock: the page at %#llx is not locked",
			   (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
}

void page_mark_dirty(struct page *page)
{
	atomic_fetch_or(held_word(page, "page_mark_dirty"), WORD_DIRTY);
}

bool page_clear_dirty(struct page *page)
{
	word_t old = atomic_fetch_and(held_word(page, "page_clear_dirty"), ~(word_t)WORD_DIRTY);

	return old & WORD_DIRTY;
}

void page_set_owner(struct page *page, uint32_t owner)
{
	_Atomic word_t *word = held_word(page, "page_set_owner");
	word_t old = atomic_load(word);

	while (!atomic_compare_exchange_weak(word, &old, word_with_owner(old, owner)))
		;
}

struct page *page_hold(pfn_t start, size_t size)
{
	return page_change(start, size, word_hold, word_unpin) < 0 ? NULL : handle_of(start, size);
}

int page_release(struct page *page)
{
	return change_word(held_word(page, "page_release"), word_release);
}

enum which {
	ANY,
	FREE_ONLY,
};

/* Splits an area whose word allows it. 0: it is split and was not before. */
static int split_area(_Atomic word_t *area, enum which which, enum table_use use)
{
	word_t seen = atomic_load(area);
	struct page_table *table = NULL;
	word_t next;
	int error;

	for (;;) {
		error = word_split(seen, (uintptr_t)table, &next);
		if (!error && which == FREE_ONLY && !word_is_free(seen))
			error = -EBUSY;
		if (error)
			break;
		if (!table) {
			table = table_get(use);
			if (!table)
				return -ENOMEM;
			continue;
		}
		for (size_t i = 0; i < PAGES_PER_AREA; i++)
			atomic_store_explicit(&table->word[i], word_inherited(seen),
					      memory_order_relaxed);
		if (atomic_compare_exchange_strong(area, &seen, next))
			return 0;
		/* Nobody but a reader with a stale pointer can be in there, and it will undo. */
		for (size_t i = 0; i < PAGES_PER_AREA; i++)
			while (change_word(&table->word[i], word_retire))
				relax();
	}
	if (table)
		table_put(table);
	return error;
}

static int split(pfn_t frame, enum which which)
{
	_Atomic word_t *area = area_word(frame);
	word_t word;
	size_t size;
	int error;

	if (!area || look(frame, &word, &size))
		return -ENOENT;
	error = split_area(area, which, TABLE_FOR_SPLIT);
	return error == -EALREADY ? 0 : error;
}

int page_split(pfn_t frame)
{
	return split(frame, ANY);
}

int page_split_free(pfn_t frame)
{
	return split(frame, FREE_ONLY);
}

/* Holds one page still, if it is like the first. */
static int freeze(_Atomic word_t *word, word_t first)
{
	word_t old = atomic_load(word);
	word_t next;

	do {
		int error = word_freeze(old, first, &next);

		if (error)
			return error;
	} while (!atomic_compare_exchange_weak(word, &old, next));
	return 0;
}

static void thaw(struct page_table *table, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		atomic_fetch_and(&table->word[i], ~(word_t)WORD_FROZEN);
}

static int collapse(pfn_t frame, enum which which)
{
	_Atomic word_t *area = area_word(frame);
	struct page_table *table;
	word_t seen, first, whole;

	if (!area || !pfn_to_page(frame))
		return -ENOENT;
	seen = atomic_load(area);
	if (!(seen & WORD_SPLIT))
		return 0;
	if (seen & WORD_RAGGED)
		return -EINVAL;
	if (seen & WORD_POISONED)
		return -EIO;

	table = (struct page_table *)word_table(seen);
	first = atomic_load(&table->word[0]);
	if (which == FREE_ONLY && !word_is_free(first))
		return -EBUSY;
	whole = word_kinship(first);
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		int error = freeze(&table->word[i], first);

		if (error) {
			thaw(table, i);
			return error;
		}
		whole |= table->word[i] & WORD_DIRTY;
	}
	/* Fails if the area was poisoned or collapsed meanwhile: then this table stays as it is. */
	if (!atomic_compare_exchange_strong(area, &seen, whole)) {
		thaw(table, PAGES_PER_AREA);
		return -EBUSY;
	}
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		atomic_store_explicit(&table->word[i], WORD_FROZEN, memory_order_relaxed);
	table_put(table);
	return 0;
}

int page_collapse(pfn_t frame)
{
	return collapse(frame, ANY);
}

int page_collapse_free(pfn_t frame)
{
	return collapse(frame, FREE_ONLY);
}

int page_poison(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);

	if (!area || !pfn_to_page(frame))
		return -ENOENT;
	for (;;) {
		word_t seen = atomic_load(area);
		word_t next;
		int error;

		if (seen & WORD_SPLIT) {
			/* While the mark stands the area cannot collapse, and its table stays. */
			if (!(seen & WORD_POISONED)) {
				atomic_compare_exchange_strong(area, &seen, seen | WORD_POISONED);
				continue;
			}
			error = change_word(page_word(seen, frame), word_poison);
			if (atomic_load(area) == seen)
				return 0;
			/* The mark was taken away at the same time: was that still our table? */
			if (!error && change_word(page_word(seen, frame), word_unpoison))
				host_panic("page_poison: a stray mark is gone");
			continue;
		}
		error = split_area(area, ANY, TABLE_FOR_POISON);
		if (error == -ENOMEM)
			return error;
		if (error != -EBUSY)
			continue;
		/* Pinned: nobody may split it, so all of it goes out of use. */
		if (word_poison(seen, &next) == -EALREADY ||
		    atomic_compare_exchange_strong(area, &seen, next))
			return 0;
	}
}

int page_unpoison(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen;
	int error;

	if (!area || !pfn_to_page(frame))
		return -ENOENT;
	seen = atomic_load(area);
	if (!(seen & WORD_SPLIT)) {
		error = change_word(area, word_unpoison);
		return error == -EALREADY ? 0 : error;
	}
	error = change_word(page_word(seen, frame), word_unpoison);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		if (atomic_load(page_word(seen, pfn(i))) & WORD_POISONED)
			return error == -EALREADY ? 0 : error;
	/* If a page is being poisoned at this moment, page_poison() finds the mark gone. */
	atomic_compare_exchange_strong(area, &seen, seen & ~(word_t)WORD_POISONED);
	return 0;
}
