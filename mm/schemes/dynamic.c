/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/dynamic.h"

#include <errno.h>

#include "mm/host.h"
#include "mm/schemes/dynamic_table.h"

/* Pages that a look without the lock follows: a chain that changes meanwhile may lead anywhere. */
enum { CHAIN_LOOKS = 4 };

/* --- Memory --- */

/* At least two buckets for each page, so that most chains have one page. */
static unsigned bucket_bits(uint32_t pool)
{
	unsigned bits = 1;

	while ((uint64_t)1 << bits < 2 * (uint64_t)pool)
		bits++;
	return bits;
}

static size_t bytes_for(uint32_t pool)
{
	return sizeof(struct dynamic) + pool * sizeof(struct dynamic_page) +
	       host_cpus() * sizeof(struct dynamic_hand) + (sizeof(bucket_t) << bucket_bits(pool));
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	*needs = (struct scheme_needs){
		.dram_bytes = bytes_for(setup->pool),
		.dram_bytes_most = bytes_for(setup->pool),
	};
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct dynamic *dynamic = dram;
	struct dynamic_page *pages = (struct dynamic_page *)(dynamic + 1);
	struct dynamic_hand *hands = (struct dynamic_hand *)(pages + setup->pool);

	if (setup->pool == 0)
		return NULL;
	*dynamic = (struct dynamic){
		.scheme = {.ops = &dynamic_scheme, .start = setup->start, .frames = setup->frames},
		.pages = pages,
		.hands = hands,
		.buckets = (bucket_t *)(hands + host_cpus()),
		.nr_pages = setup->pool,
		.bucket_mask = ((uint32_t)1 << bucket_bits(setup->pool)) - 1,
		.bucket_shift = 64 - bucket_bits(setup->pool),
	};
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		hands[cpu].next = (uint32_t)((uint64_t)setup->pool * cpu / host_cpus());
	return &dynamic->scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	*usage = (struct scheme_usage){.dram_bytes = bytes_for(dynamic_instance(scheme)->nr_pages)};
}

/* --- Pins --- */

/* What has to be as it is said for a page to be pinned: its frame, and room in its count. */
#define PINNABLE (DYNAMIC_FRAME | DYNAMIC_BOUND | DYNAMIC_PINS_MAX << DYNAMIC_PIN_SHIFT)

/* -ESTALE: the page is not, or no longer, bound to that frame. */
static inline int pin_bound(struct dynamic_page *page, uint64_t key)
{
	uint64_t old = atomic_load_explicit(&page->word, memory_order_relaxed);

	do {
		if (unlikely((old ^ key) & PINNABLE))
			return dynamic_is_bound(old, key) ? -EOVERFLOW : -ESTALE;
	} while (!atomic_compare_exchange_weak(&page->word, &old, old + DYNAMIC_ONE_PIN));
	return 0;
}

/* Without a lock: the page that was bound to a frame, or NULL, which says nothing. */
static inline struct dynamic_page *glance(const struct dynamic *dynamic, const bucket_t *bucket,
					  uint64_t key)
{
	struct dynamic_page *page = dynamic_at(dynamic, atomic_load(bucket) & ~BUCKET_LOCKED);

	for (unsigned i = 0; page && i < CHAIN_LOOKS; i++) {
		if (dynamic_is_bound(atomic_load_explicit(&page->word, memory_order_relaxed), key))
			return page;
		page = dynamic_next(dynamic, page);
	}
	return NULL;
}

/* Whether nobody uses the page and nothing would be lost with it. */
static inline bool is_idle(uint64_t word)
{
	return !(word & (DYNAMIC_PINS | DYNAMIC_LOCKED | DYNAMIC_DIRTY | DYNAMIC_CLAIMED));
}

/* An idle page, which no frame has any more, or NULL. */
static struct dynamic_page *claim(struct dynamic *dynamic)
{
	struct dynamic_hand *hand = &dynamic->hands[host_cpu()];

	for (uint32_t tries = 0; tries < dynamic->nr_pages; tries++) {
		struct dynamic_page *page = &dynamic->pages[hand->next];
		uint64_t old = atomic_load_explicit(&page->word, memory_order_relaxed);

		hand->next = hand->next + 1 < dynamic->nr_pages ? hand->next + 1 : 0;
		if (!is_idle(old) ||
		    !atomic_compare_exchange_strong(&page->word, &old, DYNAMIC_CLAIMED))
			continue;
		if (old & DYNAMIC_BOUND) {
			bucket_t *bucket = dynamic_bucket(dynamic, dynamic_frame(old));
			uint32_t head = dynamic_lock(bucket);

			dynamic_remove(dynamic, &head, page);
			dynamic_unlock(bucket, head);
		}
		return page;
	}
	return NULL;
}

