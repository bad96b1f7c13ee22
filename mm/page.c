/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations on pages. Each finds the word that describes the frame, asks a transition of
 * page_word.h for the next word, and swaps it in; if another CPU was faster it starts again.
 *
 * A table may leave its area (collapse) and join another one (split) between the look at the
 * area's word and the swap in the table. So after a swap in a table the area's word is read again:
 * if it still names the table and nobody wants to collapse it, the swap was in the right place and
 * the collapse will see it; otherwise it is undone. Swaps are full fences, as is the mark that a
 * collapse sets before it reads the table, so that one of the two always sees the other.
 *
 * A table stays a table for good, so a swap that goes astray hits a page's word and nothing else,
 * and whoever fills or clears a table does it by adding and subtracting, never by storing, so that
 * undoing stays possible. Tables out of use are zero.
 */
#include "mm/page.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page_map.h"

_Static_assert(PFN_LIMIT << 1 < PAGE_HANDLE_MARK, "a frame's number fits below the mark");

/* The page of this size that holds the frame. */
static struct page *handle_of(pfn_t frame, size_t size)
{
	pfn_t start = size == PAGE_SIZE ? frame : pfn_area(frame);

	return (struct page *)(PAGE_HANDLE_MARK | start.n << 1 |
			       (size == PAGE_SIZE ? PAGE_HANDLE_SMALL : 0));
}

static void relax(void)
{
	__builtin_ia32_pause();
}

typedef int (*transition_t)(word_t word, word_t *next);

/* One word through one transition, whatever other CPUs do to it meanwhile. */
static inline int change_word(_Atomic word_t *word, transition_t apply)
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

/* A split area still has the table that was seen, and nobody wants to take it away. */
static bool still_split(_Atomic word_t *area, word_t seen)
{
	word_t now = atomic_load(area);

	return ((now ^ seen) & ~(word_t)WORD_POISONED) == 0 && !(now & WORD_COLLAPSING);
}

/*
 * One try to pin a page of a split area. `apply` is word_pin or word_hold.
 * -EAGAIN: once more, from the area's word on.
 */
static inline int pin_in_table(_Atomic word_t *area, word_t seen, pfn_t frame, transition_t apply)
{
	_Atomic word_t *word = page_word(seen, frame);
	word_t old = atomic_load(word);
	word_t next;
	int error = seen & WORD_COLLAPSING ? -EAGAIN : apply(old, &next);

	if (error)
		return still_split(area, seen) ? error : -EAGAIN;
	if (!atomic_compare_exchange_strong(word, &old, next))
		return -EAGAIN;
	if (still_split(area, seen))
		return 0;
	atomic_fetch_sub(word, WORD_ONE_PIN);
	return -EAGAIN;
}

