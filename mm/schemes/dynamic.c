/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/dynamic.h"

#include <errno.h>

#include "mm/host.h"

/* The first page of a chain, as a page's `next`, and the lock of the bucket. */
typedef _Atomic uint32_t bucket_t;

#define BUCKET_LOCKED ((uint32_t)1 << 31)

/* Where a CPU looks for an idle page next: one cache line each. */
struct hand {
	uint32_t next;
	uint32_t unused[15];
};

struct dynamic {
	struct scheme scheme;
	struct dynamic_page *pages;
	struct hand *hands; /* by CPU */
	bucket_t *buckets;
	uint32_t nr_pages;
	uint32_t bucket_shift; /* of a hash of 64 bits */
} __attribute__((aligned(64)));

/* Pages that a look without the lock follows: a chain that changes meanwhile may lead anywhere. */
enum { CHAIN_LOOKS = 4 };

static struct dynamic *instance(struct scheme *scheme)
{
	return (struct dynamic *)scheme;
}

static struct dynamic_page *behind(const struct scheme_page *handle)
{
	return (struct dynamic_page *)handle;
}

static struct scheme_page *handle_of(struct dynamic_page *page)
{
	return (struct scheme_page *)page;
}

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
	       host_cpus() * sizeof(struct hand) + (sizeof(bucket_t) << bucket_bits(pool));
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
	struct hand *hands = (struct hand *)(pages + setup->pool);

	if (setup->pool == 0)
		return NULL;
	*dynamic = (struct dynamic){
		.scheme = {.ops = &dynamic_scheme, .start = setup->start, .frames = setup->frames},
		.pages = pages,
		.hands = hands,
		.buckets = (bucket_t *)(hands + host_cpus()),
		.nr_pages = setup->pool,
		.bucket_shift = 64 - bucket_bits(setup->pool),
	};
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		hands[cpu].next = (uint32_t)((uint64_t)setup->pool * cpu / host_cpus());
	return &dynamic->scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	*usage = (struct scheme_usage){.dram_bytes = bytes_for(instance(scheme)->nr_pages)};
}

/* --- Words --- */

/* What the word of a page says that is bound to this frame, pins and other flags aside. */
static inline uint64_t key_of(pfn_t frame)
{
	return frame.n << DYNAMIC_FRAME_SHIFT | DYNAMIC_BOUND;
}

static inline bool is_bound_to(uint64_t word, uint64_t key)
{
	return ((word ^ key) & (DYNAMIC_FRAME | DYNAMIC_BOUND)) == 0;
}

static inline pfn_t bound_frame(uint64_t word)
{
	return pfn(word >> DYNAMIC_FRAME_SHIFT);
}

/* Whether nobody uses the page and nothing would be lost with it. */
static inline bool is_idle(uint64_t word)
{
	return !(word & (DYNAMIC_PINS | DYNAMIC_LOCKED | DYNAMIC_DIRTY | DYNAMIC_CLAIMED));
}

/* -ESTALE: the page is not, or no longer, bound to that frame. */
static inline int pin_bound(struct dynamic_page *page, uint64_t key)
{
	uint64_t old = atomic_load_explicit(&page->word, memory_order_relaxed);

	do {
		if (!is_bound_to(old, key))
			return -ESTALE;
		if (unlikely((old & DYNAMIC_PINS) == DYNAMIC_PINS))
			return -EOVERFLOW;
	} while (!atomic_compare_exchange_weak(&page->word, &old, old + DYNAMIC_ONE_PIN));
	return 0;
}

/* --- Buckets --- */

/* Consecutive frames have buckets far from each other (Knuth's multiplication by the golden ratio).
 */
static inline bucket_t *bucket_of(const struct dynamic *dynamic, pfn_t frame)
{
	return &dynamic->buckets[frame.n * 0x9e3779b97f4a7c15u >> dynamic->bucket_shift];
}

static inline struct dynamic_page *page_at(const struct dynamic *dynamic, uint32_t link)
{
	return link ? &dynamic->pages[link - 1] : NULL;
}

