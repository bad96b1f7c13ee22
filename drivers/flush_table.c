/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/flush_table.h"

#include "mm/host.h"

#include <string.h>

/* The arrays in the storage, and what maps the hints. */
struct table {
	struct inventory *inventory;
	void *(*map)(phys_t, size_t);
	struct flush_range *ranges;    /* one for each region, at most */
	struct flush_hints *nvdimms;   /* one for each mapping: a set's from its first mapping on */
	volatile uint64_t **addresses; /* one for each hint: an NVDIMM's from its first hint on */
	bool *mapped;                  /* one for each NVDIMM: its hints were mapped or refused */
	phys_t frame;                  /* that was mapped last */
	char *window;                  /* ... and where; NULL: not at all */
};

size_t flush_table_size(const struct inventory *inventory)
{
	return inventory->nr_regions * sizeof(struct flush_range) +
	       inventory->nr_mappings * sizeof(struct flush_hints) +
	       inventory->nr_hints * sizeof(volatile uint64_t *) +
	       inventory->nr_nvdimms * sizeof(bool);
}

static bool may_be_written(const struct region *region)
{
	return region->kind == MEMORY_PERSISTENT && region->writable;
}

/* Hints often share a page. */
static volatile uint64_t *map_hint(struct table *table, phys_t hint)
{
	phys_t frame = phys(align_down(hint.addr, PAGE_SIZE));

	if (!table->window || table->frame.addr != frame.addr)
		table->window = table->map(frame, PAGE_SIZE);
	table->frame = frame;
	return table->window ? (volatile uint64_t *)(table->window + hint.addr % PAGE_SIZE) : NULL;
}

/* From now on the NVDIMM's hints are those that are mapped. */
static void map_hints(struct table *table, struct nvdimm *nvdimm)
{
	const struct inventory_hint *hints = &table->inventory->hints[nvdimm->first_hint];
	volatile uint64_t **addresses = &table->addresses[nvdimm->first_hint];
	bool *mapped = &table->mapped[nvdimm - table->inventory->nvdimms];
	uint32_t nr = 0;

	if (*mapped)
		return;
	*mapped = true;
	for (uint32_t i = 0; i < nvdimm->usable_hints && nr < FLUSH_HINTS_MAX; i++) {
		addresses[nr] = map_hint(table, hints[i].address);
		if (addresses[nr])
			nr++;
		else
			inventory_refuse(table->inventory,
					 &(struct refusal){.what = "hint",
							   .id = nvdimm->handle,
							   .start = hints[i].address,
							   .length = sizeof(uint64_t),
							   .reason = REFUSED_HINT_UNMAPPED});
	}
	nvdimm->usable_hints = nr;
}

static bool is_among(const struct flush_hints *hints, size_t nr,
		     volatile uint64_t *const *addresses)
{
	for (size_t i = 0; i < nr; i++)
		if (hints[i].addresses == addresses)
			return true;
	return false;
}

/* Lists the NVDIMMs of a set that have hints, each once; returns how many. */
static size_t list_nvdimms(struct table *table, const struct interleave_set *set)
{
	struct inventory *inventory = table->inventory;
	struct flush_hints *list = &table->nvdimms[set->first_mapping];
	size_t nr = 0;

	for (size_t i = 0; i < set->nr_mappings; i++) {
		struct nvdimm *nvdimm =
			&inventory->nvdimms[inventory->mappings[set->first_mapping + i].nvdimm];
		volatile uint64_t *const *addresses = &table->addresses[nvdimm->first_hint];

		map_hints(table, nvdimm);
		if (nvdimm->usable_hints == 0 || is_among(list, nr, addresses))
			continue;
		/* The largest power of two that is not more. */
		list[nr++] = (struct flush_hints){
			addresses, UINT32_C(1) << (31 - __builtin_clz(nvdimm->usable_hints))};
	}
	return nr;
}

size_t flush_table_build(struct inventory *inventory, void *(*map)(phys_t, size_t), void *storage,
			 const struct flush_range **ranges)
{
	struct table table = {.inventory = inventory, .map = map, .ranges = storage};
	size_t nr = 0;

	memset(storage, 0, flush_table_size(inventory));
	table.nvdimms = (struct flush_hints *)(table.ranges + inventory->nr_regions);
	table.addresses = (volatile uint64_t **)(table.nvdimms + inventory->nr_mappings);
	table.mapped = (bool *)(table.addresses + inventory->nr_hints);
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		const struct region *region = &inventory->regions[i];
		const struct interleave_set *set = &inventory->sets[region->set];
		size_t nr_nvdimms = may_be_written(region) ? list_nvdimms(&table, set) : 0;
		uintptr_t start;

		if (nr_nvdimms == 0)
			continue;
		start = (uintptr_t)host_virt(pfn_to_phys(region->start));
		table.ranges[nr++] = (struct flush_range){
			.start = start,
			.end = start + region_bytes(region),
			.nvdimms = &table.nvdimms[set->first_mapping],
			.nr_nvdimms = nr_nvdimms,
		};
	}
	*ranges = table.ranges;
	return nr;
}

enum persistence_domain flush_table_domain(const struct inventory *inventory)
{
	enum persistence_domain weakest = PERSISTENCE_CPU_CACHE;
	bool any = false;

	for (size_t i = 0; i < inventory->nr_regions; i++) {
		const struct region *region = &inventory->regions[i];

		if (!may_be_written(region))
			continue;
		any = true;
		if (region->domain < weakest)
			weakest = region->domain;
	}
	return any ? weakest : PERSISTENCE_UNKNOWN;
}
