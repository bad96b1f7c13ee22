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
 * A table stays a table meanwhile (mm/table_pool.h), so a swap that goes astray hits a page's word
 * and nothing else, and whoever fills or clears a table does it by adding and subtracting, never by
 * storing, so that undoing stays possible. Tables out of use are zero.
 */
#include "mm/page.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page_map.h"
#include "mm/poison.h"

_Static_assert(PFN_LIMIT <= 1UL << PAGE_HANDLE_SIZE_SHIFT, "a frame's number fits below the size");
_Static_assert(PAGE_SIZE << PAGE_HANDLE_SIZE_SHIFT > 1UL << 47 &&
		       AREA_SIZE << PAGE_HANDLE_SIZE_SHIFT == 1UL << 63,
	       "no handle has bits 63..47 all alike, as a canonical address has");
_Static_assert(PAGE_PINS_MAX == WORD_PINS_MAX, "a page holds as many pins as its word");

static inline struct page *small_page(pfn_t frame)
{
	return (struct page *)(PAGE_SIZE << PAGE_HANDLE_SIZE_SHIFT | frame.n);
}

static inline struct page *whole_page(pfn_t frame)
{
	return (struct page *)(AREA_SIZE << PAGE_HANDLE_SIZE_SHIFT | pfn_area(frame).n);
}

/*
 * A split area still has the table that was seen, and nobody wants to take it away. Nor was it
 * taken away and given back meanwhile, which a missing `touched` bit shows.
 */
static inline bool still_split(_Atomic word_t *area, word_t seen, word_t touched)
{
	word_t now = atomic_load(area);

	if (likely(now == seen))
		return !(seen & WORD_COLLAPSING);
	return ((now ^ seen) & ~((WORD_TOUCHED & ~touched) | WORD_POISONED)) == 0 &&
	       !(now & WORD_COLLAPSING);
}

/*
 * One try to pin a page of a split area. `apply` is word_pin or word_hold.
 * -EAGAIN: once more, from the area's word on.
 */
static inline int pin_in_table(_Atomic word_t *area, word_t seen, pfn_t frame, transition_t apply)
{
	_Atomic word_t *word = page_word(seen, frame);
	word_t touched = word_touched(frame.n % PAGES_PER_AREA);
	word_t old = atomic_load(word);
	word_t next;
	int error = seen & WORD_COLLAPSING ? -EAGAIN : apply(old, &next);

	if (!error && unlikely(!(seen & touched))) {
		atomic_compare_exchange_strong(area, &seen, seen | touched);
		return -EAGAIN;
	}
	if (error)
		return still_split(area, seen, 0) ? error : -EAGAIN;
	if (!atomic_compare_exchange_strong(word, &old, next))
		return -EAGAIN;
	if (likely(still_split(area, seen, touched)))
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
	for (;; cpu_relax()) {
		word_t seen = atomic_load(area);
		struct page *page;
		word_t next;
		int error;

		if (size && size_in(seen) != size)
			return NULL;
		if (seen & WORD_SPLIT) {
			page = small_page(frame);
			error = pin_in_table(area, seen, frame, apply);
		} else {
			page = whole_page(frame);
			error = apply(seen, &next);
			if (!error && !atomic_compare_exchange_strong(area, &seen, next))
				error = -EAGAIN;
		}
		if (likely(!error))
			return page;
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
		seen = *word = atomic_load(area);
		*size = size_in(seen);
		if (!(seen & WORD_SPLIT))
			break;
		*word = atomic_load(page_word(seen, frame));
	} while (atomic_load(area) != seen);
	return *word & WORD_ABSENT ? -ENOENT : 0;
}

struct page *pfn_to_page(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen;

	if (!area)
		return NULL;
	seen = atomic_load(area);
	/* Only ragged areas have pages that are absent, and those stay as they are. */
	if (unlikely(seen & (WORD_ABSENT | WORD_RAGGED)))
		return seen & WORD_ABSENT || atomic_load(page_word(seen, frame)) & WORD_ABSENT
			       ? NULL
			       : small_page(frame);
	return seen & WORD_SPLIT ? small_page(frame) : whole_page(frame);
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
		.poisoned = word & WORD_OUT_OF_USE,
		.allocated = word & WORD_ALLOCATED,
	};
	return 0;
}

struct page *page_pin(pfn_t frame)
{
	return pin(frame, 0, word_pin);
}

void page_prefetch(pfn_t frame)
{
	_Atomic word_t *area = area_word(frame);
	word_t seen = area ? atomic_load_explicit(area, memory_order_relaxed) : 0;

	if (seen & WORD_SPLIT)
		__builtin_prefetch(page_word(seen, frame), 1);
}

struct page *page_hold(pfn_t start, size_t size)
{
	return pin(start, size, word_hold);
}

struct page *page_hold_free(pfn_t frame)
{
	return pin(frame, PAGE_SIZE, word_pin_free);
}

static _Noreturn __attribute__((noinline, cold)) void not_held(const struct page *page,
							       const char *what)
{
	host_panic("%s: no page of %zu bytes starts at %#llx; was it pinned?", what,
		   page_size(page), (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
}

static inline _Atomic word_t *held_word(const struct page *page, const char *what)
{
	pfn_t start = page_to_pfn(page);
	_Atomic word_t *area = area_word(start);
	word_t seen = area ? atomic_load(area) : 0;

	if (unlikely(!area || size_in(seen) != page_size(page)))
		not_held(page, what);
	return seen & WORD_SPLIT ? page_word(seen, start) : area;
}

_Atomic word_t *page_held_word(const struct page *page, const char *what)
{
	return held_word(page, what);
}

static inline void unpin(_Atomic word_t *word, struct page *page)
{
	word_t old = atomic_fetch_sub(word, WORD_ONE_PIN);

	if (unlikely(word_pins(old) == 0))
		host_panic("page_unpin: the page at %#llx is not pinned",
			   (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
	if (unlikely((old & WORD_POISONED) && page_size(page) == AREA_SIZE))
		poison_settle(page_to_pfn(page));
}

void page_unpin(struct page *page)
{
	unpin(held_word(page, "page_unpin"), page);
}

void page_unpin_dirty(struct page *page)
{
	_Atomic word_t *word = held_word(page, "page_unpin_dirty");

	if (!(atomic_load(word) & WORD_DIRTY))
		atomic_fetch_or(word, WORD_DIRTY);
	unpin(word, page);
}

bool page_trylock(struct page *page)
{
	int error = change_word(page_held_word(page, "page_trylock"), word_lock);

	if (error == -EINVAL)
		host_panic("page_trylock: the page at %#llx is not pinned",
			   (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
	return !error;
}

void page_unlock(struct page *page)
{
	if (change_word(page_held_word(page, "page_unlock"), word_unlock))
		host_panic("page_unlock: the page at %#llx is not locked",
			   (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
}

void page_mark_dirty(struct page *page)
{
	atomic_fetch_or(page_held_word(page, "page_mark_dirty"), WORD_DIRTY);
}

bool page_clear_dirty(struct page *page)
{
	word_t old =
		atomic_fetch_and(page_held_word(page, "page_clear_dirty"), ~(word_t)WORD_DIRTY);

	return old & WORD_DIRTY;
}

void page_set_owner(struct page *page, uint32_t owner)
{
	_Atomic word_t *word = page_held_word(page, "page_set_owner");
	word_t old = atomic_load(word);

	while (!atomic_compare_exchange_weak(word, &old, word_with_owner(old, owner)))
		;
}