static inline uint32_t link_to(const struct dynamic *dynamic, const struct dynamic_page *page)
{
	return (uint32_t)(page - dynamic->pages) + 1;
}

static inline struct dynamic_page *next_of(const struct dynamic *dynamic, struct dynamic_page *page)
{
	return page_at(dynamic, atomic_load_explicit(&page->next, memory_order_relaxed));
}

/* The lock's holder has the chain to itself, and its head in a variable until it unlocks. */
static uint32_t bucket_lock(bucket_t *bucket)
{
	uint32_t head = atomic_fetch_or(bucket, BUCKET_LOCKED);

	while (head & BUCKET_LOCKED) {
		__builtin_ia32_pause();
		head = atomic_fetch_or(bucket, BUCKET_LOCKED);
	}
	return head;
}

static void bucket_unlock(bucket_t *bucket, uint32_t head)
{
	atomic_store_explicit(bucket, head, memory_order_release);
}

static void chain_push(const struct dynamic *dynamic, uint32_t *head, struct dynamic_page *page)
{
	atomic_store_explicit(&page->next, *head, memory_order_relaxed);
	*head = link_to(dynamic, page);
}

/* Takes a page out of the chain that it is in. */
static void chain_remove(const struct dynamic *dynamic, uint32_t *head, struct dynamic_page *page)
{
	uint32_t link = link_to(dynamic, page);
	uint32_t next = atomic_load_explicit(&page->next, memory_order_relaxed);
	struct dynamic_page *before = page_at(dynamic, *head);

	if (*head == link) {
		*head = next;
		return;
	}
	while (atomic_load_explicit(&before->next, memory_order_relaxed) != link)
		before = next_of(dynamic, before);
	atomic_store_explicit(&before->next, next, memory_order_relaxed);
}

/* The page that is bound to a frame, in the chain of a bucket that is locked. */
static struct dynamic_page *chain_find(const struct dynamic *dynamic, uint32_t head, uint64_t key)
{
	struct dynamic_page *page = page_at(dynamic, head);

	while (page && !is_bound_to(atomic_load(&page->word), key))
		page = next_of(dynamic, page);
	return page;
}

/* Without a lock: the page that was bound to a frame, or NULL, which says nothing. */
static struct dynamic_page *glance(const struct dynamic *dynamic, pfn_t frame)
{
	uint32_t head = atomic_load(bucket_of(dynamic, frame)) & ~BUCKET_LOCKED;
	struct dynamic_page *page = page_at(dynamic, head);
	uint64_t key = key_of(frame);

	for (unsigned i = 0; page && i < CHAIN_LOOKS; i++) {
		if (is_bound_to(atomic_load_explicit(&page->word, memory_order_relaxed), key))
			return page;
		page = next_of(dynamic, page);
	}
	return NULL;
}

/* --- Pins --- */

/* An idle page, which no frame has any more, or NULL. */
static struct dynamic_page *claim(struct dynamic *dynamic)
{
	struct hand *hand = &dynamic->hands[host_cpu()];

	for (uint32_t tries = 0; tries < dynamic->nr_pages; tries++) {
		struct dynamic_page *page = &dynamic->pages[hand->next];
		uint64_t old = atomic_load_explicit(&page->word, memory_order_relaxed);

		hand->next = hand->next + 1 < dynamic->nr_pages ? hand->next + 1 : 0;
		if (!is_idle(old) ||
		    !atomic_compare_exchange_strong(&page->word, &old, DYNAMIC_CLAIMED))
			continue;
		if (old & DYNAMIC_BOUND) {
			bucket_t *bucket = bucket_of(dynamic, bound_frame(old));
			uint32_t head = bucket_lock(bucket);

			chain_remove(dynamic, &head, page);
			bucket_unlock(bucket, head);
		}
		return page;
	}
	return NULL;
}

