/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/pin_range.h"

#include <errno.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/page_map.h"
#include "mm/page_pin.h"

/* Where a run that begins at a frame leaves its area, or ends. */
static pfn_t area_part_end(pfn_t frame, pfn_t end)
{
	pfn_t area_end = pfn_add(pfn_area(frame), PAGES_PER_AREA);

	return pfn_before(area_end, end) ? area_end : end;
}

static _Noreturn __attribute__((noinline, cold)) void not_pinned(pfn_t frame)
{
	host_panic("unpin_range: the page at %#llx is not pinned",
		   (unsigned long long)pfn_to_phys(frame).addr);
}

/* --- Pages of one split area --- */

/*
 * The words of a split area lie side by side, and stay where they are while one of its pages is
 * pinned. So once its first page is, the rest of a run need not look at the area's word again,
 * which is half of what a pin costs: a collapse under way sees the first pin and fails.
 */

/* The word of a page of a split area that stays split. */
static _Atomic word_t *word_in_split(pfn_t frame)
{
	return page_word(atomic_load(managed_area_word(frame)), frame);
}

/* Says of the part of an area that begins with this frame that it is used. */
static void touch(pfn_t frame)
{
	_Atomic word_t *area = managed_area_word(frame);
	word_t touched = word_touched(frame.n % PAGES_PER_AREA);

	if (!(atomic_load(area) & touched))
		atomic_fetch_or(area, touched);
}

/*
 * Pins the pages [frame, end) of an area in which the caller has the page before them pinned.
 * Returns the first that it did not pin.
 */
static pfn_t pin_pages(pfn_t frame, pfn_t end)
{
	_Atomic word_t *word;

	if (!pfn_before(frame, end))
		return frame;
	word = word_in_split(frame);
	for (; pfn_before(frame, end); frame = pfn_add(frame, 1)) {
		if (frame.n % PAGES_PER_TOUCHED == 0)
			touch(frame);
		if (unlikely(change_word(word++, word_pin)))
			break;
	}
	return frame;
}

/* Takes the pins of such pages back, all those of [frame, end) in one area. */
static inline void unpin_pages(pfn_t frame, pfn_t end, bool written)
{
	_Atomic word_t *word = word_in_split(frame);

	for (; pfn_before(frame, end); frame = pfn_add(frame, 1), word++) {
		if (written && !(atomic_load(word) & WORD_DIRTY))
			atomic_fetch_or(word, WORD_DIRTY);
		if (unlikely(word_pins(atomic_fetch_sub(word, WORD_ONE_PIN)) == 0))
			not_pinned(frame);
	}
}

/* --- Whole areas --- */

static inline void unpin_area(_Atomic word_t *area, pfn_t frame, bool written)
{
	word_t old;

	if (written && !(atomic_load(area) & WORD_DIRTY))
		atomic_fetch_or(area, WORD_DIRTY);
	old = atomic_fetch_sub(area, WORD_ONE_PIN);
	if (unlikely(word_pins(old) == 0))
		not_pinned(pfn_area(frame));
	if (unlikely(old & WORD_POISONED))
		poison_settle(pfn_area(frame));
}

/* --- Runs --- */

static inline void unpin(pfn_t frame, uint64_t frames, bool written)
{
	pfn_t end = pfn_add(frame, frames);
	pfn_t next;

	for (; pfn_before(frame, end); frame = next) {
		_Atomic word_t *area = area_word(frame);

		next = area_part_end(frame, end);
		if (unlikely(!area))
			not_pinned(frame);
		/* Pinned pages keep their size, so this is how they were pinned. */
		if (atomic_load(area) & WORD_SPLIT)
			unpin_pages(frame, next, written);
		else
			unpin_area(area, frame, written);
	}
}

/* Each with loops of its own, which do not ask for each page whether it was written. */
__attribute__((flatten)) void unpin_range(pfn_t start, uint64_t frames)
{
	unpin(start, frames, false);
}

__attribute__((flatten)) void unpin_range_dirty(pfn_t start, uint64_t frames)
{
	unpin(start, frames, true);
}

int pin_range(pfn_t start, uint64_t frames, struct segment *segments, size_t *nr, size_t max)
{
	pfn_t frame = start;
	pfn_t end = pfn_add(start, frames);
	int error = 0;

	if (frames == 0)
		return -EINVAL;
	if (frames > PFN_LIMIT)
		return -EIO;
	while (!error && pfn_before(frame, end)) {
		_Atomic word_t *area = area_word(frame);
		pfn_t next = area_part_end(frame, end);
		struct page *page;

		if (likely(area && area_word_pin(area))) {
			frame = next;
			continue;
		}
		page = page_pin(frame);
		if (!page)
			error = -EIO;
		else if (page_size(page) == PAGE_SIZE)
			frame = pin_pages(pfn_add(frame, 1), next);
		else
			frame = next;
	}
	if (!error && !segment_append(segments, nr, max, pfn_to_phys(start), frames << PAGE_SHIFT))
		error = -ENOSPC;
	if (error)
		unpin_range(start, pfn_distance(start, frame));
	return error;
}
