/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is behind dynamic.h: the table that leads from a frame to the page that is bound to it. A
 * bucket is the head of a chain and its lock. A bound page is in the chain of its frame's bucket;
 * one that is claimed, or was never bound, is in none. For the files of that scheme only.
 *
 * Who holds a bucket's lock has the chain to itself. Who does not may follow it while it changes,
 * which may lead to any page, whose word says whose it is.
 */
#pragma once

#include "mm/schemes/dynamic.h"

/* The first page of a chain, as a page's `next`, and the lock of the bucket. */
typedef _Atomic uint32_t bucket_t;

#define BUCKET_LOCKED ((uint32_t)1 << 31)

/* Where a CPU looks for an idle page next: one cache line each. */
struct dynamic_hand {
	uint32_t next;
	uint32_t unused[15];
};

struct dynamic {
	struct scheme scheme;
	struct dynamic_page *pages;
	struct dynamic_hand *hands; /* by CPU */
	bucket_t *buckets;
	uint32_t nr_pages;
	uint32_t bucket_mask;  /* their number, a power of two, less one */
	uint32_t bucket_shift; /* of a hash of 64 bits */
} __attribute__((aligned(64)));

static inline struct dynamic *dynamic_instance(struct scheme *scheme)
{
	return (struct dynamic *)scheme;
}

static inline struct dynamic_page *dynamic_behind(const struct scheme_page *handle)
{
	return (struct dynamic_page *)handle;
}

static inline struct scheme_page *dynamic_handle(struct dynamic_page *page)
{
	return (struct scheme_page *)page;
}

/* --- Words --- */

/* What the word of a page says that is bound to this frame, pins and other flags aside. */
static inline uint64_t dynamic_key(pfn_t frame)
{
	return frame.n << DYNAMIC_FRAME_SHIFT | DYNAMIC_BOUND;
}

static inline bool dynamic_is_bound(uint64_t word, uint64_t key)
{
	return ((word ^ key) & (DYNAMIC_FRAME | DYNAMIC_BOUND)) == 0;
}

static inline pfn_t dynamic_frame(uint64_t word)
{
	return pfn(word >> DYNAMIC_FRAME_SHIFT);
}

/* --- Buckets --- */

/*
 * Where the buckets of a frame's area begin: areas that follow each other do so far from each other
 * (Knuth's multiplication by the golden ratio), and may overlap.
 */
static inline uint64_t dynamic_row(const struct dynamic *dynamic, pfn_t frame)
{
	return frame.n / PAGES_PER_AREA * 0x9e3779b97f4a7c15u >> dynamic->bucket_shift;
}

static inline bucket_t *dynamic_bucket_in(const struct dynamic *dynamic, uint64_t row, pfn_t frame)
{
	return &dynamic->buckets[(row + frame.n) & dynamic->bucket_mask];
}

static inline bucket_t *dynamic_bucket(const struct dynamic *dynamic, pfn_t frame)
{
	return dynamic_bucket_in(dynamic, dynamic_row(dynamic, frame), frame);
}

/* The head of the chain, which is in the holder's variable until it unlocks. */
static inline uint32_t dynamic_lock(bucket_t *bucket)
{
	uint32_t head = atomic_fetch_or(bucket, BUCKET_LOCKED);

	while (head & BUCKET_LOCKED) {
		__builtin_ia32_pause();
		head = atomic_fetch_or(bucket, BUCKET_LOCKED);
	}
	return head;
}

static inline void dynamic_unlock(bucket_t *bucket, uint32_t head)
{
	atomic_store_explicit(bucket, head, memory_order_release);
}

/* --- Chains --- */

static inline struct dynamic_page *dynamic_at(const struct dynamic *dynamic, uint32_t link)
{
	return link ? &dynamic->pages[link - 1] : NULL;
}

static inline struct dynamic_page *dynamic_next(const struct dynamic *dynamic,
						struct dynamic_page *page)
{
	return dynamic_at(dynamic, atomic_load_explicit(&page->next, memory_order_relaxed));
}

static inline uint32_t dynamic_link(const struct dynamic *dynamic, const struct dynamic_page *page)
{
	return (uint32_t)(page - dynamic->pages) + 1;
}

static inline void dynamic_push(const struct dynamic *dynamic, uint32_t *head,
				struct dynamic_page *page)
{
	atomic_store_explicit(&page->next, *head, memory_order_relaxed);
	*head = dynamic_link(dynamic, page);
}

/* Takes a page out of the chain that it is in. */
static inline void dynamic_remove(const struct dynamic *dynamic, uint32_t *head,
				  struct dynamic_page *page)
{
	uint32_t link = dynamic_link(dynamic, page);
	uint32_t next = atomic_load_explicit(&page->next, memory_order_relaxed);
	struct dynamic_page *before = dynamic_at(dynamic, *head);

	if (*head == link) {
		*head = next;
		return;
	}
	while (atomic_load_explicit(&before->next, memory_order_relaxed) != link)
		before = dynamic_next(dynamic, before);
	atomic_store_explicit(&before->next, next, memory_order_relaxed);
}

/* The page that is bound to a frame, in the chain of a bucket that is locked. */
static inline struct dynamic_page *dynamic_find(const struct dynamic *dynamic, uint32_t head,
						uint64_t key)
{
	struct dynamic_page *page = dynamic_at(dynamic, head);

	while (page && !dynamic_is_bound(atomic_load(&page->word), key))
		page = dynamic_next(dynamic, page);
	return page;
}