/* Pins a frame that had no page a moment ago. */
static int bind(struct dynamic *dynamic, pfn_t frame, struct dynamic_page **page)
{
	struct dynamic_page *fresh = claim(dynamic);
	bucket_t *bucket = bucket_of(dynamic, frame);
	uint32_t head = bucket_lock(bucket);
	uint64_t key = key_of(frame);
	int error = -ESTALE;

	/* Another CPU may have bound one meanwhile, and yet another may claim that. */
	while (error == -ESTALE && (*page = chain_find(dynamic, head, key)))
		error = pin_bound(*page, key);
	if (!*page && fresh) {
		atomic_store(&fresh->word, key | DYNAMIC_ONE_PIN);
		chain_push(dynamic, &head, fresh);
		*page = fresh;
		fresh = NULL;
		error = 0;
	}
	bucket_unlock(bucket, head);
	if (fresh)
		atomic_store(&fresh->word, 0);
	return *page ? error : -ENOMEM;
}

static inline int pin_frame(struct dynamic *dynamic, pfn_t frame, struct dynamic_page **page)
{
	int error = -ESTALE;

	*page = glance(dynamic, frame);
	if (likely(*page != NULL))
		error = pin_bound(*page, key_of(frame));
	return likely(error != -ESTALE) ? error : bind(dynamic, frame, page);
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
	struct dynamic_page *page;
	int error;

	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	error = pin_frame(instance(scheme), frame, &page);
	*handle = handle_of(page);
	return error;
}

static void unpin(struct scheme *scheme, struct scheme_page *page, enum scheme_written written)
{
	(void)scheme;
	unpin_page(behind(page), written);
}

static int pin_range(struct scheme *scheme, struct scheme_range *range)
{
	struct dynamic *dynamic = instance(scheme);
	int error = scheme_range_check(scheme, range);
	uint64_t pinned = 0;

	if (error)
		return error;
	while (!error && pinned < range->frames) {
		struct dynamic_page *page;

		error = pin_frame(dynamic, pfn_add(range->start, pinned), &page);
		if (!error)
			range->pages[pinned++] = handle_of(page);
	}
	if (!error)
		error = scheme_range_append(range);
	if (unlikely(error))
		while (pinned > 0)
			unpin_page(behind(range->pages[--pinned]), SCHEME_CLEAN);
	return error;
}

static void unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	(void)scheme;
	for (uint64_t i = 0; i < range->frames; i++)
		unpin_page(behind(range->pages[i]), written);
}

int dynamic_repoint(struct scheme *scheme, struct scheme_page *handle, pfn_t to)
{
	struct dynamic *dynamic = instance(scheme);
	struct dynamic_page *page = behind(handle), *there;
	pfn_t from = bound_frame(atomic_load(&page->word));
	bucket_t *buckets[2] = {bucket_of(dynamic, from), bucket_of(dynamic, to)};
	/* All who lock two do it in the order of their addresses. */
	unsigned first = buckets[1] < buckets[0];
	bool same = buckets[0] == buckets[1];
	uint64_t only_mine = key_of(from) | DYNAMIC_ONE_PIN;
	uint32_t heads[2] = {0, 0};
	uint32_t *head_from = &heads[0], *head_to = &heads[same ? 0 : 1];
	int error = 0;

	if (!scheme_has(scheme, to))
		return -ENOENT;
	if (pfn_eq(from, to))
		return 0;
	heads[first] = bucket_lock(buckets[first]);
	if (!same)
		heads[!first] = bucket_lock(buckets[!first]);
	there = chain_find(dynamic, *head_to, key_of(to));
	if (there) {
		uint64_t idle = key_of(to);

		if (atomic_compare_exchange_strong(&there->word, &idle, DYNAMIC_CLAIMED))
			chain_remove(dynamic, head_to, there);
		else
			error = -EEXIST;
	}
	if (!error &&
	    !atomic_compare_exchange_strong(&page->word, &only_mine, key_of(to) | DYNAMIC_ONE_PIN))
		error = -EBUSY;
	if (!error) {
		chain_remove(dynamic, head_from, page);
		chain_push(dynamic, head_to, page);
	}
	bucket_unlock(buckets[0], heads[0]);
	if (!same)
		bucket_unlock(buckets[1], heads[1]);
	if (there && error != -EEXIST)
		atomic_store(&there->word, 0);
	return error;
}

