/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the tables into arrays; the other inventory_*.c make sense of them. */
#include "drivers/inventory_build.h"
#include "drivers/heap_sort.h"
#include "drivers/madt.h"
#include "drivers/mcfg.h"
#include "drivers/srat.h"

#include <errno.h>
#include <string.h>

enum {
	APIC_BYTES = 4096,      /* of registers, local or I/O */
	STORAGE_ALIGNMENT = 16, /* of the storage and of every array in it */
};

static const struct inventory *published;

void inventory_refuse(struct inventory *inventory, const struct refusal *refusal)
{
	if (inventory->nr_refusals < INVENTORY_REFUSALS_MAX)
		inventory->refusals[inventory->nr_refusals++] = *refusal;
	else
		inventory->refusals_dropped++;
}

/* --- The storage. --- */

/* Hands out one array after the other; without storage it only adds up what they need. */
struct carver {
	uint8_t *storage;
	size_t used;
};

static void *carve(struct carver *carver, size_t nr, size_t element_bytes)
{
	void *array = carver->storage ? carver->storage + carver->used : NULL;

	carver->used += align_up(nr * element_bytes, (size_t)STORAGE_ALIGNMENT);
	return array;
}

/* A table that is so long that it can only be noise counts as none. */
static size_t useful_length(struct acpi_bytes table)
{
	return table.length > INVENTORY_TABLE_BYTES_MAX ? 0 : table.length;
}

/*
 * Room by the lengths of the tables, since no structure is shorter than its type's, so that nothing
 * needs to be parsed to know it.
 */
static void carve_all(struct builder *builder, struct carver *carver)
{
	const struct inventory_sources *sources = builder->sources;
	struct inventory *inventory = builder->inventory;
	size_t nfit = useful_length(sources->nfit);
	size_t nr_ranges = nfit / NFIT_RANGE_BYTES_WITHOUT_COOKIE;
	size_t nr_mappings = nfit / sizeof(struct nfit_mapping);
	size_t nr_controls = nfit / NFIT_CONTROL_BYTES_WITHOUT_WINDOWS;
	size_t nr_hints = nfit / sizeof(uint64_t);
	size_t nr_affinities = useful_length(sources->srat) / sizeof(struct srat_memory);
	size_t nr_devices = 1 + useful_length(sources->madt) / sizeof(struct madt_io_apic) +
			    useful_length(sources->mcfg) / sizeof(struct mcfg_window) +
			    useful_length(sources->hpet) / sizeof(struct hpet_table);
	/* An entry of the memory map makes up to two claims, everything else makes one. */
	size_t nr_boundaries =
		2 * (2 * sources->nr_map + sources->nr_used + nr_ranges + nr_affinities);

	inventory->room_regions = nr_boundaries + INVENTORY_TAKES_MAX;
	inventory->regions = carve(carver, inventory->room_regions, sizeof(*inventory->regions));
	inventory->contents = carve(carver, inventory->room_regions, sizeof(*inventory->contents));
	inventory->refusals = carve(carver, INVENTORY_REFUSALS_MAX, sizeof(*inventory->refusals));
	inventory->ranges = carve(carver, nr_ranges, sizeof(*inventory->ranges));
	inventory->sets = carve(carver, nr_ranges, sizeof(*inventory->sets));
	inventory->mappings = carve(carver, nr_mappings, sizeof(*inventory->mappings));
	inventory->nvdimms = carve(carver, nr_mappings, sizeof(*inventory->nvdimms));
	inventory->hints = carve(carver, nr_hints, sizeof(*inventory->hints));
	builder->members = carve(carver, nr_mappings, sizeof(*builder->members));
	builder->controls = carve(carver, nr_controls, sizeof(*builder->controls));
	builder->affinities = carve(carver, nr_affinities, sizeof(*builder->affinities));
	builder->boundaries = carve(carver, nr_boundaries, sizeof(*builder->boundaries));
	builder->ram.spans = carve(carver, sources->nr_map, sizeof(struct span));
	builder->firmware.spans = carve(carver, sources->nr_map, sizeof(struct span));
	builder->used.spans = carve(carver, sources->nr_used, sizeof(struct span));
	builder->devices.spans = carve(carver, nr_devices, sizeof(struct span));
	builder->data.spans = carve(carver, nr_ranges + sources->nr_map, sizeof(struct span));
}

