/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What schemes on the page map (mm/page.h) have in common. The map describes all memory of the
 * machine, so an instance is a window on a part of it that a single region holds: it has no
 * descriptors of its own, and its pins are the map's. A scheme_page is a struct page.
 *
 * What is here inline is inlined by each scheme into functions of its own.
 */
#pragma once

#include <errno.h>

#include "mm/compiler.h"
#include "mm/page.h"
#include "mm/schemes/scheme.h"

static inline struct page *window_page(const struct scheme_page *handle)
{
	return (struct page *)handle;
}

/* Whether one region holds the whole run. */
bool window_fits(const struct scheme_setup *) must_check;

/*
 * Whether it also has more frames than so many, and those at its start are good and may be written.
 */
bool window_can_reserve(const struct scheme_setup *, uint64_t frames) must_check;

/* What a map of this run alone takes, and the bytes of the instance itself. */
void window_needs(const struct scheme_setup *, size_t instance, struct scheme_needs *);

/* What the map takes, whole, and the bytes of the instance itself. */
void window_usage(size_t instance, struct scheme_usage *);

/* Why the page map does not pin a frame of a region. Out of the way of those that it does pin. */
int window_refused(pfn_t);

static inline int window_pin(struct scheme *scheme, pfn_t frame, struct scheme_page **page)
{
	struct page *pinned;

	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	pinned = page_pin(frame);
	if (unlikely(!pinned))
		return window_refused(frame);
	*page = (struct scheme_page *)pinned;
	return 0;
}

static inline void window_unpin(struct scheme *scheme, struct scheme_page *page,
				enum scheme_written written)
{
	(void)scheme;
	if (written)
		page_unpin_dirty(window_page(page));
	else
		page_unpin(window_page(page));
}

/* The page of a pinned range that has the frame; *frame becomes the first one behind it. */
static inline struct scheme_page *window_step(pfn_t *frame)
{
	struct page *page = pfn_to_page(*frame);

	*frame = pfn_add(page_to_pfn(page), page_size(page) >> PAGE_SHIFT);
	return (struct scheme_page *)page;
}

static inline int window_trylock(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return page_trylock(window_page(page)) ? 0 : -EBUSY;
}

static inline int window_unlock(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	page_unlock(window_page(page));
	return 0;
}

static inline int window_mark_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	page_mark_dirty(window_page(page));
	return 0;
}

static inline int window_clear_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return page_clear_dirty(window_page(page));
}

static inline int window_poison(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame) ? page_poison(frame) : -ENOENT;
}

static inline int window_unpoison(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame) ? page_unpoison(frame) : -ENOENT;
}

int window_pin_range(struct scheme *, struct scheme_range *) must_check;
void window_unpin_range(struct scheme *, const struct scheme_range *, enum scheme_written);
struct scheme_page *window_find(struct scheme *, pfn_t);
pfn_t window_page_to_pfn(struct scheme *, const struct scheme_page *);
size_t window_page_size(struct scheme *, const struct scheme_page *);
int window_pins(struct scheme *, pfn_t);
