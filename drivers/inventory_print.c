/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/inventory_print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line that is put together piece by piece. */
struct text {
	char line[320];
	size_t used;
};

static void append(struct text *, const char *format, ...) printf_like(2, 3);

static void append(struct text *text, const char *format, ...)
{
	static const char cut[] = "...";
	size_t room = sizeof(text->line) - text->used;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->line + text->used, room, format, arguments);
	va_end(arguments);
	if (length >= 0 && (size_t)length < room) {
		text->used += (size_t)length;
		return;
	}
	text->used = sizeof(text->line) - 1;
	memcpy(text->line + text->used - strlen(cut), cut, sizeof(cut));
}

/* A text as a value: its blanks become hyphens. */
static void append_value(struct text *text, const char *key, const char *value)
{
	append(text, " %s=", key);
	for (; *value; value++)
		append(text, "%c", *value == ' ' ? '-' : *value);
}

static void append_extent(struct text *text, phys_t start, uint64_t length)
{
	append(text, " start=0x%" PRIx64 " length=%" PRIu64, start.addr, length);
}

void acpi_print(const struct acpi_tables *tables, void (*line)(const char *))
{
	struct text text = {.used = 0};

	append(&text, "# firmware rsdp=0x%" PRIx64 " source=%s", tables->rsdp.addr,
	       tables->source ? tables->source : "none");
	if (tables->source)
		append(&text, " revision=%u root=%s root-address=0x%" PRIx64, tables->rsdp_revision,
		       tables->root.signature, tables->root.address.addr);
	append(&text, " tables=%zu dropped=%zu faults=%zu", tables->nr, tables->dropped,
	       tables->nr_faults + tables->faults_dropped);
	line(text.line);
	for (size_t i = 0; i < tables->nr; i++) {
		const struct acpi_table *table = &tables->table[i];

		text.used = 0;
		append(&text, "# table signature=%s address=0x%" PRIx64 " length=%u revision=%u",
		       table->signature, table->address.addr, table->length, table->revision);
		if (table->fault)
			append_value(&text, "fault", table->fault);
		else
			append(&text, " checksum=ok");
		line(text.line);
	}
	for (size_t i = 0; i < tables->nr_faults; i++) {
		text.used = 0;
		append(&text, "# acpi-fault address=0x%" PRIx64, tables->fault[i].address.addr);
		append_value(&text, "fault", tables->fault[i].what);
		line(text.line);
	}
}

void memory_map_print(const struct memory_range *map, size_t nr, void (*line)(const char *))
{
	for (size_t i = 0; i < nr; i++) {
		struct text text = {.used = 0};

		append(&text, "# map");
		append_extent(&text, map[i].start, map[i].length);
		append(&text, " type=%u name=%s", map[i].type, memory_type_name(map[i].type));
		line(text.line);
	}
}

static bool is_in_set(const struct inventory *inventory, const struct interleave_set *set,
		      size_t nvdimm)
{
	for (size_t i = 0; i < set->nr_mappings; i++) {
		if (inventory->mappings[set->first_mapping + i].nvdimm == nvdimm)
			return true;
	}
	return false;
}

static void append_regions(struct text *text, const struct inventory *inventory, size_t nvdimm)
{
	const char *separator = "";

	append(text, " regions=");
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		const struct region *region = &inventory->regions[i];

		if (region->kind != MEMORY_PERSISTENT ||
		    !is_in_set(inventory, &inventory->sets[region->set], nvdimm))
			continue;
		append(text, "%s%s", separator, region->name);
		separator = ",";
	}
	if (*separator == '\0')
		append(text, "none");
}

static void append_flags(struct text *text, uint16_t flags)
{
	const char *separator = "";

	append(text, " flags=");
	for (unsigned bit = 0; bit < 16; bit++) {
		if (!(flags & 1u << bit))
			continue;
		append(text, "%s%s", separator, nfit_flag_name(bit));
		separator = ",";
	}
	if (flags == 0)
		append(text, "none");
}

static void print_nvdimm(const struct inventory *inventory, size_t index,
			 void (*line)(const char *))
{
	const struct nvdimm *nvdimm = &inventory->nvdimms[index];
	struct nfit_place place = nfit_place(nvdimm->handle);
	struct text text = {.used = 0};

	append(&text,
	       "# nvdimm name=%s handle=0x%x node=%u socket=%u controller=%u channel=%u dimm=%u",
	       nvdimm->name, nvdimm->handle, place.node, place.socket, place.controller,
	       place.channel, place.dimm);
	if (nvdimm->identified)
		append(&text, " serial=0x%x vendor=0x%x device=0x%x revision=0x%x interface=0x%x",
		       nvdimm->serial, nvdimm->vendor, nvdimm->device, nvdimm->revision,
		       nvdimm->interface_code);
	else
		append(&text, " serial=unknown");
	append(&text, " size=%" PRIu64 " hints=%u", nvdimm->size, nvdimm->hints);
	append_flags(&text, nvdimm->flags);
	append_regions(&text, inventory, index);
	line(text.line);
}

