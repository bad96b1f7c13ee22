/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows that one CPU has at hand, of all kinds of memory: free frames that it hands out and
 * takes back without a locked instruction. For the frame allocator alone.
 *
 * A row is in the slot that its number says, so that a frame that comes back, whoever had it, finds
 * its row by one look. If another row is there, that one goes back to its zone, all its frames by
 * one look at the area, and a new one begins with the frame as anchor (mm/zone.h).
 *
 * Of the frames that it may have, a row at hand hands out the first; the anchor is the last, and
 * with it the row ends. Each kind has a current row that is handed out of, until it is empty.
 *
 * Only the CPU itself touches what is here.
 */
#pragma once

#include <stdatomic.h>

#include "mm/compiler.h"
#include "mm/frame_alloc.h"
#include "mm/page_word.h"
#include "mm/zone.h"

enum {
	ROW_SLOTS_MIN = 8, /* an area's rows */
	ROW_SLOTS_MAX = 256,
	ROW_SLOTS_PER_WORD = 64,
};

struct row_cache {
	struct row *slots;
	size_t mask; /* their number, a power of two, - 1 */
	struct zone *zones;
	struct {
		struct row *row; /* never NULL: &no_row */
		uint32_t node;
	} current[MEMORY_KINDS];
	uint64_t held[MEMORY_KINDS]
		     [ROW_SLOTS_MAX / ROW_SLOTS_PER_WORD]; /* slots with a row of it */
};

/* `slots` are zero. */
void row_cache_init(struct row_cache *, struct row *slots, size_t nr_slots, struct zone *zones);

/* Where the row of a frame is, if it is at hand. */
static inline struct row *row_slot(const struct row_cache *cache, pfn_t frame)
{
	return &cache->slots[frame.n / PAGES_PER_ROW & cache->mask];
}

/* Takes the first frame of the current row. False: not so simple. */
static inline bool row_cache_take(struct row_cache *cache, enum memory_kind kind, uint32_t node,
				  pfn_t *frame)
{
	struct row *row = cache->current[kind].row;
	uint64_t bits = row->frames;
	size_t i;

	if (unlikely(!bits) || unlikely(node != NODE_ANY && node != cache->current[kind].node))
		return false;
	i = (unsigned)__builtin_ctzll(bits);
	if (unlikely(atomic_load_explicit(&row->words[i], memory_order_relaxed) != WORD_ALLOCATED))
		return false;
	row->frames = bits & (bits - 1);
	*frame = pfn_add(row_start(row), i);
	return true;
}

/* Takes a frame back whose row is at hand. False: not so simple. */
static inline bool row_cache_give(struct row_cache *cache, pfn_t frame)
{
	struct row *row = row_slot(cache, frame);
	uint64_t i = frame.n % PAGES_PER_ROW;

	if (unlikely(!row_has(row, frame)) || unlikely(row->frames >> i & 1) ||
	    unlikely(atomic_load_explicit(&row->words[i], memory_order_relaxed) != WORD_ALLOCATED))
		return false;
	row->frames |= (uint64_t)1 << i;
	return true;
}

/* Takes a frame of any row at hand, of this kind and node. False: there is none. */
bool row_cache_take_any(struct row_cache *, enum memory_kind, uint32_t node,
			pfn_t *frame) must_check;

/* Takes a frame of a row that it takes from a zone, near `*hint`. False: the zone has none. */
bool row_cache_take_from(struct row_cache *, struct zone *, size_t *hint, pfn_t *frame) must_check;

/*
 * Takes back a frame of this zone, with a new row if need be. -EINVAL: it is at hand already, or
 * was not allocated. -EBUSY: it is held. -EIO: it is poisoned, and so not to be kept. -ESTALE: it
 * is part of a whole area, or of a row that two zones share.
 */
int row_cache_keep(struct row_cache *, struct zone *, pfn_t frame) must_check;

/* Gives all rows of a kind back to their zones. */
void row_cache_flush(struct row_cache *, enum memory_kind);

/* How many rows, and how many frames in them. */
struct rows_at_hand {
	uint64_t rows, frames;
};

struct rows_at_hand row_cache_count(const struct row_cache *, enum memory_kind);
