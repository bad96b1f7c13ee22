/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/two_level_wear.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page_map.h"
#include "mm/schemes/bad_record.h"
#include "mm/schemes/window.h"

enum { RESERVED = 1 };

struct two_level_wear {
	struct scheme scheme;
	atomic_uint locked; /* by whoever changes the record, and the pages that it is about */
	struct bad_record record;
};

static struct two_level_wear *instance_of(struct scheme *scheme)
{
	return (struct two_level_wear *)scheme;
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	window_needs(setup, sizeof(struct two_level_wear), needs);
	needs->medium_bytes = RESERVED * PAGE_SIZE;
}

/* Takes what the record names out of use, as far as it is of this run. */
static void poison_recorded(const struct two_level_wear *wear)
{
	uint64_t frame;

	for (size_t slot = 1; slot <= BAD_RECORD_SLOTS; slot++)
		if (bad_record_frame(&wear->record, slot, &frame) && frame < wear->scheme.frames)
			(void)!page_poison(pfn_add(wear->scheme.start, frame));
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	struct two_level_wear *wear = dram;

	if (!window_can_reserve(setup, RESERVED) ||
	    bad_record_begin(&wear->record, host_virt(pfn_to_phys(setup->start))))
		return NULL;
	wear->scheme = (struct scheme){
		.ops = &two_level_wear_scheme,
		.start = pfn_add(setup->start, RESERVED),
		.frames = setup->frames - RESERVED,
	};
	poison_recorded(wear);
	return &wear->scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	const struct two_level_wear *wear = instance_of(scheme);

	window_usage(sizeof(*wear), usage);
	usage->medium_bytes = RESERVED * PAGE_SIZE;
	usage->medium_stores = wear->record.stores;
	usage->medium_written = wear->record.made_bytes + wear->record.stores * sizeof(uint64_t);
}

static void lock(struct two_level_wear *wear)
{
	while (atomic_fetch_or(&wear->locked, 1))
		cpu_relax();
}

static void unlock(struct two_level_wear *wear)
{
	atomic_store(&wear->locked, 0);
}

static int poison(struct scheme *scheme, pfn_t frame)
{
	struct two_level_wear *wear = instance_of(scheme);
	int error;

	lock(wear);
	error = window_poison(scheme, frame);
	if (!error)
		error = bad_record_add(&wear->record, pfn_distance(scheme->start, frame));
	unlock(wear);
	return error;
}

static int unpoison(struct scheme *scheme, pfn_t frame)
{
	struct two_level_wear *wear = instance_of(scheme);
	int error;

	lock(wear);
	error = window_unpoison(scheme, frame);
	if (!error)
		bad_record_remove(&wear->record, pfn_distance(scheme->start, frame));
	unlock(wear);
	return error;
}

const struct scheme_ops two_level_wear_scheme = {
	.name = "two-level-wear",
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
	.poison = poison,
	.unpoison = unpoison,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
