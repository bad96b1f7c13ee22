/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/compound.h"

/* Descriptors in a frame, which is kept or not as a whole. */
#define IN_A_FRAME (PAGE_SIZE / sizeof(struct flat_page))

/* What an area keeps of its eight frames of descriptors: log2 of their number. */
enum kept { KEEPS_ONE = 6, KEEPS_TWO = 7 };

_Static_assert(IN_A_FRAME == 1 << KEEPS_ONE, "one frame");

struct compound {
	struct scheme scheme;
	struct flat_page *pages;
	enum kept kept;
} __attribute__((aligned(64)));

static struct compound *instance(const struct scheme *scheme)
{
	return (struct compound *)scheme;
}

/* The head of an instance's frame. */
static inline struct flat_page *head_of(const struct scheme *scheme, pfn_t frame)
{
	const struct compound *compound = instance(scheme);
	uint64_t area = (frame.n - scheme->start.n) / PAGES_PER_AREA;

	return &compound->pages[area << compound->kept];
}

/* --- Memory --- */

static size_t bytes_for(uint64_t frames, enum kept kept)
{
	return sizeof(struct compound) +
	       (frames / PAGES_PER_AREA << kept) * sizeof(struct flat_page);
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs, enum kept kept)
{
	*needs = (struct scheme_needs){
		.dram_bytes = bytes_for(setup->frames, kept),
		.dram_bytes_most = bytes_for(setup->frames, kept),
	};
}

static void needs_two(const struct scheme_setup *setup, struct scheme_needs *found)
{
	needs(setup, found, KEEPS_TWO);
}

static void needs_one(const struct scheme_setup *setup, struct scheme_needs *found)
{
	needs(setup, found, KEEPS_ONE);
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram,
			    const struct scheme_ops *ops, enum kept kept)
{
	struct compound *compound = dram;

	if (setup->start.n % PAGES_PER_AREA || setup->frames % PAGES_PER_AREA)
		return NULL;
	*compound = (struct compound){
		.scheme = {.ops = ops, .start = setup->start, .frames = setup->frames},
		.pages = (struct flat_page *)(compound + 1),
		.kept = kept,
	};
	for (uint64_t area = 0; area < setup->frames / PAGES_PER_AREA; area++) {
		struct flat_page *head = &compound->pages[area << kept];

		for (uint64_t i = 1; i < (uint64_t)1 << kept; i++)
			head[i].head = (uintptr_t)head + 1;
	}
	return &compound->scheme;
}

static struct scheme *begin_two(const struct scheme_setup *setup, void *dram)
{
	return begin(setup, dram, &compound_scheme, KEEPS_TWO);
}

static struct scheme *begin_one(const struct scheme_setup *setup, void *dram)
{
	return begin(setup, dram, &compound_hvo_scheme, KEEPS_ONE);
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	*usage = (struct scheme_usage){
		.dram_bytes = bytes_for(scheme->frames, instance(scheme)->kept),
	};
}

struct flat_page *compound_page(const struct scheme *scheme, pfn_t frame)
{
	uint64_t kept = (uint64_t)1 << instance(scheme)->kept;
	uint64_t i = (frame.n - scheme->start.n) % PAGES_PER_AREA;

	/* What is not kept is seen as the last frame that is. */
	return head_of(scheme, frame) + (i < kept ? i : kept - IN_A_FRAME + i % IN_A_FRAME);
}

struct flat_page *compound_head(struct flat_page *page)
{
	return page->head & 1 ? (struct flat_page *)(page->head - 1) : page;
}

/* --- Pins --- */

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **page)
{
	struct flat_page *head;

	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	head = head_of(scheme, frame);
	*page = flat_handle(head);
	return frame_word_pin(&head->word);
}

static inline pfn_t last_of(const struct scheme_range *range)
{
	return pfn_add(range->start, range->frames - 1);
}

/* Takes back the pins of a range from its first head up to one that was refused. */
static int give_back(struct flat_page *first, struct flat_page *refused, size_t kept, int error)
{
	while (refused > first) {
		refused -= kept;
		frame_word_unpin(&refused->word, false);
	}
	return error;
}

