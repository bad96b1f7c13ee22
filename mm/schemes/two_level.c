/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/two_level.h"

#include "mm/schemes/window.h"

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	window_needs(setup, sizeof(struct scheme), needs);
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct scheme *scheme = dram;

	if (!window_fits(setup))
		return NULL;
	*scheme = (struct scheme){
		.ops = &two_level_scheme,
		.start = setup->start,
		.frames = setup->frames,
	};
	return scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	window_usage(sizeof(*scheme), usage);
}

const struct scheme_ops two_level_scheme = {
	.name = "two-level",
	.refusals = {[SCHEME_OWNERS] = "a page has 32 bits for one owner"},
	.needs = needs,
	.begin = begin,
	.usage = usage,
	.pin = window_pin,
	.unpin = window_unpin,
	.pin_range = window_pin_range,
	.unpin_range = window_unpin_range,
	.find = window_find,
	.page_to_pfn = window_page_to_pfn,
	.page_size = window_page_size,
	.trylock = window_trylock,
	.unlock = window_unlock,
	.mark_dirty = window_mark_dirty,
	.clear_dirty = window_clear_dirty,
	.pins = window_pins,
	.poison = window_poison,
	.unpoison = window_unpoison,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
