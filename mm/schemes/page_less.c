/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/page_less.h"

#include <errno.h>

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	(void)setup;
	*needs = (struct scheme_needs){
		.dram_bytes = sizeof(struct scheme),
		.dram_bytes_most = sizeof(struct scheme),
	};
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct scheme *scheme = dram;

	*scheme = (struct scheme){
		.ops = &page_less_scheme,
		.start = setup->start,
		.frames = setup->frames,
	};
	return scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	*usage = (struct scheme_usage){.dram_bytes = sizeof(*scheme)};
}

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **page)
{
	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	*page = (struct scheme_page *)(frame.n << PAGE_LESS_SHIFT | PAGE_LESS_DEVICE);
	return 0;
}

static void unpin(struct scheme *scheme, struct scheme_page *page, enum scheme_written written)
{
	(void)scheme;
	(void)page;
	(void)written;
}

static int pin_range(struct scheme *scheme, struct scheme_range *range)
{
	int error = scheme_range_check(scheme, range);

	return error ? error : scheme_range_append(range);
}

static void unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	(void)scheme;
	(void)range;
	(void)written;
}

static struct scheme_page *find(struct scheme *scheme, pfn_t frame)
{
	(void)scheme;
	(void)frame;
	return NULL;
}

static pfn_t page_less_to_pfn(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	return pfn((uintptr_t)page >> PAGE_LESS_SHIFT);
}

static size_t page_less_size(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	(void)page;
	return PAGE_SIZE;
}

const struct scheme_ops page_less_scheme = {
	.name = "page-less",
	.refusals = {[SCHEME_FIND] = "a frame has a number and no descriptor",
		     [SCHEME_COUNTS] = "there is no place for a count",
		     [SCHEME_LOCKS] = "there is no place for a lock",
		     [SCHEME_DIRTY] = "there is no place for a note",
		     [SCHEME_BAD_FRAMES] =
			     "there is no place for a mark; it takes a list elsewhere",
		     [SCHEME_OWNERS] = "there is no place for an owner",
		     [SCHEME_DEVICES] = "nothing tells that a device still works on a frame"},
	.needs = needs,
	.begin = begin,
	.usage = usage,
	.pin = pin,
	.unpin = unpin,
	.pin_range = pin_range,
	.unpin_range = unpin_range,
	.find = find,
	.page_to_pfn = page_less_to_pfn,
	.page_size = page_less_size,
	.trylock = scheme_refuses_page,
	.unlock = scheme_refuses_page,
	.mark_dirty = scheme_refuses_page,
	.clear_dirty = scheme_refuses_page,
	.pins = scheme_refuses_frame,
	.poison = scheme_refuses_frame,
	.unpoison = scheme_refuses_frame,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
