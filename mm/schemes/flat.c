/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/flat.h"

static struct flat_page *behind(struct scheme_page *handle)
{
	return (struct flat_page *)handle;
}

static size_t array_bytes(uint64_t frames)
{
	return frames * sizeof(struct flat_page);
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	needs->dram_bytes = sizeof(struct flat_page) + array_bytes(setup->frames);
	needs->dram_bytes_most = needs->dram_bytes;
	needs->medium_bytes = 0;
}

/* The instance takes the place of one descriptor, so that those of the frames are aligned. */
_Static_assert(sizeof(struct flat) <= sizeof(struct flat_page), "before the array");

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct flat *flat = dram;

	*flat = (struct flat){
		.scheme = {.ops = &flat_scheme, .start = setup->start, .frames = setup->frames},
		.pages = (struct flat_page *)dram + 1,
	};
	return &flat->scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	*usage = (struct scheme_usage){
		.dram_bytes = sizeof(struct flat_page) + array_bytes(scheme->frames),
	};
}

int flat_pin(struct scheme *scheme, pfn_t frame, struct scheme_page **page)
{
	struct flat_page *found;

	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	found = flat_at(scheme, frame);
	*page = flat_handle(found);
	return frame_word_pin(&found->word);
}

void flat_unpin(struct scheme *scheme, struct scheme_page *page, enum scheme_written written)
{
	(void)scheme;
	frame_word_unpin(&behind(page)->word, written);
}

/* Takes back the pins of a range from its first page up to one that was refused. */
static int give_back(struct flat_page *first, struct flat_page *refused, int error)
{
	while (refused-- > first)
		frame_word_unpin(&refused->word, false);
	return error;
}

int flat_pin_range(struct scheme *scheme, struct scheme_range *range)
{
	struct flat_page *first, *end;
	int error = scheme_range_check(scheme, range);

	if (error)
		return error;
	first = flat_at(scheme, range->start);
	end = first + range->frames;
	for (struct flat_page *page = first; page < end; page++) {
		__builtin_prefetch(page + FLAT_AHEAD, 1);
		error = frame_word_pin(&page->word);
		if (unlikely(error))
			return give_back(first, page, error);
	}
	error = scheme_range_append(range);
	return likely(!error) ? 0 : give_back(first, end, error);
}

void flat_unpin_range(struct scheme *scheme, const struct scheme_range *range,
		      enum scheme_written written)
{
	struct flat_page *page = flat_at(scheme, range->start);
	struct flat_page *end = page + range->frames;

	if (written)
		for (; page < end; page++)
			frame_word_unpin(&page->word, true);
	else
		for (; page < end; page++)
			frame_word_unpin(&page->word, false);
}

struct scheme_page *flat_find(struct scheme *scheme, pfn_t frame)
{
	return flat_handle(flat_page(scheme, frame));
}

pfn_t flat_page_to_pfn(struct scheme *scheme, const struct scheme_page *handle)
{
	const struct flat *flat = (const struct flat *)scheme;

	return pfn_add(scheme->start, (uint64_t)((const struct flat_page *)handle - flat->pages));
}

size_t flat_page_size(struct scheme *scheme, const struct scheme_page *handle)
{
	(void)scheme;
	(void)handle;
	return PAGE_SIZE;
}

int flat_trylock(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return frame_word_set(&behind(page)->word, FRAME_LOCKED) ? 0 : -EBUSY;
}

int flat_unlock(struct scheme *scheme, struct scheme_page *page)
{
	if (unlikely(!frame_word_clear(&behind(page)->word, FRAME_LOCKED)))
		host_panic("the frame at %#llx is unlocked that is not locked",
			   (unsigned long long)pfn_to_phys(scheme_page_to_pfn(scheme, page)).addr);
	return 0;
}

int flat_mark_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	(void)frame_word_set(&behind(page)->word, FRAME_DIRTY);
	return 0;
}

int flat_clear_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return frame_word_clear(&behind(page)->word, FRAME_DIRTY);
}

int flat_pins(struct scheme *scheme, pfn_t frame)
{
	struct flat_page *page = flat_page(scheme, frame);

	return page ? (int)frame_word_pins(atomic_load(&page->word)) : -ENOENT;
}

int flat_poison(struct scheme *scheme, pfn_t frame)
{
	struct flat_page *page = flat_page(scheme, frame);

	if (!page)
		return -ENOENT;
	(void)frame_word_set(&page->word, FRAME_BAD);
	return 0;
}

int flat_unpoison(struct scheme *scheme, pfn_t frame)
{
	struct flat_page *page = flat_page(scheme, frame);

	if (!page)
		return -ENOENT;
	(void)frame_word_clear(&page->word, FRAME_BAD);
	return 0;
}

uint64_t flat_changes(const struct scheme *scheme)
{
	const struct flat *flat = (const struct flat *)scheme;
	uint64_t changes = 0;

	for (uint64_t i = 0; i < scheme->frames; i++)
		changes += frame_word_changes(
			atomic_load_explicit(&flat->pages[i].word, memory_order_relaxed));
	return changes;
}

const struct scheme_ops flat_scheme = {
	.name = "flat",
	.refusals = {[SCHEME_OWNERS] = "a descriptor has room for one mapping and one index"},
	.needs = needs,
	.begin = begin,
	.usage = usage,
	.pin = flat_pin,
	.unpin = flat_unpin,
	.pin_range = flat_pin_range,
	.unpin_range = flat_unpin_range,
	.find = flat_find,
	.page_to_pfn = flat_page_to_pfn,
	.page_size = flat_page_size,
	.trylock = flat_trylock,
	.unlock = flat_unlock,
	.mark_dirty = flat_mark_dirty,
	.clear_dirty = flat_clear_dirty,
	.pins = flat_pins,
	.poison = flat_poison,
	.unpoison = flat_unpoison,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
