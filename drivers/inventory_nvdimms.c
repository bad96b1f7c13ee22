/* SPDX-License-Identifier: BSD-2-Clause */
/* Joins mappings and control regions into NVDIMMs, and NVDIMMs into sets. */
#include "drivers/heap_sort.h"
#include "drivers/inventory_build.h"
#include "drivers/sorted.h"

#include <stdio.h>

static int mapping_by_handle(const void *left, const void *right)
{
	const struct inventory_mapping *a = left, *b = right;

	if (a->handle != b->handle)
		return a->handle < b->handle ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static int mapping_by_range(const void *left, const void *right)
{
	const struct inventory_mapping *a = left, *b = right;

	if (a->range != b->range)
		return a->range < b->range ? -1 : 1;
	if (a->region_offset != b->region_offset)
		return a->region_offset < b->region_offset ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static int control_by_index(const void *left, const void *right)
{
	const struct nfit_control *a = left, *b = right;

	return (a->index > b->index) - (a->index < b->index);
}

static uint64_t control_index(const void *control)
{
	return ((const struct nfit_control *)control)->index;
}

static const struct nfit_control *find_control(const struct builder *builder, uint16_t index)
{
	return sorted_find((struct sorted){builder->controls, builder->nr_controls,
					   sizeof(*builder->controls), control_index},
			   index);
}

static void identify(struct nvdimm *nvdimm, const struct nfit_control *control)
{
	nvdimm->identified = true;
	nvdimm->vendor = control->vendor;
	nvdimm->device = control->device;
	nvdimm->revision = control->revision;
	nvdimm->subsystem_vendor = control->subsystem_vendor;
	nvdimm->subsystem_device = control->subsystem_device;
	nvdimm->interface_code = control->interface_code;
	nvdimm->manufacturing_date = control->manufacturing_date;
	nvdimm->manufacturing_location = control->manufacturing_location;
	nvdimm->serial = control->serial;
}

/* Adds one mapping to its NVDIMM, and reports what it refers to and is not there. */
static void join_mapping(struct builder *builder, const struct inventory_mapping *mapping,
			 struct nvdimm *nvdimm)
{
	const struct inventory_range *range = builder_find_range(builder, mapping->range);
	const struct nfit_control *control = find_control(builder, mapping->control);
	struct refusal refusal = {
		.what = "mapping", .id = mapping->handle, .length = mapping->size};

	nvdimm->flags |= mapping->flags;
	nvdimm->mappings++;
	if (mapping->range == 0 || !range || range->type == NFIT_PERSISTENT)
		nvdimm->size += mapping->size;
	if (mapping->range != 0 && !range) {
		refusal.reason = REFUSED_UNKNOWN_RANGE;
		inventory_refuse(builder->inventory, &refusal);
	}
	if (!control) {
		refusal.reason = REFUSED_UNKNOWN_CONTROL;
		inventory_refuse(builder->inventory, &refusal);
	} else if (!nvdimm->identified) {
		identify(nvdimm, control);
	}
}

void builder_join_nvdimms(struct builder *builder)
{
	struct inventory *inventory = builder->inventory;

	heap_sort(builder->controls, builder->nr_controls, sizeof(*builder->controls),
		  control_by_index);
	heap_sort(inventory->mappings, inventory->nr_mappings, sizeof(*inventory->mappings),
		  mapping_by_handle);
	for (size_t i = 0; i < inventory->nr_mappings; i++) {
		struct inventory_mapping *mapping = &inventory->mappings[i];
		struct nvdimm *nvdimm;

		if (i == 0 || mapping[-1].handle != mapping->handle) {
			nvdimm = &inventory->nvdimms[inventory->nr_nvdimms++];
			nvdimm->handle = mapping->handle;
			nvdimm->smbios_handle = mapping->smbios_handle;
			snprintf(nvdimm->name, sizeof(nvdimm->name), "nmem%u",
				 (unsigned)(inventory->nr_nvdimms - 1));
		}
		mapping->nvdimm = (uint32_t)(inventory->nr_nvdimms - 1);
		join_mapping(builder, mapping, &inventory->nvdimms[mapping->nvdimm]);
	}
}

static uint64_t set_cookie(struct builder *builder, const struct interleave_set *set,
			   enum interleave_cookie kind)
{
	const struct inventory *inventory = builder->inventory;

	for (size_t i = 0; i < set->nr_mappings; i++) {
		const struct inventory_mapping *mapping =
			&inventory->mappings[set->first_mapping + i];
		const struct nvdimm *nvdimm = &inventory->nvdimms[mapping->nvdimm];

		builder->members[i] = (struct interleave_member){
			.region_offset = mapping->region_offset,
			.serial = nvdimm->serial,
			.vendor = nvdimm->vendor,
			.manufacturing_date = nvdimm->manufacturing_date,
			.manufacturing_location = nvdimm->manufacturing_location,
		};
	}
	return interleave_cookie(kind, builder->members, set->nr_mappings);
}

static uint64_t mapping_range(const void *mapping)
{
	return ((const struct inventory_mapping *)mapping)->range;
}

/* The first mapping of a range, or where it would be. */
static size_t first_mapping(const struct inventory *inventory, uint16_t range)
{
	return sorted_first((struct sorted){inventory->mappings, inventory->nr_mappings,
					    sizeof(*inventory->mappings), mapping_range},
			    range);
}

/*
 * Finds the set's mappings. It is armed if they account for every byte of the range, since flags of
 * an NVDIMM that is not known are not known either, and if no flag of their NVDIMMs speaks against.
 */
static void collect_mappings(struct inventory *inventory, const struct inventory_range *range,
			     struct interleave_set *set)
{
	uint64_t left = range->length;

	set->first_mapping = first_mapping(inventory, range->index);
	set->armed = true;
	for (size_t i = set->first_mapping; i < inventory->nr_mappings; i++) {
		const struct inventory_mapping *mapping = &inventory->mappings[i];

		if (mapping->range != range->index)
			break;
		set->nr_mappings++;
		if (inventory->nvdimms[mapping->nvdimm].flags & NFIT_FAILED)
			set->armed = false;
		if (mapping->size > left) {
			left = UINT64_MAX;
			break;
		}
		left -= mapping->size;
	}
	if (left == 0)
		return;
	set->armed = false;
	inventory_refuse(inventory, &(struct refusal){.what = "range",
						      .id = range->index,
						      .start = range->start,
						      .length = range->length,
						      .reason = REFUSED_INCOMPLETE});
}

void builder_make_sets(struct builder *builder)
{
	struct inventory *inventory = builder->inventory;

	heap_sort(inventory->mappings, inventory->nr_mappings, sizeof(*inventory->mappings),
		  mapping_by_range);
	for (size_t i = 0; i < inventory->nr_ranges; i++) {
		const struct inventory_range *range = &inventory->ranges[i];
		struct interleave_set *set = &inventory->sets[inventory->nr_sets];

		if (range->type != NFIT_PERSISTENT)
			continue;
		inventory->nr_sets++;
		set->range = i;
		set->node = range->node;
		set->node_known = range->flags & NFIT_RANGE_NODE_VALID;
		/* A refused range never becomes a region; mappings do not say which of two. */
		if (range->refused)
			continue;
		collect_mappings(inventory, range, set);
		set->cookie_v1_1 = set_cookie(builder, set, COOKIE_V1_1);
		set->cookie_v1_2 = set_cookie(builder, set, COOKIE_V1_2);
	}
}
