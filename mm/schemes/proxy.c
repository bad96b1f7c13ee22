/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/proxy.h"

#include "mm/schemes/slots.h"

struct proxy {
	struct flat_page *page;
	struct scheme_owner owner;
	atomic_uint pins;
};

_Static_assert(sizeof(struct proxy) == 32, "two to a cache line");

/* What a handle has that is a proxy and not a page. */
#define PROXY_TAG ((uintptr_t)1)

struct proxy_scheme {
	struct flat flat; /* the canonical pages */
	struct proxy *proxies;
	struct slots slots; /* of them */
	_Atomic uint64_t caught;
} __attribute__((aligned(64)));

static struct proxy_scheme *instance(struct scheme *scheme)
{
	return (struct proxy_scheme *)scheme;
}

static inline bool is_proxy(const struct scheme_page *handle)
{
	return (uintptr_t)handle & PROXY_TAG;
}

static inline struct proxy *proxy_behind(const struct scheme_page *handle)
{
	return (struct proxy *)((uintptr_t)handle - PROXY_TAG);
}

static inline struct scheme_page *handle_of(struct proxy *proxy)
{
	return (struct scheme_page *)((uintptr_t)proxy + PROXY_TAG);
}

/* The conditional branch and the chase of a pointer that a page operation costs here. */
static inline struct scheme_page *canonical(const struct scheme_page *handle)
{
	return is_proxy(handle) ? flat_handle(proxy_behind(handle)->page)
				: (struct scheme_page *)handle;
}

/* --- Memory --- */

static size_t bytes_for(uint64_t frames, uint32_t pool)
{
	return sizeof(struct proxy_scheme) + frames * sizeof(struct flat_page) +
	       align_up(pool * sizeof(struct proxy), 64) + slots_bytes(pool);
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	*needs = (struct scheme_needs){
		.dram_bytes = bytes_for(setup->frames, setup->pool),
		.dram_bytes_most = bytes_for(setup->frames, setup->pool),
	};
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct proxy_scheme *proxies = dram;
	struct flat_page *pages = (struct flat_page *)(proxies + 1);
	char *pool = (char *)(pages + setup->frames);

	*proxies = (struct proxy_scheme){
		.flat = {.scheme = {.ops = &proxy_scheme,
				    .start = setup->start,
				    .frames = setup->frames},
			 .pages = pages},
		.proxies = (struct proxy *)pool,
	};
	slots_begin(&proxies->slots, setup->pool,
		    pool + align_up(setup->pool * sizeof(struct proxy), 64));
	return &proxies->flat.scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	*usage = (struct scheme_usage){
		.dram_bytes = bytes_for(scheme->frames, instance(scheme)->slots.nr),
	};
}

/* --- Pins --- */

/* Makes a proxy of a slot that this CPU has, for a page that is pinned. */
static inline struct scheme_page *make_proxy(struct proxy_scheme *scheme, uint32_t slot,
					     struct flat_page *page, struct scheme_owner owner)
{
	struct proxy *proxy = &scheme->proxies[slot];

	proxy->page = page;
	proxy->owner = owner;
	atomic_store_explicit(&proxy->pins, 1, memory_order_relaxed);
	return handle_of(proxy);
}

/* The rest of a pin where this CPU has no proxy at hand. Apart, so that others need no stack. */
static __attribute__((noinline)) int refill_and_make(struct proxy_scheme *scheme,
						     struct flat_page *page,
						     struct scheme_owner owner,
						     struct scheme_page **handle)
{
	uint32_t slot;

	if (!slots_take(&scheme->slots, &slot)) {
		frame_word_unpin(&page->word, false);
		return -ENOMEM;
	}
	*handle = make_proxy(scheme, slot, page, owner);
	return 0;
}

