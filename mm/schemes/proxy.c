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

static inline int pin_page(struct proxy_scheme *scheme, struct flat_page *page,
			   struct scheme_owner owner, struct scheme_page **handle)
{
	struct proxy *proxy;
	uint32_t slot;
	int error;

	if (unlikely(!slots_take(&scheme->slots, &slot)))
		return -ENOMEM;
	error = frame_word_pin(&page->word);
	if (unlikely(error)) {
		slots_give(&scheme->slots, slot);
		return error;
	}
	proxy = &scheme->proxies[slot];
	proxy->page = page;
	proxy->owner = owner;
	atomic_store_explicit(&proxy->pins, 1, memory_order_relaxed);
	*handle = handle_of(proxy);
	return 0;
}

static inline void unpin_page(struct proxy_scheme *scheme, struct scheme_page *handle,
			      enum scheme_written written)
{
	struct proxy *proxy = proxy_behind(handle);
	struct flat_page *page;

	if (unlikely(!is_proxy(handle)))
		host_panic("a plain page is unpinned like a proxy");
	if (unlikely(atomic_load(&proxy->pins) == 0))
		host_panic("a proxy is unpinned that is not pinned");
	page = proxy->page;
	/* Only who has a pin can take another: the last one meets nobody. */
	if (atomic_load(&proxy->pins) == 1) {
		atomic_store_explicit(&proxy->pins, 0, memory_order_relaxed);
		slots_give(&scheme->slots, (uint32_t)(proxy - scheme->proxies));
	} else if (atomic_fetch_sub(&proxy->pins, 1) == 1) {
		slots_give(&scheme->slots, (uint32_t)(proxy - scheme->proxies));
	}
	frame_word_unpin(&page->word, written);
}

static int pin_as(struct scheme *scheme, pfn_t frame, struct scheme_owner owner,
		  struct scheme_page **handle)
{
	struct flat_page *page = flat_page(scheme, frame);

	return likely(page != NULL) ? pin_page(instance(scheme), page, owner, handle) : -ENOENT;
}

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **handle)
{
	return pin_as(scheme, frame, (struct scheme_owner){0, 0}, handle);
}

static void unpin(struct scheme *scheme, struct scheme_page *handle, enum scheme_written written)
{
	unpin_page(instance(scheme), handle, written);
}

static int pin_range(struct scheme *scheme, struct scheme_range *range)
{
	struct flat_page *first = flat_page(scheme, range->start);
	int error = scheme_range_check(scheme, range);
	uint64_t pinned = 0;

	if (error)
		return error;
	while (!error && pinned < range->frames) {
		error = pin_page(instance(scheme), &first[pinned], (struct scheme_owner){0, 0},
				 &range->pages[pinned]);
		pinned += !error;
	}
	if (!error)
		error = scheme_range_append(range);
	if (unlikely(error))
		while (pinned > 0)
			unpin_page(instance(scheme), range->pages[--pinned], SCHEME_CLEAN);
	return error;
}

static void unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	for (uint64_t i = 0; i < range->frames; i++)
		unpin_page(instance(scheme), range->pages[i], written);
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