/* Pins a frame that had no page a moment ago. */
static inline int bind(struct dynamic *dynamic, bucket_t *bucket, uint64_t key,
		       struct dynamic_page **page)
{
	struct dynamic_page *fresh = claim(dynamic);
	uint32_t head = dynamic_lock(bucket);
	int error = -ESTALE;

	/* Another CPU may have bound one meanwhile, and yet another may claim that. */
	while (error == -ESTALE && (*page = dynamic_find(dynamic, head, key)))
		error = pin_bound(*page, key);
	if (!*page && fresh) {
		atomic_store_explicit(&fresh->word, key | DYNAMIC_ONE_PIN, memory_order_release);
		dynamic_push(dynamic, &head, fresh);
		*page = fresh;
		fresh = NULL;
		error = 0;
	}
	dynamic_unlock(bucket, head);
	if (fresh)
		atomic_store_explicit(&fresh->word, 0, memory_order_release);
	return *page ? error : -ENOMEM;
}

/* Where the first page of the chain is not the frame's, or cannot be pinned. */
static __attribute__((noinline)) int pin_slowly(struct dynamic *dynamic, bucket_t *bucket,
						pfn_t frame, struct scheme_page **handle)
{
	uint64_t key = dynamic_key(frame);
	struct dynamic_page *page = glance(dynamic, bucket, key);
	int error = page ? pin_bound(page, key) : -ESTALE;

	if (error == -ESTALE)
		error = bind(dynamic, bucket, key, &page);
	*handle = dynamic_handle(page);
	return error;
}

/* The number + 1 of a chain's first page, which most have no other of. Not above 0: there is none,
 * or the bucket is locked. */
static inline int32_t first_link(const bucket_t *bucket)
{
	return (int32_t)atomic_load(bucket);
}

static inline int pin_frame(struct dynamic *dynamic, uint64_t row, pfn_t frame,
			    struct scheme_page **handle)
{
	bucket_t *bucket = dynamic_bucket_in(dynamic, row, frame);
	int32_t link = first_link(bucket);

	if (likely(link > 0)) {
		struct dynamic_page *page = &dynamic->pages[link - 1];

		if (likely(pin_bound(page, dynamic_key(frame)) == 0)) {
			*handle = dynamic_handle(page);
			return 0;
		}
	}
	return pin_slowly(dynamic, bucket, frame, handle);
}

static inline void unpin_page(struct dynamic_page *page, enum scheme_written written)
{
	uint64_t old;

	if (written && !(atomic_load(&page->word) & DYNAMIC_DIRTY))
		atomic_fetch_or(&page->word, DYNAMIC_DIRTY);
	old = atomic_fetch_sub(&page->word, DYNAMIC_ONE_PIN);
	if (unlikely(!(old & DYNAMIC_PINS)))
		host_panic("a dynamic page is unpinned that is not pinned (word %#llx)",
			   (unsigned long long)old);
}

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **handle)
{
	struct dynamic *dynamic = dynamic_instance(scheme);

	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	return pin_frame(dynamic, dynamic_row(dynamic, frame), frame, handle);
}

static void unpin(struct scheme *scheme, struct scheme_page *page, enum scheme_written written)
{
	(void)scheme;
	unpin_page(dynamic_behind(page), written);
}

static void unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	struct scheme_page **page = range->pages, **end = page + range->frames;

	(void)scheme;
	if (written)
		for (; page < end; page++)
			unpin_page(dynamic_behind(*page), SCHEME_WRITTEN);
	else
		for (; page < end; page++)
			unpin_page(dynamic_behind(*page), SCHEME_CLEAN);
}

/* Takes back the pins of a range from its first frame up to one that was refused. */
static int give_back(struct scheme_range *range, struct scheme_page **refused, int error)
{
	while (refused-- > range->pages)
		unpin_page(dynamic_behind(*refused), SCHEME_CLEAN);
	return error;
}

