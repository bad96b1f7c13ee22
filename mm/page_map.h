/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the page map, for mm/ alone: where the words are, and how one is changed.
 * mm/page.h has the model.
 */
#pragma once

#include <stdatomic.h>

#include "mm/compiler.h"
#include "mm/page.h"
#include "mm/page_word.h"
#include "mm/region.h"
#include "mm/table_pool.h"
#include "mm/types.h"

enum { AREAS_PER_GIB = 512, GIB_SHIFT = 30 };

/* The words of the 512 areas of one GiB: one frame, like a table of pages. */
struct area_table {
	_Atomic word_t word[AREAS_PER_GIB];
};

_Static_assert(sizeof(struct area_table) == PAGE_SIZE, "a GiB of areas is one frame");

struct page_map {
	const struct region *regions;
	size_t nr_regions;
	struct area_table **directory; /* by GiB; NULL where no region is */
	size_t nr_gib;
	size_t directory_bytes;
	size_t nr_area_tables;
	size_t nr_elsewhere;     /* of them; the rest of this is for mm/area_move.h */
	struct area_move *moves; /* the last one */
	atomic_bool moving;      /* frames that go bad now are marked when it is over */
	/* Outside of this run of frames all memory may be written. */
	pfn_t protected_start;
	uint64_t protected_frames;
};

extern struct page_map page_map;

/* The word of the area of a frame that some region has, as that of a handle. */
static inline _Atomic word_t *managed_area_word(pfn_t frame)
{
	struct area_table *areas = page_map.directory[frame.n >> (GIB_SHIFT - PAGE_SHIFT)];

	return &areas->word[frame.n >> (AREA_SHIFT - PAGE_SHIFT) & (AREAS_PER_GIB - 1)];
}

/* The word of the frame's area, or NULL: no region is in its GiB. */
static inline _Atomic word_t *area_word(pfn_t frame)
{
	uint64_t gib = frame.n >> (GIB_SHIFT - PAGE_SHIFT);

	if (unlikely(gib >= page_map.nr_gib || !page_map.directory[gib]))
		return NULL;
	return managed_area_word(frame);
}

/* The word of the frame's page in the table of its split area. */
static inline _Atomic word_t *page_word(word_t split_area, pfn_t frame)
{
	struct page_table *table = (struct page_table *)word_table(split_area);

	return &table->word[frame.n & (PAGES_PER_AREA - 1)];
}

/* The size of what describes a frame while its area's word is `area`. */
static inline size_t size_in(word_t area)
{
	return area & WORD_SPLIT ? PAGE_SIZE : AREA_SIZE;
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

/* Between two looks at what another CPU is about to change. */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

/*
 * The word behind the handle of a pinned page, which keeps it in its place. A handle without a pin
 * that went stale is the caller's mistake, and a panic that names `what` was called.
 */
_Atomic word_t *page_held_word(const struct page *, const char *what);

/* Like page_pin(), of a page of this size only, 0 meaning either, and poisoned or not. */
struct page *page_hold(pfn_t start, size_t size) must_check;

/* Like page_pin(), of a page of 4 KiB that is free and that nobody else has pinned. */
struct page *page_hold_free(pfn_t) must_check;

/*
 * For the holder of a page's only pin: makes it free, and the pin is gone. -EBUSY: somebody else
 * has a pin too. -EINVAL: it was not allocated.
 */
int page_release(struct page *) must_check;

/* Hands out a whole area. -ESTALE: it is split. -EBUSY: it is not free. */
int page_allocate_area(pfn_t) must_check;

enum split_which {
	SPLIT_ANY,
	SPLIT_FREE, /* only if nobody uses it: else -EBUSY */
};

/* Like page_split(), but -EALREADY if it was split before; the frame is managed. */
int page_split_area(pfn_t, enum split_which, enum table_use) must_check;

/* Like page_split() and page_collapse(), but of free pages only: -EBUSY if one is not free. */
int page_split_free(pfn_t) must_check;
int page_collapse_free(pfn_t) must_check;

/* --- For pages that the allocator keeps at hand: allocated, and used by nobody. --- */

enum { PAGES_PER_ROW = 64 };

/*
 * Allocates the pages of a row that are free and in the set *pages, bit i for its page i, and the
 * anchor, another page of it, which the caller has pinned. It stays pinned, so that the row's 64
 * words, the result, stay where they are. *pages becomes those that were allocated.
 * NULL: the anchor is not free.
 */
_Atomic word_t *page_allocate_row(struct page *anchor, uint64_t *pages) must_check;

/*
 * Keeps an allocated page, which the caller has pinned, as the anchor of a row; *words are the
 * row's. By word_reuse(); on error the pin is still there.
 */
int page_reuse_row(struct page *anchor, _Atomic word_t **words) must_check;

/* Hints where to look, soon out of date: which pages of a row are free or just held; 0 in a whole
 * area. Whether that is so of all pages of the frame's area, which is split. */
uint64_t page_row_hint(pfn_t row);
bool page_area_hint(pfn_t frame);

/* By word_reuse(), for the word of a page of a row or of a whole area. */
int page_reuse(_Atomic word_t *) must_check;

/*
 * Makes pages of a row free again, held or not, and last its anchor, which loses the pin: the words
 * may go elsewhere then. The same for an area, split or not.
 */
void page_disown_row(_Atomic word_t *words, uint64_t pages, size_t anchor);
void page_disown(pfn_t area);
