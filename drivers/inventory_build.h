/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the inventory share while they build it. Nobody else includes this. */
#pragma once

#include "drivers/interleave_set.h"
#include "drivers/inventory.h"
#include "drivers/span.h"

/* A claim on memory begins or ends here. */
struct boundary {
	uint64_t at;
	enum claim {
		CLAIM_RAM,
		CLAIM_NOT_RAM, /* the memory map says so */
		CLAIM_LEGACY,  /* ... and that it is persistent */
		CLAIM_USED,
		CLAIM_PERSISTENT, /* a persistent range; the value is its set */
		CLAIM_VOLATILE,   /* a range of RAM */
		CLAIM_OTHER,      /* any other range */
		CLAIM_NODE,       /* the value is the node of memory that is there */
		CLAIM_HOT_NODE,   /* ... of a window that memory may be plugged into */
		CLAIMS,
	} claim;
	int change; /* 1 or -1 */
	uint32_t value;
};

/* From the SRAT. */
struct affinity {
	phys_t start;
	uint64_t length;
	uint32_t node;
	bool hot_pluggable;
};

struct builder {
	const struct inventory_sources *sources;
	struct inventory *inventory;
	bool domain_known;

	struct nfit_control *controls;
	size_t nr_controls;
	struct affinity *affinities;
	size_t nr_affinities;
	struct boundary *boundaries;
	size_t nr_boundaries;
	struct interleave_member *members; /* room for as many as there are mappings */
	struct span_set ram, firmware, used, devices;
	struct span_set data; /* of somebody, perhaps: ranges of the NFIT, persistent memory */
};

/* Finds a range by its index, the first one where there are several; NULL: none. */
struct inventory_range *builder_find_range(struct builder *, uint16_t index);

/* The rest of inventory_build(), in this order. */
void builder_judge_ranges(struct builder *);
void builder_join_nvdimms(struct builder *);
void builder_make_sets(struct builder *);
void builder_make_regions(struct builder *);
void builder_read_hints(struct builder *);