static void print_range(const struct inventory_range *range, void (*line)(const char *))
{
	struct text text = {.used = 0};

	append(&text, "# range index=%u type=%s", range->index, nfit_range_type_name(range->type));
	append_extent(&text, range->start, range->length);
	if (range->flags & NFIT_RANGE_NODE_VALID)
		append(&text, " node=%u", range->node);
	append(&text, " attributes=0x%" PRIx64, range->attributes);
	if (range->refused)
		append(&text, " use=refused reason=%s", refusal_word(range->refused));
	else
		append(&text, " use=%s", range->regions > 0 ? "region" : "none");
	line(text.line);
}

static void append_nvdimms(struct text *text, const struct inventory *inventory,
			   const struct interleave_set *set)
{
	append(text, " nvdimms=");
	for (size_t i = 0; i < set->nr_mappings; i++)
		append(text, "%s%s", i ? "," : "",
		       inventory->nvdimms[inventory->mappings[set->first_mapping + i].nvdimm].name);
	if (set->nr_mappings == 0)
		append(text, "none");
}

static void print_set(const struct inventory *inventory, const struct interleave_set *set,
		      void (*line)(const char *))
{
	struct text text = {.used = 0};

	append(&text, "# set range=%u ways=%zu", inventory->ranges[set->range].index,
	       set->nr_mappings);
	append_nvdimms(&text, inventory, set);
	append(&text, " cookie-1.1=0x%" PRIx64 " cookie-1.2=0x%" PRIx64, set->cookie_v1_1,
	       set->cookie_v1_2);
	line(text.line);
}

/* Of how many NVDIMMs flush hints are used. */
static size_t nvdimms_with_hints(const struct inventory *inventory,
				 const struct interleave_set *set)
{
	size_t nr = 0;

	for (size_t i = 0; i < inventory->nr_nvdimms; i++)
		if (inventory->nvdimms[i].usable_hints > 0 && is_in_set(inventory, set, i))
			nr++;
	return nr;
}

static void print_region(const struct inventory *inventory, size_t index,
			 void (*line)(const char *))
{
	const struct region *region = &inventory->regions[index];
	struct text text = {.used = 0};

	append(&text,
	       "# region name=%s kind=%s start=0x%" PRIx64 " end=0x%" PRIx64 " size=%" PRIu64
	       " node=%u",
	       region->name, memory_kind_name(region->kind), pfn_to_phys(region->start).addr,
	       pfn_to_phys(region->end).addr, region_bytes(region), region->node);
	if (region->kind == MEMORY_PERSISTENT) {
		const char *content = inventory->contents[index];

		append_nvdimms(&text, inventory, &inventory->sets[region->set]);
		append(&text, " domain=%s armed=%s content=%s write=%s hints=%zu",
		       persistence_domain_name(region->domain), region->armed ? "yes" : "no",
		       content ? content : "none", region->writable ? "yes" : "no",
		       nvdimms_with_hints(inventory, &inventory->sets[region->set]));
	}
	line(text.line);
}

static void print_refusal(const struct inventory *inventory, const struct refusal *refusal,
			  void (*line)(const char *))
{
	struct text text = {.used = 0};

	append(&text, "# refused what=%s", refusal->what);
	if (strcmp(refusal->what, "range") == 0)
		append(&text, " index=%" PRIu64, refusal->id);
	else if (strcmp(refusal->what, "mapping") == 0 || strcmp(refusal->what, "hint") == 0)
		append(&text, " handle=0x%" PRIx64, refusal->id);
	else if (strcmp(refusal->what, "region") == 0)
		append(&text, " name=%s",
		       region_find(inventory->regions, inventory->nr_regions,
				   phys_to_pfn(refusal->start))
			       ->name);
	else if (strcmp(refusal->what, "memory") != 0)
		append(&text, " offset=%" PRIu64, refusal->id);
	if (refusal->length > 0 || refusal->start.addr > 0)
		append_extent(&text, refusal->start, refusal->length);
	append(&text, " reason=%s", refusal_word(refusal->reason));
	if (refusal->text)
		append_value(&text, "detail", refusal->text);
	line(text.line);
}