static inline int pin_frame(struct scheme *scheme, pfn_t frame, struct scheme_owner owner,
			    struct scheme_page **handle)
{
	struct proxy_scheme *proxies = instance(scheme);
	struct slots_hand *hand;
	struct flat_page *page;
	int error;

	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	page = flat_at(scheme, frame);
	error = frame_word_pin(&page->word);
	if (unlikely(error))
		return error;
	hand = slots_hand(&proxies->slots);
	if (unlikely(hand->nr == 0))
		return refill_and_make(proxies, page, owner, handle);
	*handle = make_proxy(proxies, hand->slots[--hand->nr], page, owner);
	return 0;
}

static int pin_as(struct scheme *scheme, pfn_t frame, struct scheme_owner owner,
		  struct scheme_page **handle)
{
	return pin_frame(scheme, frame, owner, handle);
}

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **handle)
{
	return pin_frame(scheme, frame, (struct scheme_owner){0, 0}, handle);
}

/* An unpin of a proxy that has more pins than this, or of what is none. Apart, as above. */
static __attribute__((noinline)) void
unpin_another(struct proxy_scheme *scheme, struct scheme_page *handle, enum scheme_written written)
{
	struct proxy *proxy = proxy_behind(handle);
	unsigned pins;

	if (!is_proxy(handle))
		host_panic("a plain page is unpinned like a proxy");
	pins = atomic_fetch_sub(&proxy->pins, 1);
	if (pins == 0)
		host_panic("a proxy is unpinned that is not pinned");
	frame_word_unpin(&proxy->page->word, written);
	if (pins == 1)
		slots_give(&scheme->slots, slots_hand(&scheme->slots),
			   (uint32_t)(proxy - scheme->proxies));
}

/* Whether a proxy has one pin. Only who has a pin can take another: it meets nobody. */
static inline bool is_only_pin(const struct scheme_page *handle)
{
	return is_proxy(handle) && atomic_load(&proxy_behind(handle)->pins) == 1;
}

static inline void unpin_page(struct proxy_scheme *scheme, struct slots_hand *hand,
			      struct scheme_page *handle, enum scheme_written written)
{
	struct proxy *proxy = proxy_behind(handle);

	if (unlikely(!is_only_pin(handle))) {
		unpin_another(scheme, handle, written);
		return;
	}
	atomic_store_explicit(&proxy->pins, 0, memory_order_relaxed);
	frame_word_unpin(&proxy->page->word, written);
	slots_give(&scheme->slots, hand, (uint32_t)(proxy - scheme->proxies));
}

static void unpin(struct scheme *scheme, struct scheme_page *handle, enum scheme_written written)
{
	struct proxy_scheme *proxies = instance(scheme);

	unpin_page(proxies, slots_hand(&proxies->slots), handle, written);
}

static void unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	struct proxy_scheme *proxies = instance(scheme);
	struct slots_hand *hand = slots_hand(&proxies->slots);
	struct scheme_page **handle = range->pages, **end = handle + range->frames;

	if (written)
		for (; handle < end; handle++)
			unpin_page(proxies, hand, *handle, SCHEME_WRITTEN);
	else
		for (; handle < end; handle++)
			unpin_page(proxies, hand, *handle, SCHEME_CLEAN);
}

/* Pins frames that follow each other, as many as this CPU has proxies at hand for. Adds to `pinned`
 * how many that were. */
static inline int pin_batch(struct proxy_scheme *scheme, struct scheme_range *range,
			    uint64_t *pinned)
{
	struct slots_hand *hand = slots_hand(&scheme->slots);
	struct flat_page *page = flat_at(&scheme->flat.scheme, pfn_add(range->start, *pinned));
	struct scheme_page **handle = &range->pages[*pinned];
	uint64_t left = range->frames - *pinned;
	uint32_t nr = hand->nr, stop = left < nr ? nr - (uint32_t)left : 0;
	int error = 0;

	for (; nr > stop; page++) {
		__builtin_prefetch(page + FLAT_AHEAD, 1);
		error = frame_word_pin(&page->word);
		if (unlikely(error))
			break;
		*handle++ =
			make_proxy(scheme, hand->slots[--nr], page, (struct scheme_owner){0, 0});
	}
	hand->nr = nr;
	*pinned = (uint64_t)(handle - range->pages);
	return error;
}