static int pin_range(struct scheme *scheme, struct scheme_range *range)
{
	struct dynamic *dynamic = dynamic_instance(scheme);
	uint64_t row = dynamic_row(dynamic, range->start);
	struct scheme_page **page = range->pages, **end;
	int error = scheme_range_check(scheme, range);

	if (error)
		return error;
	end = page + range->frames;
	for (pfn_t frame = range->start; page < end; frame = pfn_add(frame, 1), page++) {
		if (unlikely(frame.n % PAGES_PER_AREA == 0))
			row = dynamic_row(dynamic, frame);
		error = pin_frame(dynamic, row, frame, page);
		if (unlikely(error))
			return give_back(range, page, error);
	}
	error = scheme_range_append(range);
	return likely(!error) ? 0 : give_back(range, end, error);
}

/* --- Looks, locks and notes --- */

static __attribute__((noinline)) struct dynamic_page *find_slowly(struct dynamic *dynamic,
								  bucket_t *bucket, uint64_t key)
{
	struct dynamic_page *page = glance(dynamic, bucket, key);

	if (!page) {
		uint32_t head = dynamic_lock(bucket);

		page = dynamic_find(dynamic, head, key);
		dynamic_unlock(bucket, head);
	}
	return page;
}

static inline struct dynamic_page *find_page(struct dynamic *dynamic, pfn_t frame)
{
	bucket_t *bucket = dynamic_bucket(dynamic, frame);
	int32_t link = first_link(bucket);

	if (likely(link > 0)) {
		struct dynamic_page *page = &dynamic->pages[link - 1];
		uint64_t word = atomic_load_explicit(&page->word, memory_order_relaxed);

		if (likely(dynamic_is_bound(word, dynamic_key(frame))))
			return page;
	}
	return find_slowly(dynamic, bucket, dynamic_key(frame));
}

static struct scheme_page *find(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame)
		       ? dynamic_handle(find_page(dynamic_instance(scheme), frame))
		       : NULL;
}

static pfn_t dynamic_to_pfn(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	return dynamic_frame(
		atomic_load_explicit(&dynamic_behind(page)->word, memory_order_relaxed));
}

static size_t dynamic_size(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	(void)page;
	return PAGE_SIZE;
}

static int trylock(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return atomic_fetch_or(&dynamic_behind(page)->word, DYNAMIC_LOCKED) & DYNAMIC_LOCKED
		       ? -EBUSY
		       : 0;
}

static int unlock(struct scheme *scheme, struct scheme_page *page)
{
	uint64_t old = atomic_fetch_and(&dynamic_behind(page)->word, ~(uint64_t)DYNAMIC_LOCKED);

	(void)scheme;
	if (unlikely(!(old & DYNAMIC_LOCKED)))
		host_panic("a dynamic page is unlocked that is not locked (word %#llx)",
			   (unsigned long long)old);
	return 0;
}

static int mark_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	atomic_fetch_or(&dynamic_behind(page)->word, DYNAMIC_DIRTY);
	return 0;
}

static int clear_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return (atomic_fetch_and(&dynamic_behind(page)->word, ~(uint64_t)DYNAMIC_DIRTY) &
		DYNAMIC_DIRTY) != 0;
}

static int pins(struct scheme *scheme, pfn_t frame)
{
	struct dynamic_page *page;
	uint64_t word;

	if (!scheme_has(scheme, frame))
		return -ENOENT;
	page = find_page(dynamic_instance(scheme), frame);
	word = page ? atomic_load(&page->word) : 0;
	return dynamic_is_bound(word, dynamic_key(frame))
		       ? (int)((word & DYNAMIC_PINS) >> DYNAMIC_PIN_SHIFT)
		       : 0;
}

const struct scheme_ops dynamic_scheme = {
	.name = "dynamic",
	.refusals = {[SCHEME_BAD_FRAMES] = "a frame has no descriptor between two I/Os",
		     [SCHEME_OWNERS] = "a descriptor has room for one mapping and one index"},
	.needs = needs,
	.begin = begin,
	.usage = usage,
	.pin = pin,
	.unpin = unpin,
	.pin_range = pin_range,
	.unpin_range = unpin_range,
	.find = find,
	.page_to_pfn = dynamic_to_pfn,
	.page_size = dynamic_size,
	.trylock = trylock,
	.unlock = unlock,
	.mark_dirty = mark_dirty,
	.clear_dirty = clear_dirty,
	.pins = pins,
	.poison = scheme_refuses_frame,
	.unpoison = scheme_refuses_frame,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
