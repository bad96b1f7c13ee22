/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/two_level_medium.h"

#include "mm/area_move.h"
#include "mm/host.h"
#include "mm/schemes/window.h"

/* Stores of one CPU to the medium. */
struct stores {
	uint64_t nr;
} __attribute__((aligned(64)));

struct two_level_medium {
	struct scheme scheme;
	struct area_move move;
	struct stores stores[HOST_CPUS_MAX];
};

static struct two_level_medium *instance_of(struct scheme *scheme)
{
	return (struct two_level_medium *)scheme;
}

static size_t reserved_bytes(const struct area_move *move)
{
	return move->nr * sizeof(struct area_table);
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	struct area_move move = area_move_of(setup->start, setup->frames);

	window_needs(setup, sizeof(struct two_level_medium), needs);
	needs->medium_bytes = reserved_bytes(&move);
	needs->dram_bytes -= needs->medium_bytes;
	needs->dram_bytes_most -= needs->medium_bytes;
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct two_level_medium *medium = dram;
	struct area_move move = area_move_of(setup->start, setup->frames);

	if (!window_can_reserve(setup, move.nr))
		return NULL;
	move.to = host_virt(pfn_to_phys(setup->start));
	medium->scheme = (struct scheme){
		.ops = &two_level_medium_scheme,
		.start = pfn_add(setup->start, move.nr),
		.frames = setup->frames - move.nr,
	};
	medium->move = move;
	area_move_begin(&medium->move);
	return &medium->scheme;
}

static void end(struct scheme *scheme)
{
	area_move_end(&instance_of(scheme)->move);
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	const struct two_level_medium *medium = instance_of(scheme);

	window_usage(sizeof(*medium), usage);
	usage->medium_bytes = reserved_bytes(&medium->move);
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		usage->medium_stores += medium->stores[cpu].nr;
	usage->medium_written = usage->medium_bytes + usage->medium_stores * sizeof(word_t);
}

/* --- What stores how often --- */

static inline void count(struct scheme *scheme, uint64_t nr)
{
	instance_of(scheme)->stores[host_cpu()].nr += nr;
}

/* Stores that change a page: its word is on the medium if it is a whole area's. */
static inline void count_page(struct scheme *scheme, const struct scheme_page *page, uint64_t nr)
{
	if (page_size(window_page(page)) == AREA_SIZE)
		count(scheme, nr);
}

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **page)
{
	int error = window_pin(scheme, frame, page);

	if (likely(!error))
		count_page(scheme, *page, 1);
	return error;
}

/* The mark that a whole area was written is another store, unless it is there. */
static inline bool is_clean(pfn_t frame)
{
	return !(atomic_load(managed_area_word(frame)) & WORD_DIRTY);
}

/* Whether the frame's word is on the medium; for one that is pinned. */
static inline bool is_in_whole_area(pfn_t frame)
{
	return !(atomic_load(managed_area_word(frame)) & WORD_SPLIT);
}

static inline pfn_t area_end(pfn_t frame)
{
	return pfn_add(pfn_area(frame), PAGES_PER_AREA);
}

static void unpin(struct scheme *scheme, struct scheme_page *page, enum scheme_written written)
{
	count_page(scheme, page, written && is_clean(page_to_pfn(window_page(page))) ? 2 : 1);
	window_unpin(scheme, page, written);
}

/* A range that is refused was pinned up to the page that refused it, or whole, and unpinned. */
static __attribute__((noinline, cold)) void
count_refused(struct scheme *scheme, const struct scheme_range *range, int error)
{
	pfn_t end = pfn_add(range->start, range->frames);
	pfn_t frame = range->start;
	struct page_info info;

	if (error != -EIO && error != -ENOSPC)
		return;
	while (pfn_before(frame, end) && page_look(frame, &info) == 0 && !info.poisoned &&
	       info.pins < PAGE_PINS_MAX)
		count_page(scheme, window_step(&frame), 2);
}