static int pin_range(struct scheme *scheme, struct scheme_range *range)
{
	struct proxy_scheme *proxies = instance(scheme);
	int error = scheme_range_check(scheme, range);
	uint64_t pinned = 0;

	if (error)
		return error;
	while (!error && pinned < range->frames)
		error = slots_refill(&proxies->slots) ? pin_batch(proxies, range, &pinned)
						      : -ENOMEM;
	if (!error)
		error = scheme_range_append(range);
	if (unlikely(error))
		while (pinned > 0)
			unpin(scheme, range->pages[--pinned], SCHEME_CLEAN);
	return error;
}

int proxy_pin_again(struct scheme *scheme, struct scheme_page *handle)
{
	int error;

	(void)scheme;
	if (!is_proxy(handle))
		return -EINVAL;
	error = frame_word_pin(&proxy_behind(handle)->page->word);
	if (!error)
		atomic_fetch_add(&proxy_behind(handle)->pins, 1);
	return error;
}

/* --- Plain pages --- */

static bool catches(struct scheme *scheme, const struct scheme_page *handle)
{
	if (is_proxy(handle))
		atomic_fetch_add(&instance(scheme)->caught, 1);
	return is_proxy(handle);
}

int plain_page_get(struct scheme *scheme, struct scheme_page *handle)
{
	return catches(scheme, handle) ? -EINVAL
				       : frame_word_pin(&((struct flat_page *)handle)->word);
}

int plain_page_put(struct scheme *scheme, struct scheme_page *handle)
{
	if (catches(scheme, handle))
		return -EINVAL;
	frame_word_unpin(&((struct flat_page *)handle)->word, false);
	return 0;
}

uint64_t proxy_caught(struct scheme *scheme)
{
	return atomic_load(&instance(scheme)->caught);
}

uint32_t proxy_free(struct scheme *scheme)
{
	return slots_free(&instance(scheme)->slots);
}

/* --- What is the canonical page's --- */

static pfn_t proxy_to_pfn(struct scheme *scheme, const struct scheme_page *handle)
{
	return flat_page_to_pfn(scheme, canonical(handle));
}

static int trylock(struct scheme *scheme, struct scheme_page *handle)
{
	return flat_trylock(scheme, canonical(handle));
}

static int unlock(struct scheme *scheme, struct scheme_page *handle)
{
	return flat_unlock(scheme, canonical(handle));
}

static int mark_dirty(struct scheme *scheme, struct scheme_page *handle)
{
	return flat_mark_dirty(scheme, canonical(handle));
}

static int clear_dirty(struct scheme *scheme, struct scheme_page *handle)
{
	return flat_clear_dirty(scheme, canonical(handle));
}

static int owner(struct scheme *scheme, const struct scheme_page *handle,
		 struct scheme_owner *found)
{
	(void)scheme;
	if (!is_proxy(handle))
		return -EINVAL;
	*found = proxy_behind(handle)->owner;
	return 0;
}

const struct scheme_ops proxy_scheme = {
	.name = "proxy",
	.needs = needs,
	.begin = begin,
	.usage = usage,
	.pin = pin,
	.unpin = unpin,
	.pin_range = pin_range,
	.unpin_range = unpin_range,
	.find = flat_find,
	.page_to_pfn = proxy_to_pfn,
	.page_size = flat_page_size,
	.trylock = trylock,
	.unlock = unlock,
	.mark_dirty = mark_dirty,
	.clear_dirty = clear_dirty,
	.pins = flat_pins,
	.poison = flat_poison,
	.unpoison = flat_unpoison,
	.pin_as = pin_as,
	.owner = owner,
};
