/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status quo of 2015: an array with a descriptor of 64 bytes for every frame of 4 KiB, in DRAM,
 * 1.56 % of what it describes, from the beginning and whether or not anybody does I/O.
 *
 * It is the fastest way from a frame to its descriptor that there is: one multiplication. A run of
 * 2 MiB is 512 descriptors, each of which is changed by a pin.
 */
#pragma once

#include "mm/schemes/frame_word.h"
#include "mm/schemes/scheme.h"

struct flat_page {
	frame_word_t word;
	uint64_t mapping, index; /* the one owner that there is room for */
	uint64_t head;           /* compound.h: of a tail, the address of its head + 1 */
	uint64_t rest[4];        /* what lists and allocators keep there, elsewhere */
};

_Static_assert(sizeof(struct flat_page) == 64, "as a struct page of Linux");

struct flat {
	struct scheme scheme;
	struct flat_page *pages; /* of frame scheme.start and those behind it */
};

extern const struct scheme_ops flat_scheme;

/* --- For schemes that have such an array elsewhere, or something in front of it --- */

/*
 * How many descriptors ahead a loop over a range fetches. A CPU does not begin to fetch what a
 * locked instruction changes before the ones before it are done.
 */
enum { FLAT_AHEAD = 4 };

/* The descriptor of a frame that is the instance's. */
static inline struct flat_page *flat_at(const struct scheme *scheme, pfn_t frame)
{
	return &((const struct flat *)scheme)->pages[frame.n - scheme->start.n];
}

/* The descriptor of a frame, or NULL: it is not the instance's. */
static inline struct flat_page *flat_page(const struct scheme *scheme, pfn_t frame)
{
	return likely(scheme_has(scheme, frame)) ? flat_at(scheme, frame) : NULL;
}

static inline struct scheme_page *flat_handle(struct flat_page *page)
{
	return (struct scheme_page *)page;
}

int flat_pin(struct scheme *, pfn_t, struct scheme_page **);
void flat_unpin(struct scheme *, struct scheme_page *, enum scheme_written);
int flat_pin_range(struct scheme *, struct scheme_range *);
void flat_unpin_range(struct scheme *, const struct scheme_range *, enum scheme_written);
struct scheme_page *flat_find(struct scheme *, pfn_t);
pfn_t flat_page_to_pfn(struct scheme *, const struct scheme_page *);
size_t flat_page_size(struct scheme *, const struct scheme_page *);
int flat_trylock(struct scheme *, struct scheme_page *);
int flat_unlock(struct scheme *, struct scheme_page *);
int flat_mark_dirty(struct scheme *, struct scheme_page *);
int flat_clear_dirty(struct scheme *, struct scheme_page *);
int flat_pins(struct scheme *, pfn_t);
int flat_poison(struct scheme *, pfn_t);
int flat_unpoison(struct scheme *, pfn_t);

/* Changes of all descriptors together; each stored 8 bytes. */
uint64_t flat_changes(const struct scheme *);