/* --- Looks, locks and notes --- */

static struct dynamic_page *find_page(struct dynamic *dynamic, pfn_t frame)
{
	struct dynamic_page *page = glance(dynamic, frame);

	if (!page) {
		bucket_t *bucket = bucket_of(dynamic, frame);
		uint32_t head = bucket_lock(bucket);

		page = chain_find(dynamic, head, key_of(frame));
		bucket_unlock(bucket, head);
	}
	return page;
}

static struct scheme_page *find(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame) ? handle_of(find_page(instance(scheme), frame)) : NULL;
}

static pfn_t dynamic_to_pfn(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	return bound_frame(atomic_load_explicit(&behind(page)->word, memory_order_relaxed));
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
	return atomic_fetch_or(&behind(page)->word, DYNAMIC_LOCKED) & DYNAMIC_LOCKED ? -EBUSY : 0;
}

static int unlock(struct scheme *scheme, struct scheme_page *page)
{
	uint64_t old = atomic_fetch_and(&behind(page)->word, ~(uint64_t)DYNAMIC_LOCKED);

	(void)scheme;
	if (unlikely(!(old & DYNAMIC_LOCKED)))
		host_panic("a dynamic page is unlocked that is not locked (word %#llx)",
			   (unsigned long long)old);
	return 0;
}

static int mark_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	atomic_fetch_or(&behind(page)->word, DYNAMIC_DIRTY);
	return 0;
}

static int clear_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return (atomic_fetch_and(&behind(page)->word, ~(uint64_t)DYNAMIC_DIRTY) & DYNAMIC_DIRTY) !=
	       0;
}

static int pins(struct scheme *scheme, pfn_t frame)
{
	struct dynamic_page *page;
	uint64_t word;

	if (!scheme_has(scheme, frame))
		return -ENOENT;
	page = find_page(instance(scheme), frame);
	word = page ? atomic_load(&page->word) : 0;
	return is_bound_to(word, key_of(frame)) ? (int)((word & DYNAMIC_PINS) >> DYNAMIC_PIN_SHIFT)
						: 0;
}

/* --- Checks --- */

uint32_t dynamic_bound(struct scheme *scheme)
{
	struct dynamic *dynamic = instance(scheme);
	uint32_t bound = 0;

	for (uint32_t i = 0; i < dynamic->nr_pages; i++)
		bound += (atomic_load(&dynamic->pages[i].word) & DYNAMIC_BOUND) != 0;
	return bound;
}

/* How many pages are in a chain that belong there; each is the one that its frame leads to. */
static const char *check_chain(struct dynamic *dynamic, bucket_t *bucket, uint32_t *found)
{
	uint32_t head = atomic_load(bucket);

	for (struct dynamic_page *page = page_at(dynamic, head); page;
	     page = next_of(dynamic, page)) {
		uint64_t word = atomic_load(&page->word);

		if ((word & (DYNAMIC_BOUND | DYNAMIC_CLAIMED)) != DYNAMIC_BOUND)
			return "dynamic pages: a page in a chain is not bound";
		if (bucket_of(dynamic, bound_frame(word)) != bucket)
			return "dynamic pages: a page is in the chain of another frame";
		if (chain_find(dynamic, head, key_of(bound_frame(word))) != page)
			return "dynamic pages: two are bound to one frame";
		if (++*found > dynamic->nr_pages)
			return "dynamic pages: a chain leads back to itself";
	}
	return NULL;
}

const char *dynamic_check(struct scheme *scheme)
{
	struct dynamic *dynamic = instance(scheme);
	size_t buckets = (size_t)1 << (64 - dynamic->bucket_shift);
	uint32_t found = 0;

	for (size_t i = 0; i < buckets; i++) {
		const char *broken = check_chain(dynamic, &dynamic->buckets[i], &found);

		if (broken)
			return broken;
	}
	return found == dynamic_bound(scheme) ? NULL
					      : "dynamic pages: one that is bound is in no chain";
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
