/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zones: the free memory of one region each, shared by all CPUs. For the frame allocator alone,
 * which takes from here by whole areas and by rows of 64 frames, and hands frames out of them.
 *
 * The descriptors are the truth; a zone keeps two bits per area that say where to look.
 *
 *	whole     the area may be one free page of 2 MiB
 *	partial   the area is split and may have free frames
 *
 * A bit that is set may be wrong, and is put right by whoever looks. One that is clear may be
 * wrong only while its area is in the other set, so that a search of both finds every free frame.
 * A bit is therefore set after the page became free, and cleared before the last look.
 *
 * Lock-free, from any CPU.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/page.h"
#include "mm/page_map.h"
#include "mm/region.h"
#include "mm/types.h"

/* A set of areas of one region, by their number in it. */
struct area_set {
	_Atomic uint64_t *bits;
	size_t areas;
};

struct zone {
	const struct region *region;
	pfn_t first; /* of its first area; before the region's start if that is ragged */
	struct area_set whole;
	struct area_set partial;
};

/*
 * Frames of one row, allocated to whoever holds this and free otherwise. The anchor is one of them
 * and pinned, so that the area stays split and `words` stays valid.
 */
struct row {
	pfn_t anchor;
	_Atomic word_t *words; /* of the row's 64 pages; NULL: no row, and all is zero */
	uint64_t frames;       /* which ones, without the anchor */
	uint64_t region;       /* which of its 64 frames the region has, without the anchor */
};

/* Its first frame, a multiple of PAGES_PER_ROW. */
static inline pfn_t row_start(const struct row *row)
{
	return pfn(row->anchor.n & ~(uint64_t)(PAGES_PER_ROW - 1));
}

/* Whether a frame other than the anchor may be of this row, at hand or not. */
static inline bool row_has(const struct row *row, pfn_t frame)
{
	return (row->anchor.n ^ frame.n) < PAGES_PER_ROW &&
	       (row->region >> frame.n % PAGES_PER_ROW & 1);
}

/* The zone of a frame, of the zones of all regions in their order, or NULL: no region has it. */
static inline struct zone *zone_of(struct zone *zones, pfn_t frame)
{
	const struct region *region = pfn_to_region(frame);

	return region ? &zones[region - page_map.regions] : NULL;
}

/* Bytes for the bits of a region. */
size_t zone_size(const struct region *);

/* Begins with all that the region's descriptors call free. `bits` is zeroed. */
void zone_init(struct zone *, const struct region *, void *bits);

/* Takes frames of a row, or an area, near where `*hint` says; notes there where it was found. */
bool zone_take_row(struct zone *, size_t *hint, struct row *) must_check;
bool zone_take_area(struct zone *, size_t *hint, pfn_t *area) must_check;

/*
 * Begins a row with an allocated page of 4 KiB, the anchor, that its user is done with.
 * -ESTALE: it has another size. -EIO: it is poisoned. -EINVAL, -EBUSY as frame_free().
 */
int zone_begin_row(struct zone *, pfn_t, struct row *) must_check;

/* Gives back a row; it is empty then. */
void zone_give_row(struct zone *, struct row *);

/* Hands out the anchor, or gives it back where somebody else has pinned it; the row is empty. */
bool zone_take_anchor(struct zone *, struct row *, pfn_t *frame) must_check;

/* Gives back an area that nobody uses, though somebody may have pinned or split it meanwhile. */
void zone_disown_area(struct zone *, pfn_t area);

/* Gives back an allocated page. -ESTALE: it has another size. -EINVAL, -EBUSY as frame_free(). */
int zone_give(struct zone *, pfn_t start, size_t size) must_check;

/* After a page of the frame's area came into use again. From any context. */
void zone_note_healed(struct zone *, pfn_t frame);

/* Frames that are neither allocated nor poisoned. */
uint64_t zone_free_frames(const struct zone *);