size_t inventory_size(const struct inventory_sources *sources)
{
	struct inventory inventory = {0};
	struct builder builder = {.sources = sources, .inventory = &inventory};
	struct carver carver = {0};

	carve_all(&builder, &carver);
	return carver.used;
}

/* --- The NFIT. --- */

static void refuse_table(struct builder *builder, const char *table, size_t offset,
			 enum refusal_reason reason, const char *text)
{
	inventory_refuse(
		builder->inventory,
		&(struct refusal){.what = table, .id = offset, .reason = reason, .text = text});
}

static void add_range(void *context, const struct nfit_range *range)
{
	struct inventory *inventory = ((struct builder *)context)->inventory;

	inventory->ranges[inventory->nr_ranges] = (struct inventory_range){
		.index = range->index,
		.flags = range->flags,
		.type = nfit_range_type(range->guid),
		.start = phys(range->start),
		.length = range->length,
		.node = range->node,
		.attributes = range->attributes,
		.order = (uint32_t)inventory->nr_ranges,
	};
	inventory->nr_ranges++;
}

static void add_mapping(void *context, const struct nfit_mapping *mapping)
{
	struct inventory *inventory = ((struct builder *)context)->inventory;

	inventory->mappings[inventory->nr_mappings] = (struct inventory_mapping){
		.handle = mapping->handle,
		.range = mapping->range,
		.control = mapping->control,
		.interleave = mapping->interleave,
		.ways = mapping->ways,
		.flags = mapping->flags,
		.smbios_handle = mapping->smbios_handle,
		.region_offset = mapping->region_offset,
		.size = mapping->size,
		.dpa = mapping->dpa,
		.order = (uint32_t)inventory->nr_mappings,
	};
	inventory->nr_mappings++;
}

static void add_control(void *context, const struct nfit_control *control)
{
	struct builder *builder = context;

	builder->controls[builder->nr_controls++] = *control;
}

/* Where firmware contradicts itself, the weaker promise counts. */
static void add_domain(void *context, enum persistence_domain domain)
{
	struct builder *builder = context;

	if (!builder->domain_known || domain < builder->inventory->domain)
		builder->inventory->domain = domain;
	builder->domain_known = true;
}

static void add_other(void *context, size_t offset, uint16_t type)
{
	if (type > NFIT_TYPE_CAPABILITIES)
		refuse_table(context, "nfit", offset, REFUSED_UNKNOWN_TYPE, NULL);
}

static void nfit_fault(void *context, size_t offset, const char *what)
{
	refuse_table(context, "nfit", offset, REFUSED_MALFORMED, what);
}

/* --- The other tables. --- */

static void add_affinity(void *context, uint32_t node, phys_t start, uint64_t length,
			 uint32_t flags)
{
	struct builder *builder = context;

	builder->affinities[builder->nr_affinities++] =
		(struct affinity){start, length, node, flags & SRAT_MEMORY_HOT_PLUGGABLE};
}

static void ignore_processor(void *context, uint32_t node, uint32_t apic_id)
{
	(void)context;
	(void)node;
	(void)apic_id;
}

static void srat_fault(void *context, size_t offset, const char *what)
{
	refuse_table(context, "srat", offset, REFUSED_MALFORMED, what);
}

static void add_processor(void *context, uint32_t apic_id, uint32_t flags)
{
	struct inventory *inventory = ((struct builder *)context)->inventory;

	(void)apic_id;
	if (flags & MADT_ENABLED)
		inventory->processors++;
	else if (flags & MADT_ONLINE_CAPABLE)
		inventory->processors_offline++;
}

static void add_local_apic(void *context, phys_t start)
{
	struct builder *builder = context;

	builder->inventory->local_apic = start;
	span_set_add(&builder->devices, start, APIC_BYTES);
}

static void add_io_apic(void *context, phys_t start)
{
	struct builder *builder = context;

	span_set_add(&builder->devices, start, APIC_BYTES);
}

static void madt_fault(void *context, size_t offset, const char *what)
{
	refuse_table(context, "madt", offset, REFUSED_MALFORMED, what);
}

