/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What memory the machine has: the firmware's memory map, NFIT, SRAT, MADT, MCFG and HPET joined
 * into NVDIMMs, interleave sets and regions.
 *
 *	NVDIMM --mapping--> range (of the NFIT) = interleave set --> regions, usually one
 *
 * Firmware is not to be trusted, and a mistake here overwrites somebody's data, so all that is in
 * doubt is left alone and listed as refused, with the reason:
 *
 * - A persistent range that cannot be (empty, wrapping, beyond the CPU's addresses, not on frame
 *   boundaries, not to be cached) or that touches RAM, ACPI's tables, memory in use or registers
 *   is refused as a whole.
 * - Of ranges that overlap, the common part is given to none: nobody can say whose bytes these
 *   are. What a virtual disk covers is taken out of the range around it by the same rule.
 * - RAM that a persistent range claims as well is not used as RAM either.
 * - Only persistent ranges become regions. Volatile and other ranges are listed.
 * - Persistent memory of the memory map (types 7 and 12) that no range names is listed, unused.
 * - A flush hint that lies in memory or registers that are known to be something else is not used.
 * - A region counts as armed only if mappings account for all of its range and no NVDIMM of it has
 *   a flag that says its data may be lost.
 *
 * Built once, on one CPU, before anything else looks; only read afterwards.
 */
#pragma once

#include "drivers/acpi.h"
#include "drivers/nfit.h"
#include "mm/compiler.h"
#include "mm/memory_map.h"
#include "mm/region.h"
#include "mm/types.h"

enum {
	INVENTORY_REFUSALS_MAX = 256,        /* kept; more are counted */
	INVENTORY_TABLE_BYTES_MAX = 1 << 20, /* a longer table is refused: it would be all noise */
	INVENTORY_TAKES_MAX = 8,             /* calls of inventory_take() that split a region */
};

/* Tables are those that acpi_find() found usable; {NULL, 0} where there is none. */
struct inventory_sources {
	struct acpi_bytes nfit, srat, madt, mcfg, hpet;
	const struct memory_range *map; /* the firmware's */
	size_t nr_map;
	const struct memory_range *used; /* what is in use already; the type means nothing */
	size_t nr_used;
	unsigned physical_bits; /* of the CPU's physical addresses */
};

struct nvdimm {
	char name[12]; /* "nmem0", in the order of handles */
	uint32_t handle;
	uint16_t smbios_handle;
	uint16_t flags; /* enum nfit_mapping_flags, of all its mappings together */
	uint32_t mappings;
	uint64_t size;         /* bytes that its mappings state, persistent or not mapped */
	uint32_t hints;        /* flush hint addresses that firmware lists */
	uint32_t usable_hints; /* of them, from inventory.hints[first_hint] on */
	size_t first_hint;
	bool identified; /* it has a control region; else the rest is 0 */
	uint16_t vendor, device, revision;
	uint16_t subsystem_vendor, subsystem_device;
	uint16_t interface_code;
	uint16_t manufacturing_date;
	uint8_t manufacturing_location;
	uint32_t serial;
};

/* The words for them are refusal_word()'s. */
enum refusal_reason {
	NOT_REFUSED,
	/* ranges of the NFIT */
	REFUSED_EMPTY,
	REFUSED_WRAPS,
	REFUSED_UNALIGNED,
	REFUSED_BEYOND_CPU,
	REFUSED_BEYOND_MAP,
	REFUSED_INDEX_ZERO,
	REFUSED_INDEX_TWICE,
	REFUSED_NOT_WRITE_BACK,
	REFUSED_OVERLAPS_USED,
	REFUSED_OVERLAPS_RAM,
	REFUSED_OVERLAPS_FIRMWARE,
	REFUSED_OVERLAPS_DEVICE,
	REFUSED_OVERLAPS_RANGE,
	/* flush hints */
	REFUSED_HINT_UNALIGNED,
	REFUSED_HINT_UNMAPPED,
	REFUSED_OVERLAPS_DATA,
	/* sets */
	REFUSED_INCOMPLETE, /* not refused, but not armed */
	/* mappings */
	REFUSED_UNKNOWN_RANGE,
	REFUSED_UNKNOWN_CONTROL,
	/* tables */
	REFUSED_MALFORMED,
	REFUSED_UNKNOWN_TYPE,
	REFUSED_TOO_LONG,
	/* memory */
	REFUSED_NODES_DISAGREE,
	REFUSED_CLAIMED_BY_RANGE,
	REFUSED_NOT_IN_NFIT,
	/* write permission */
	REFUSED_NOT_ARMED,
	REFUSED_CONTENT,
	REFUSAL_REASONS,
};

