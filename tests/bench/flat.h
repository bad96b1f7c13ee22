/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The references: one array with a descriptor for every frame, of 64 bytes as Linux has it, or of
 * the 8 bytes that one word takes. They do what mm/page.h and mm/frame_alloc.h do, in the least
 * steps that an array allows: check that the frame is present and not poisoned, count pins, refuse
 * an unpin without a pin. Frames to allocate are in a list of each CPU's own, linked through the
 * descriptors, with no shared list behind it.
 *
 * It is not the rival of mm/schemes/flat.h, which does what every scheme does (locks, notes, counts
 * of stores) and is called as every scheme is. This one has what the core has that no scheme has,
 * an allocator and functions that are inline, and it has two widths, so that what is due to the
 * bytes of a descriptor can be told from what is due to its place. Both pin and unpin by one
 * addition.
 */
#pragma once

#include <stdatomic.h>

#include "mm/types.h"

struct flat_page; /* never defined */

/* log2 of the bytes of a descriptor. */
enum flat_width { FLAT_8 = 3, FLAT_64 = 6, FLAT_WIDTHS };

extern struct flat {
	char *arrays[FLAT_WIDTHS];
	uint64_t first; /* frame */
	uint64_t frames;
} flat;

/* Arrays for 2^bits frames from `first` on, all present and free. */
void flat_begin(pfn_t first, unsigned bits);

/* NULL: there is no such frame. */
struct flat_page *flat64_pfn_to_page(pfn_t);
struct flat_page *flat8_pfn_to_page(pfn_t);

struct flat_page *flat64_pin(pfn_t);
struct flat_page *flat8_pin(pfn_t);
void flat64_unpin(struct flat_page *);
void flat8_unpin(struct flat_page *);
void flat8_prefetch(pfn_t);

/* Gives the CPU that runs this a list of 2^bits frames, beginning with this one. */
void flat64_list(pfn_t first, unsigned bits);
void flat8_list(pfn_t first, unsigned bits);

/* Take and give back a frame. */
bool flat64_alloc(pfn_t *);
bool flat8_alloc(pfn_t *);
bool flat64_free(pfn_t);
bool flat8_free(pfn_t);

/* --- Inline, as these are in mm/page.h --- */

/* The flag of a large page in the word that every descriptor begins with. */
#define FLAT_LARGE ((uint64_t)1 << 2)

static inline size_t flat_page_size(const struct flat_page *page)
{
	const _Atomic uint64_t *word = (const _Atomic uint64_t *)page;

	return atomic_load_explicit(word, memory_order_relaxed) & FLAT_LARGE ? AREA_SIZE
									     : PAGE_SIZE;
}

static inline pfn_t flat64_page_to_pfn(const struct flat_page *page)
{
	return pfn(((uint64_t)((const char *)page - flat.arrays[FLAT_64]) >> FLAT_64) + flat.first);
}

static inline pfn_t flat8_page_to_pfn(const struct flat_page *page)
{
	return pfn(((uint64_t)((const char *)page - flat.arrays[FLAT_8]) >> FLAT_8) + flat.first);
}