static int pin_range(struct scheme *scheme, struct scheme_range *range)
{
	size_t kept = (size_t)1 << instance(scheme)->kept;
	int error = scheme_range_check(scheme, range);
	struct flat_page *first, *last, *head;

	if (error)
		return error;
	first = head_of(scheme, range->start);
	last = head_of(scheme, last_of(range));
	for (head = first; head <= last; head += kept) {
		error = frame_word_pin(&head->word);
		if (unlikely(error))
			return give_back(first, head, kept, error);
	}
	error = scheme_range_append(range);
	return likely(!error) ? 0 : give_back(first, head, kept, error);
}

static void unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	size_t kept = (size_t)1 << instance(scheme)->kept;
	struct flat_page *last = head_of(scheme, last_of(range));

	for (struct flat_page *head = head_of(scheme, range->start); head <= last; head += kept)
		frame_word_unpin(&head->word, written);
}

/* --- Looks and errors --- */

static struct scheme_page *find(struct scheme *scheme, pfn_t frame)
{
	return likely(scheme_has(scheme, frame)) ? flat_handle(head_of(scheme, frame)) : NULL;
}

static pfn_t head_to_pfn(struct scheme *scheme, const struct scheme_page *handle)
{
	const struct compound *compound = instance(scheme);
	uint64_t place = (uint64_t)((const struct flat_page *)handle - compound->pages);

	return pfn_add(scheme->start, (place >> compound->kept) * PAGES_PER_AREA);
}

static size_t compound_size(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	(void)page;
	return AREA_SIZE;
}

static int pins(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame)
		       ? (int)frame_word_pins(atomic_load(&head_of(scheme, frame)->word))
		       : -ENOENT;
}

static int poison(struct scheme *scheme, pfn_t frame)
{
	if (!scheme_has(scheme, frame))
		return -ENOENT;
	(void)frame_word_set(&head_of(scheme, frame)->word, FRAME_BAD);
	return 0;
}

static int unpoison(struct scheme *scheme, pfn_t frame)
{
	if (!scheme_has(scheme, frame))
		return -ENOENT;
	(void)frame_word_clear(&head_of(scheme, frame)->word, FRAME_BAD);
	return 0;
}

#define NO_SMALL_PAGES "a page is 2 MiB, and so is what is locked, noted or bad"
#define NO_OWNERS      "a descriptor has room for one mapping and one index"

const struct scheme_ops compound_scheme = {
	.name = "compound",
	.refusals = {[SCHEME_SMALL_PAGES] = NO_SMALL_PAGES, [SCHEME_OWNERS] = NO_OWNERS},
	.needs = needs_two,
	.begin = begin_two,
	.usage = usage,
	.pin = pin,
	.unpin = flat_unpin,
	.pin_range = pin_range,
	.unpin_range = unpin_range,
	.find = find,
	.page_to_pfn = head_to_pfn,
	.page_size = compound_size,
	.trylock = flat_trylock,
	.unlock = flat_unlock,
	.mark_dirty = flat_mark_dirty,
	.clear_dirty = flat_clear_dirty,
	.pins = pins,
	.poison = poison,
	.unpoison = unpoison,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};

const struct scheme_ops compound_hvo_scheme = {
	.name = "compound-hvo",
	.refusals = {[SCHEME_SMALL_PAGES] = NO_SMALL_PAGES, [SCHEME_OWNERS] = NO_OWNERS},
	.needs = needs_one,
	.begin = begin_one,
	.usage = usage,
	.pin = pin,
	.unpin = flat_unpin,
	.pin_range = pin_range,
	.unpin_range = unpin_range,
	.find = find,
	.page_to_pfn = head_to_pfn,
	.page_size = compound_size,
	.trylock = flat_trylock,
	.unlock = flat_unlock,
	.mark_dirty = flat_mark_dirty,
	.clear_dirty = flat_clear_dirty,
	.pins = pins,
	.poison = poison,
	.unpoison = unpoison,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
