/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which flush hints of the NFIT may be used. Whoever writes to one writes where firmware says, so
 * it must be nobody's memory: a hint that lies in RAM, in data, in tables or in registers that are
 * known to be something else is refused.
 */
#include "drivers/heap_sort.h"
#include "drivers/inventory_build.h"
#include "drivers/sorted.h"

static uint64_t handle_of(const void *nvdimm)
{
	return ((const struct nvdimm *)nvdimm)->handle;
}

static struct nvdimm *find_nvdimm(struct inventory *inventory, uint32_t handle)
{
	return sorted_find((struct sorted){inventory->nvdimms, inventory->nr_nvdimms,
					   sizeof(*inventory->nvdimms), handle_of},
			   handle);
}

/* The whole frame counts, since it is what gets mapped without caching. */
static enum refusal_reason judge(const struct builder *builder, uint64_t address)
{
	const uint64_t frame = align_down(address, PAGE_SIZE);
	const struct span span = {frame, frame + PAGE_SIZE};
	unsigned bits = builder->sources->physical_bits;

	if (address % sizeof(uint64_t) != 0)
		return REFUSED_HINT_UNALIGNED;
	if (bits < 64 ? address >> bits : frame > UINT64_MAX - PAGE_SIZE)
		return REFUSED_BEYOND_CPU;
	if (span_set_touches(&builder->used, span))
		return REFUSED_OVERLAPS_USED;
	if (span_set_touches(&builder->ram, span))
		return REFUSED_OVERLAPS_RAM;
	if (span_set_touches(&builder->firmware, span))
		return REFUSED_OVERLAPS_FIRMWARE;
	if (span_set_touches(&builder->devices, span))
		return REFUSED_OVERLAPS_DEVICE;
	if (span_set_touches(&builder->data, span))
		return REFUSED_OVERLAPS_DATA;
	return NOT_REFUSED;
}

static void add_hints(void *context, const struct nfit_flush *flush)
{
	struct builder *builder = context;
	struct inventory *inventory = builder->inventory;
	struct nvdimm *nvdimm = find_nvdimm(inventory, flush->handle);

	if (!nvdimm)
		return;
	for (uint16_t i = 0; i < flush->hints; i++) {
		uint64_t address = nfit_flush_address(flush, i);
		enum refusal_reason reason = judge(builder, address);

		nvdimm->hints++;
		if (reason) {
			inventory_refuse(inventory, &(struct refusal){.what = "hint",
								      .id = flush->handle,
								      .start = phys(address),
								      .length = sizeof(address),
								      .reason = reason});
			continue;
		}
		inventory->hints[inventory->nr_hints] = (struct inventory_hint){
			.nvdimm = (uint32_t)(nvdimm - inventory->nvdimms),
			.order = (uint32_t)inventory->nr_hints,
			.address = phys(address),
		};
		inventory->nr_hints++;
	}
}

static int by_nvdimm(const void *left, const void *right)
{
	const struct inventory_hint *a = left, *b = right;

	if (a->nvdimm != b->nvdimm)
		return a->nvdimm < b->nvdimm ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* Memory that may hold somebody's data, whether it is used or not. */
static void collect_data(struct builder *builder)
{
	const struct inventory_sources *sources = builder->sources;
	const struct inventory *inventory = builder->inventory;

	for (size_t i = 0; i < inventory->nr_ranges; i++)
		if (inventory->ranges[i].type != NFIT_CONTROL_REGION)
			span_set_add(&builder->data, inventory->ranges[i].start,
				     inventory->ranges[i].length);
	for (size_t i = 0; i < sources->nr_map; i++)
		if (sources->map[i].type == MEMORY_TYPE_PMEM ||
		    sources->map[i].type == MEMORY_TYPE_PRAM)
			span_set_add(&builder->data, sources->map[i].start, sources->map[i].length);
	span_set_prepare(&builder->data);
}

void builder_read_hints(struct builder *builder)
{
	const struct acpi_bytes *nfit = &builder->sources->nfit;
	struct inventory *inventory = builder->inventory;
	const struct nfit_visitor visitor = {.flush = add_hints, .context = builder};
	int error = 0;

	collect_data(builder);
	/* A second look at a table that was parsed before, for what needs the NVDIMMs. */
	if (inventory->nr_nvdimms > 0)
		error = nfit_parse(nfit->bytes, nfit->length, &visitor);
	(void)error;
	heap_sort(inventory->hints, inventory->nr_hints, sizeof(*inventory->hints), by_nvdimm);
	for (size_t i = inventory->nr_hints; i-- > 0;) {
		struct nvdimm *nvdimm = &inventory->nvdimms[inventory->hints[i].nvdimm];

		nvdimm->first_hint = i;
		nvdimm->usable_hints++;
	}
}