struct refusal {
	/* "range", "mapping", "hint", "memory", "region", or a table: "nfit", "srat", ... */
	const char *what;
	uint64_t id; /* index of the range, handle of an NVDIMM, offset in the table */
	phys_t start;
	uint64_t length; /* 0: about no memory */
	enum refusal_reason reason;
	const char *text; /* more about it; NULL: nothing */
};

/* A range of the NFIT. Sorted by index. */
struct inventory_range {
	uint16_t index;
	uint16_t flags;
	enum nfit_range_type type;
	phys_t start;
	uint64_t length; /* may wrap where it was refused */
	uint32_t node;   /* valid if the flags say so */
	uint64_t attributes;
	enum refusal_reason refused;
	size_t regions; /* that it became; 0: it is only listed, or refused */
	uint32_t order; /* in the table */
};

/* A part of an NVDIMM in a range. Sorted by range, then by place in it. */
struct inventory_mapping {
	uint32_t handle;
	uint32_t nvdimm;
	uint16_t range; /* index; 0: not mapped */
	uint16_t control;
	uint16_t interleave;
	uint16_t ways;
	uint16_t flags;
	uint16_t smbios_handle;
	uint64_t region_offset;
	uint64_t size;
	uint64_t dpa;
	uint32_t order;
};

/* A flush hint that may be used. Sorted by NVDIMM, then as the table has them. */
struct inventory_hint {
	uint32_t nvdimm;
	uint32_t order;
	phys_t address; /* of 8 aligned bytes that are nobody's memory */
};

/* A persistent range and the NVDIMMs behind it. */
struct interleave_set {
	size_t range;         /* in inventory.ranges */
	size_t first_mapping; /* in inventory.mappings */
	size_t nr_mappings;
	bool armed;
	bool node_known;
	uint32_t node;
	uint64_t cookie_v1_1, cookie_v1_2;
};

struct inventory {
	struct region *regions; /* by address; region.set indexes sets */
	const char **contents;  /* of each region: what was recognised there, or NULL */
	size_t nr_regions;
	size_t room_regions;

	struct nvdimm *nvdimms; /* by handle */
	size_t nr_nvdimms;
	struct inventory_range *ranges;
	size_t nr_ranges;
	struct inventory_mapping *mappings;
	size_t nr_mappings;
	struct interleave_set *sets;
	size_t nr_sets;
	struct inventory_hint *hints;
	size_t nr_hints;

	struct refusal *refusals;
	size_t nr_refusals;
	size_t refusals_dropped;

	enum persistence_domain domain;
	unsigned processors;         /* enabled */
	unsigned processors_offline; /* that could be enabled */
	phys_t local_apic;           /* 0: no MADT */
};

/* Bytes of storage that inventory_build() needs for these sources. */
size_t inventory_size(const struct inventory_sources *);

/*
 * Fills in the inventory. `storage` is 16-byte aligned, zeroed, and the inventory's from now on;
 * the sources are not needed afterwards. -ENOMEM: `size` is less than inventory_size() says.
 */
int inventory_build(const struct inventory_sources *, void *storage, size_t size,
		    struct inventory *) must_check;

/*
 * Takes frames [start, end) out of the DRAM regions, for memory that came into use before the
 * allocator. Frames in no DRAM region are left alone. -ENOSPC: INVENTORY_TAKES_MAX is exceeded.
 */
int inventory_take(struct inventory *, pfn_t start, pfn_t end) must_check;

/* A short word without blanks, and a sentence, for a reason. */
const char *refusal_word(enum refusal_reason);
const char *refusal_sentence(enum refusal_reason);

void inventory_refuse(struct inventory *, const struct refusal *);

/* The inventory of the machine that we run on, for the suites; NULL before it is published. */
void inventory_publish(const struct inventory *);
const struct inventory *machine_inventory(void);