/* Pins the page of this size, 0 meaning either, that holds the frame. */
static inline struct page *pin(pfn_t frame, size_t size, transition_t apply)
{
	_Atomic word_t *area = area_word(frame);

	if (!area)
		return NULL;
	for (;; relax()) {
		word_t seen = atomic_load(area);
		word_t next;
		int error;

		if (size && size_in(seen) != size)
			return NULL;
		if (seen & WORD_SPLIT) {
			error = pin_in_table(area, seen, frame, apply);
		} else {
			error = apply(seen, &next);
			if (!error && !atomic_compare_exchange_strong(area, &seen, next))
				error = -EAGAIN;
		}
		if (!error)
			return handle_of(frame, size_in(seen));
		if (error != -EAGAIN)
			return NULL;
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
	return pin(frame, 0, word_pin);
}

struct page *page_hold(pfn_t start, size_t size)
{
	return pin(start, size, word_hold);
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
	word_t old = atomic_fetch_sub(held_word(page, "page_unpin"), WORD_ONE_PIN);

	if (unlikely(word_pins(old) == 0))
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

static int allocate_pinned(word_t word, word_t *next)
{
	return word_allocate(word, 1, next);
}

int page_allocate(struct page *page)
{
	return change_word(held_word(page, "page_allocate"), allocate_pinned);
}

int page_release(struct page *page)
{
	return change_word(held_word(page, "page_release"), word_release);
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
	_Atomic word_t *word = held_word(anchor, "page_allocate_row");
	_Atomic word_t *row = word - own;
	uint64_t others = *pages;
	word_t old = atomic_load(word);
	word_t next;

	do {
		if (word_allocate(old, 1, &next))
			return NULL;
	} while (!atomic_compare_exchange_weak(word, &old, next + WORD_ONE_PIN));
	for (; others; others &= others - 1) {
		unsigned i = (unsigned)__builtin_ctzll(others);

		old = atomic_load_explicit(&row[i], memory_order_relaxed);
		if (word_allocate(old, 0, &next) ||
		    !atomic_compare_exchange_strong(&row[i], &old, next))
			*pages &= ~((uint64_t)1 << i);
	}
	return row;
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
		       : change_word(word, word_reuse);
}

int page_reuse_area(pfn_t area)
{
	_Atomic word_t *word = area_word(area);

	return word ? page_reuse(word) : -EINVAL;
}

bool page_is_unused(pfn_t area)
{
	return atomic_load_explicit(area_word(area), memory_order_relaxed) == WORD_ALLOCATED;
}

void page_disown_word(_Atomic word_t *word)
{
	word_t old = atomic_load(word);

	while (!atomic_compare_exchange_weak(word, &old, word_disowned(old)))
		;
}

void page_disown(pfn_t area)
{
	_Atomic word_t *word = area_word(area);
	word_t seen = atomic_load(word);

	while (!(seen & WORD_SPLIT))
		if (atomic_compare_exchange_weak(word, &seen, word_disowned(seen)))
			return;
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		struct page *page = page_hold(pfn_add(area, i), PAGE_SIZE);

		if (!page)
			host_panic("frame allocator: the free area at %#llx changed its size",
				   (unsigned long long)pfn_to_phys(area).addr);
		page_disown_word(held_word(page, "page_disown"));
		page_unpin(page);
	}
}

enum which {
	ANY,
	FREE_ONLY,
};

/*
 * Adds to every word of a table, which is zero but for pins that went astray: they are still there
 * afterwards, for their owners to undo.
 */
static void fill(struct page_table *table, word_t word)
{
	for (size_t i = 0; word && i < PAGES_PER_AREA; i++)
		atomic_fetch_add(&table->word[i], word);
}

/* Splits an area whose word allows it. 0: it is split and was not before. */
static int split_area(_Atomic word_t *area, enum which which, enum table_use use)
{
	word_t seen = atomic_load(area);
	struct page_table *table = NULL;

	for (;;) {
		word_t next;
		int error = word_split(seen, (uintptr_t)table, &next);

		if (!error && which == FREE_ONLY && !word_is_free(seen))
			error = -EBUSY;
		if (error) {
			if (table)
				table_put(table);
			return error;
		}
		if (!table) {
			table = table_get(use);
			if (!table)
				return -ENOMEM;
			continue;
		}
		word_t inherited = word_inherited(seen);

		fill(table, inherited);
		if (atomic_compare_exchange_strong(area, &seen, next))
			return 0;
		fill(table, -inherited);
	}
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

static word_t peek(const _Atomic word_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* All that eight words have set, as a tree: a chain of 512 would take three times as long. */
static word_t any_of_eight(const _Atomic word_t *word)
{
	return ((peek(&word[0]) | peek(&word[1])) | (peek(&word[2]) | peek(&word[3]))) |
	       ((peek(&word[4]) | peek(&word[5])) | (peek(&word[6]) | peek(&word[7])));
}

/* Whether every word of a table is zero, which is the usual state of a table that can go. */
static bool is_zero(const struct page_table *table)
{
	word_t any = 0;

	for (size_t i = 0; i < PAGES_PER_AREA; i += 8)
		any |= any_of_eight(&table->word[i]);
	return any == 0;
}

/* What the pages of a table are together: the word of a whole area, or why they cannot be one. */
static int join(const struct page_table *table, enum which which, word_t *whole)
{
	word_t first = atomic_load(&table->word[0]);

	*whole = 0;
	if (is_zero(table))
		return 0;
	if (which == FREE_ONLY && !word_is_free(first))
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

static int collapse(pfn_t frame, enum which which)
{
	_Atomic word_t *area = area_word(frame);
	struct page_table *table;
	word_t seen, marked, whole;
	int error;

	if (!area || !pfn_to_page(frame))
		return -ENOENT;
	seen = atomic_load(area);
	if (!(seen & WORD_SPLIT))
		return 0;
	if (seen & WORD_RAGGED)
		return -EINVAL;
	if (seen & WORD_POISONED)
		return -EIO;
	if (seen & WORD_COLLAPSING)
		return -EBUSY;

	marked = seen | WORD_COLLAPSING;
	if (!atomic_compare_exchange_strong(area, &seen, marked))
		return -EBUSY;
	table = (struct page_table *)word_table(marked);
	error = join(table, which, &whole);
	/* Fails if the area was poisoned meanwhile. */
	if (!error && !atomic_compare_exchange_strong(area, &marked, whole))
		error = -EIO;
	if (error) {
		atomic_fetch_and(area, ~(word_t)WORD_COLLAPSING);
		return error;
	}
	if (whole)
		clear(table);
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

		if (!(seen & WORD_POISONED)) {
			atomic_compare_exchange_strong(area, &seen, seen | WORD_POISONED);
			continue;
		}
		if (word_hold(old, &next) || !atomic_compare_exchange_strong(word, &old, next))
			continue;
		if (((atomic_load(area) ^ seen) & ~(word_t)WORD_COLLAPSING) == 0)
			return word;
		atomic_fetch_sub(word, WORD_ONE_PIN);
	}
	return NULL;
}

int page_poison(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);

	if (!area || !pfn_to_page(frame))
		return -ENOENT;
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
		error = split_area(area, ANY, TABLE_FOR_POISON);
		if (error == -ENOMEM)
			return error;
		if (error != -EBUSY || (seen & WORD_SPLIT))
			continue;
		/* Pinned: nobody may split it, so all of it goes out of use. */
		if (word_poison(seen, &next) == -EALREADY ||
		    atomic_compare_exchange_strong(area, &seen, next))
			return 0;
	}
}

/* Takes the mark from an area without poisoned pages; a page of it is held. */
static void unmark(_Atomic word_t *area)
{
	word_t seen = atomic_load(area);

	for (;; relax()) {
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

int page_unpoison(pfn_t frame)
{
	struct page *page;
	word_t old;

	if (!pfn_to_page(frame))
		return -ENOENT;
	page = pin(frame, 0, word_hold);
	if (!page)
		return -EBUSY;
	old = atomic_fetch_and(held_word(page, "page_unpoison"), ~(word_t)WORD_POISONED);
	if (old & WORD_POISONED && page_size(page) == PAGE_SIZE)
		unmark(area_word(frame));
	page_unpin(page);
	return 0;
}