static void print_refusals(const struct inventory *inventory, void (*line)(const char *))
{
	bool mentioned[REFUSAL_REASONS] = {false};
	struct text text;

	for (size_t i = 0; i < inventory->nr_refusals; i++) {
		print_refusal(inventory, &inventory->refusals[i], line);
		mentioned[inventory->refusals[i].reason] = true;
	}
	if (inventory->refusals_dropped > 0) {
		text.used = 0;
		append(&text, "# refused more=%zu", inventory->refusals_dropped);
		line(text.line);
	}
	for (unsigned reason = 0; reason < REFUSAL_REASONS; reason++) {
		if (!mentioned[reason])
			continue;
		text.used = 0;
		append(&text, "# %s: %s", refusal_word(reason), refusal_sentence(reason));
		line(text.line);
	}
}

void inventory_print(const struct inventory *inventory, void (*line)(const char *))
{
	struct text text = {.used = 0};

	append(&text, "# processors enabled=%u offline=%u local-apic=0x%" PRIx64,
	       inventory->processors, inventory->processors_offline, inventory->local_apic.addr);
	line(text.line);
	for (size_t i = 0; i < inventory->nr_nvdimms; i++)
		print_nvdimm(inventory, i, line);
	for (size_t i = 0; i < inventory->nr_ranges; i++)
		print_range(&inventory->ranges[i], line);
	for (size_t i = 0; i < inventory->nr_sets; i++)
		print_set(inventory, &inventory->sets[i], line);
	for (size_t i = 0; i < inventory->nr_regions; i++)
		print_region(inventory, i, line);
	print_refusals(inventory, line);
}

static const struct {
	const char *word, *sentence;
} reasons[REFUSAL_REASONS] = {
	[NOT_REFUSED] = {"none", "nothing speaks against it"},
	[REFUSED_EMPTY] = {"empty", "it has no bytes"},
	[REFUSED_WRAPS] = {"wraps", "it would end past the last 64-bit address"},
	[REFUSED_UNALIGNED] = {"unaligned", "an end of it is not on a 4 KiB boundary"},
	[REFUSED_BEYOND_CPU] = {"beyond-cpu", "the CPU's physical addresses do not reach it"},
	[REFUSED_BEYOND_MAP] = {"beyond-map", "it is past 64 TiB, where memory is not mapped"},
	[REFUSED_INDEX_ZERO] = {"index-zero", "index 0 is not for persistent memory"},
	[REFUSED_INDEX_TWICE] = {"index-twice", "several ranges have its index"},
	[REFUSED_NOT_WRITE_BACK] = {"not-write-back", "the firmware does not let it be cached"},
	[REFUSED_OVERLAPS_USED] = {"overlaps-used", "memory that is in use lies in it"},
	[REFUSED_OVERLAPS_RAM] = {"overlaps-ram", "the memory map calls a part of it RAM"},
	[REFUSED_OVERLAPS_FIRMWARE] = {"overlaps-firmware",
				       "the memory map gives a part of it to the firmware"},
	[REFUSED_OVERLAPS_DEVICE] = {"overlaps-device", "registers of a device lie in it"},
	[REFUSED_OVERLAPS_RANGE] = {"overlaps-range",
				    "several ranges claim it, so it is given to none"},
	[REFUSED_HINT_UNALIGNED] = {"hint-unaligned", "a flush hint is not aligned to 8 bytes"},
	[REFUSED_HINT_UNMAPPED] = {"hint-unmapped", "it cannot be mapped without caching"},
	[REFUSED_OVERLAPS_DATA] = {"overlaps-data", "it lies in memory that may hold data"},
	[REFUSED_INCOMPLETE] = {"incomplete", "mappings do not account for all of the range, "
					      "so it counts as not armed"},
	[REFUSED_UNKNOWN_RANGE] = {"unknown-range", "it refers to a range that is not there"},
	[REFUSED_UNKNOWN_CONTROL] = {"unknown-control",
				     "it refers to a control region that is not there"},
	[REFUSED_MALFORMED] = {"malformed", "it contradicts the specification"},
	[REFUSED_UNKNOWN_TYPE] = {"unknown-type", "a structure of this type is not known"},
	[REFUSED_TOO_LONG] = {"too-long", "a table of over 1 MiB is not believed"},
	[REFUSED_NODES_DISAGREE] = {"nodes-disagree",
				    "the SRAT names several nodes for it, so none is taken"},
	[REFUSED_CLAIMED_BY_RANGE] = {"claimed-by-range",
				      "a range of the NFIT claims this RAM, so it is not used"},
	[REFUSED_NOT_IN_NFIT] = {"not-in-nfit",
				 "the memory map calls it persistent, but the NFIT does not"},
	[REFUSED_NOT_ARMED] = {"not-armed", "what is written may be lost when the power fails: "
					    "write=all leaves it out, its name permits it"},
	[REFUSED_CONTENT] = {"content",
			     "it holds data: write=all leaves it out, its name permits it"},
};

const char *refusal_word(enum refusal_reason reason)
{
	return reasons[reason].word;
}

const char *refusal_sentence(enum refusal_reason reason)
{
	return reasons[reason].sentence;
}
