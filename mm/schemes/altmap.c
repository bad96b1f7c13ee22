/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/altmap.h"

#include <string.h>

#include "mm/host.h"

struct altmap {
	struct flat flat;
	uint64_t reserved; /* frames */
};

/* Frames for the descriptors of those that are left. */
static uint64_t reserved(uint64_t frames)
{
	uint64_t described_by_one = PAGE_SIZE / sizeof(struct flat_page);

	return (frames + described_by_one) / (described_by_one + 1);
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	*needs = (struct scheme_needs){
		.dram_bytes = sizeof(struct altmap),
		.dram_bytes_most = sizeof(struct altmap),
		.medium_bytes = reserved(setup->frames) << PAGE_SHIFT,
	};
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct altmap *altmap = dram;
	uint64_t taken = reserved(setup->frames);

	if (taken >= setup->frames)
		return NULL;
	*altmap = (struct altmap){
		.flat = {.scheme = {.ops = &altmap_scheme,
				    .start = pfn_add(setup->start, taken),
				    .frames = setup->frames - taken},
			 .pages = host_virt(pfn_to_phys(setup->start))},
		.reserved = taken,
	};
	memset(altmap->flat.pages, 0, taken << PAGE_SHIFT);
	return &altmap->flat.scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	size_t bytes = ((struct altmap *)scheme)->reserved << PAGE_SHIFT;
	uint64_t stores = flat_changes(scheme);

	*usage = (struct scheme_usage){
		.dram_bytes = sizeof(struct altmap),
		.medium_bytes = bytes,
		.medium_stores = stores,
		.medium_written = bytes + stores * sizeof(frame_word_t),
	};
}

const struct scheme_ops altmap_scheme = {
	.name = "altmap",
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