static void add_window(void *context, uint16_t segment, uint8_t first, uint8_t last, phys_t start,
		       uint64_t length)
{
	struct builder *builder = context;

	(void)segment;
	(void)first;
	(void)last;
	span_set_add(&builder->devices, start, length);
}

static void mcfg_fault(void *context, size_t offset, const char *what)
{
	refuse_table(context, "mcfg", offset, REFUSED_MALFORMED, what);
}

/* --- All together. --- */

/* True: the table is there and is to be parsed. */
static bool usable(struct builder *builder, const char *name, struct acpi_bytes table)
{
	if (!table.bytes)
		return false;
	if (table.length <= INVENTORY_TABLE_BYTES_MAX)
		return true;
	refuse_table(builder, name, 0, REFUSED_TOO_LONG, NULL);
	return false;
}

static void check_parsed(struct builder *builder, const char *name, int error)
{
	if (error)
		refuse_table(builder, name, 0, REFUSED_MALFORMED, "not what its name says");
}

static void read_tables(struct builder *builder)
{
	const struct inventory_sources *sources = builder->sources;
	const struct nfit_visitor nfit = {
		.range = add_range,
		.mapping = add_mapping,
		.control = add_control,
		.capabilities = add_domain,
		.other = add_other,
		.fault = nfit_fault,
		.context = builder,
	};
	const struct srat_visitor srat = {add_affinity, ignore_processor, srat_fault, builder};
	const struct madt_visitor madt = {add_processor, add_local_apic, add_io_apic, madt_fault,
					  builder};
	const struct mcfg_visitor mcfg = {add_window, mcfg_fault, builder};
	phys_t hpet;

	if (usable(builder, "nfit", sources->nfit))
		check_parsed(builder, "nfit",
			     nfit_parse(sources->nfit.bytes, sources->nfit.length, &nfit));
	if (usable(builder, "srat", sources->srat))
		check_parsed(builder, "srat",
			     srat_parse(sources->srat.bytes, sources->srat.length, &srat));
	if (usable(builder, "madt", sources->madt))
		check_parsed(builder, "madt",
			     madt_parse(sources->madt.bytes, sources->madt.length, &madt));
	if (usable(builder, "mcfg", sources->mcfg))
		check_parsed(builder, "mcfg",
			     mcfg_parse(sources->mcfg.bytes, sources->mcfg.length, &mcfg));
	if (usable(builder, "hpet", sources->hpet)) {
		int error = hpet_parse(sources->hpet.bytes, sources->hpet.length, &hpet);

		check_parsed(builder, "hpet", error);
		if (!error)
			span_set_add(&builder->devices, hpet, HPET_BYTES);
	}
}

static void read_memory_map(struct builder *builder)
{
	const struct inventory_sources *sources = builder->sources;

	for (size_t i = 0; i < sources->nr_map; i++) {
		const struct memory_range *range = &sources->map[i];

		if (range->type == MEMORY_TYPE_RAM)
			span_set_add(&builder->ram, range->start, range->length);
		else if (range->type == MEMORY_TYPE_ACPI || range->type == MEMORY_TYPE_NVS ||
			 range->type == MEMORY_TYPE_BAD)
			span_set_add(&builder->firmware, range->start, range->length);
	}
	for (size_t i = 0; i < sources->nr_used; i++)
		span_set_add(&builder->used, sources->used[i].start, sources->used[i].length);
}

int inventory_build(const struct inventory_sources *sources, void *storage, size_t size,
		    struct inventory *inventory)
{
	struct builder builder = {.sources = sources, .inventory = inventory};
	struct carver carver = {.storage = storage};

	if (!storage || size < inventory_size(sources))
		return -ENOMEM;
	*inventory = (struct inventory){0};
	carve_all(&builder, &carver);
	read_tables(&builder);
	read_memory_map(&builder);
	span_set_prepare(&builder.ram);
	span_set_prepare(&builder.firmware);
	span_set_prepare(&builder.used);
	span_set_prepare(&builder.devices);
	builder_judge_ranges(&builder);
	builder_join_nvdimms(&builder);
	builder_make_sets(&builder);
	builder_make_regions(&builder);
	builder_read_hints(&builder);
	return 0;
}

void inventory_publish(const struct inventory *inventory)
{
	published = inventory;
}

const struct inventory *machine_inventory(void)
{
	return published;
}