static int pin_frames(struct scheme *scheme, struct scheme_range *range)
{
	int error = window_pin_range(scheme, range);
	pfn_t end = pfn_add(range->start, range->frames);

	if (unlikely(error)) {
		count_refused(scheme, range, error);
		return error;
	}
	for (pfn_t frame = range->start; pfn_before(frame, end); frame = area_end(frame))
		count(scheme, is_in_whole_area(frame) ? 1 : 0);
	return 0;
}

static void unpin_frames(struct scheme *scheme, const struct scheme_range *range,
			 enum scheme_written written)
{
	pfn_t end = pfn_add(range->start, range->frames);

	for (pfn_t frame = range->start; pfn_before(frame, end); frame = area_end(frame))
		if (is_in_whole_area(frame))
			count(scheme, written && is_clean(frame) ? 2 : 1);
	window_unpin_range(scheme, range, written);
}

static int trylock(struct scheme *scheme, struct scheme_page *page)
{
	int error = window_trylock(scheme, page);

	if (!error)
		count_page(scheme, page, 1);
	return error;
}

static int unlock(struct scheme *scheme, struct scheme_page *page)
{
	count_page(scheme, page, 1);
	return window_unlock(scheme, page);
}

static int mark_dirty(struct scheme *scheme, struct scheme_page *page)
{
	count_page(scheme, page, 1);
	return window_mark_dirty(scheme, page);
}

static int clear_dirty(struct scheme *scheme, struct scheme_page *page)
{
	count_page(scheme, page, 1);
	return window_clear_dirty(scheme, page);
}

/* What poison stores (mm/poison.c), by the area's word before and after it. */
static uint64_t stores_of_poison(word_t before, word_t after)
{
	if (before & WORD_SPLIT)
		return before == after ? 0 : 1; /* its mark */
	if (after & WORD_SPLIT)
		return 2; /* the split and the mark */
	/* A pin, the mark, an unpin; and, once, the split that the last unpin will make. */
	return before & WORD_POISONED ? 3 : 4;
}

static uint64_t stores_of_healing(word_t before, word_t after)
{
	if (before & WORD_SPLIT)
		return 0;
	if (!(before & WORD_POISONED))
		return 2; /* a pin, an unpin */
	/* Also a look in two steps; that split will not be, if it is in use again. */
	return after & WORD_POISONED ? 4 : 3;
}

/* Takes a frame out of use or into use, and counts what that stores. */
static int change_use(struct scheme *scheme, pfn_t frame, int (*change)(struct scheme *, pfn_t),
		      uint64_t (*stores)(word_t before, word_t after))
{
	const _Atomic word_t *area;
	word_t before;
	int error;

	if (!scheme_has(scheme, frame))
		return -ENOENT;
	area = managed_area_word(frame);
	before = atomic_load(area);
	error = change(scheme, frame);
	count(scheme, stores(before, atomic_load(area)));
	return error;
}

static int poison(struct scheme *scheme, pfn_t frame)
{
	return change_use(scheme, frame, window_poison, stores_of_poison);
}

static int unpoison(struct scheme *scheme, pfn_t frame)
{
	return change_use(scheme, frame, window_unpoison, stores_of_healing);
}

const struct scheme_ops two_level_medium_scheme = {
	.name = "two-level-medium",
	.refusals = {[SCHEME_OWNERS] = "a page has 32 bits for one owner"},
	.needs = needs,
	.begin = begin,
	.end = end,
	.usage = usage,
	.pin = pin,
	.unpin = unpin,
	.pin_range = pin_frames,
	.unpin_range = unpin_frames,
	.find = window_find,
	.page_to_pfn = window_page_to_pfn,
	.page_size = window_page_size,
	.trylock = trylock,
	.unlock = unlock,
	.mark_dirty = mark_dirty,
	.clear_dirty = clear_dirty,
	.pins = window_pins,
	.poison = poison,
	.unpoison = unpoison,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
