/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the regions, in one sweep over all memory: at every address where a claim begins or ends
 * the claims that hold from there on decide what the memory up to the next such address is.
 */
#include "drivers/heap_sort.h"
#include "drivers/inventory_build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The claims that hold at one address. */
struct claims {
	uint32_t nr[CLAIMS];
	uint32_t sum[CLAIMS]; /* of their values: where there is one claim, its value */
};

/* What becomes of memory. */
enum outcome {
	OUTCOME_NOTHING,
	OUTCOME_DRAM,
	OUTCOME_PERSISTENT,
	OUTCOME_DISPUTED, /* several ranges claim it */
	OUTCOME_KEPT,     /* RAM that a persistent range claims */
	OUTCOME_LEGACY,
};

struct run {
	uint64_t start, end;
	enum outcome outcome;
	uint32_t node;
	uint32_t set;
	bool nodes_disagree;
};

static void claim(struct builder *builder, uint64_t start, uint64_t end, enum claim kind,
		  uint32_t value)
{
	if (start >= end)
		return;
	builder->boundaries[builder->nr_boundaries++] = (struct boundary){start, kind, 1, value};
	builder->boundaries[builder->nr_boundaries++] = (struct boundary){end, kind, -1, value};
}

/* What is to be used shrinks to whole frames; what is to be left alone grows to them. */
static void claim_inwards(struct builder *builder, struct span span, enum claim kind)
{
	if (span.start > UINT64_MAX - PAGE_SIZE)
		return;
	claim(builder, align_up(span.start, PAGE_SIZE), align_down(span.end, PAGE_SIZE), kind, 0);
}

static void claim_outwards(struct builder *builder, struct span span, enum claim kind,
			   uint32_t value)
{
	uint64_t end =
		span.end > UINT64_MAX - PAGE_SIZE ? UINT64_MAX : align_up(span.end, PAGE_SIZE);

	claim(builder, align_down(span.start, PAGE_SIZE), end, kind, value);
}

/* RAM that cannot be addressed or mapped is listed and left alone. */
static struct span limit_ram(struct builder *builder, struct span span)
{
	unsigned bits = builder->sources->physical_bits;
	uint64_t limit = PFN_LIMIT << PAGE_SHIFT;
	enum refusal_reason reason = REFUSED_BEYOND_MAP;
	uint64_t start;

	if (bits < PHYS_BITS_MAX) {
		limit = UINT64_C(1) << bits;
		reason = REFUSED_BEYOND_CPU;
	}
	if (span.end <= limit)
		return span;
	start = span.start > limit ? span.start : limit;
	inventory_refuse(builder->inventory, &(struct refusal){.what = "memory",
							       .start = phys(start),
							       .length = span.end - start,
							       .reason = reason});
	span.end = limit;
	return span;
}

static void claim_memory_map(struct builder *builder)
{
	const struct inventory_sources *sources = builder->sources;
	struct span span;

	for (size_t i = 0; i < sources->nr_map; i++) {
		const struct memory_range *range = &sources->map[i];

		if (!span_of(range->start, range->length, &span))
			continue;
		if (range->type == MEMORY_TYPE_RAM) {
			claim_inwards(builder, limit_ram(builder, span), CLAIM_RAM);
			continue;
		}
		claim_outwards(builder, span, CLAIM_NOT_RAM, 0);
		if (range->type == MEMORY_TYPE_PMEM || range->type == MEMORY_TYPE_PRAM)
			claim_outwards(builder, span, CLAIM_LEGACY, 0);
	}
	for (size_t i = 0; i < sources->nr_used; i++) {
		if (span_of(sources->used[i].start, sources->used[i].length, &span))
			claim_outwards(builder, span, CLAIM_USED, 0);
	}
}

/* A refused range claims its bytes all the same, unless it cannot be: that is noise. */
static bool is_possible(const struct inventory_range *range)
{
	switch (range->refused) {
	case REFUSED_EMPTY:
	case REFUSED_WRAPS:
	case REFUSED_BEYOND_CPU:
	case REFUSED_BEYOND_MAP:
		return false;
	default:
		return true;
	}
}

static void claim_ranges(struct builder *builder)
{
	const struct inventory *inventory = builder->inventory;
	uint32_t set = 0;
	struct span span;

	for (size_t i = 0; i < inventory->nr_ranges; i++) {
		const struct inventory_range *range = &inventory->ranges[i];
		uint32_t value = range->type == NFIT_PERSISTENT ? set++ : 0;

		if (!is_possible(range) || !span_of(range->start, range->length, &span))
			continue;
		if (range->type == NFIT_PERSISTENT)
			claim_outwards(builder, span, CLAIM_PERSISTENT, value);
		else if (range->type == NFIT_VOLATILE)
			claim_outwards(builder, span, CLAIM_VOLATILE, 0);
		else
			claim_outwards(builder, span, CLAIM_OTHER, 0);
	}
}

static void claim_nodes(struct builder *builder)
{
	struct span span;

	for (size_t i = 0; i < builder->nr_affinities; i++) {
		const struct affinity *affinity = &builder->affinities[i];

		if (span_of(affinity->start, affinity->length, &span))
			claim_outwards(builder, span,
				       affinity->hot_pluggable ? CLAIM_HOT_NODE : CLAIM_NODE,
				       affinity->node);
	}
}

static int by_address(const void *left, const void *right)
{
	const struct boundary *a = left, *b = right;

	return (a->at > b->at) - (a->at < b->at);
}

/* Memory that is there knows better than a window that it was plugged into. */
static uint32_t node_of(const struct claims *claims, bool *disagree)
{
	enum claim kind = claims->nr[CLAIM_NODE] > 0 ? CLAIM_NODE : CLAIM_HOT_NODE;

	*disagree = claims->nr[kind] > 1;
	return claims->nr[kind] == 1 ? claims->sum[kind] : NODE_DEFAULT;
}

static enum outcome outcome_of(const struct inventory *inventory, const struct claims *claims)
{
	const uint32_t *nr = claims->nr;
	uint32_t ranges = nr[CLAIM_PERSISTENT] + nr[CLAIM_VOLATILE] + nr[CLAIM_OTHER];
	bool ram = nr[CLAIM_RAM] > 0 && nr[CLAIM_NOT_RAM] == 0 && nr[CLAIM_USED] == 0;

	if (ram && nr[CLAIM_PERSISTENT] + nr[CLAIM_OTHER] == 0)
		return OUTCOME_DRAM;
	if (ram)
		return OUTCOME_KEPT;
	if (nr[CLAIM_PERSISTENT] > 0 && ranges > 1)
		return OUTCOME_DISPUTED;
	if (nr[CLAIM_PERSISTENT] == 1) {
		const struct interleave_set *set = &inventory->sets[claims->sum[CLAIM_PERSISTENT]];

		return inventory->ranges[set->range].refused ? OUTCOME_NOTHING : OUTCOME_PERSISTENT;
	}
	if (nr[CLAIM_LEGACY] > 0 && ranges == 0)
		return OUTCOME_LEGACY;
	return OUTCOME_NOTHING;
}

static struct run run_of(struct inventory *inventory, const struct claims *claims, uint64_t start,
			 uint64_t end)
{
	struct run run = {.start = start, .end = end, .outcome = outcome_of(inventory, claims)};

	if (run.outcome == OUTCOME_DRAM) {
		run.node = node_of(claims, &run.nodes_disagree);
	} else if (run.outcome == OUTCOME_PERSISTENT) {
		struct interleave_set *set = &inventory->sets[claims->sum[CLAIM_PERSISTENT]];

		if (!set->node_known)
			set->node = node_of(claims, &run.nodes_disagree);
		set->node_known = true;
		run.node = set->node;
		run.set = claims->sum[CLAIM_PERSISTENT];
	}
	return run;
}

static void add_region(struct inventory *inventory, const struct run *run)
{
	struct region *region = &inventory->regions[inventory->nr_regions++];

	*region = (struct region){
		.start = phys_to_pfn(phys(run->start)),
		.end = phys_to_pfn(phys(run->end)),
		.kind = MEMORY_DRAM,
		.node = run->node,
	};
	if (run->outcome == OUTCOME_PERSISTENT) {
		struct interleave_set *set = &inventory->sets[run->set];

		region->kind = MEMORY_PERSISTENT;
		region->set = run->set;
		region->domain = inventory->domain;
		region->armed = set->armed;
		inventory->ranges[set->range].regions++;
	}
}

static void finish_run(struct inventory *inventory, const struct run *run)
{
	struct refusal refusal = {
		.what = "memory", .start = phys(run->start), .length = run->end - run->start};

	if (run->nodes_disagree) {
		refusal.reason = REFUSED_NODES_DISAGREE;
		inventory_refuse(inventory, &refusal);
	}
	switch (run->outcome) {
	case OUTCOME_NOTHING:
		return;
	case OUTCOME_DRAM:
	case OUTCOME_PERSISTENT:
		add_region(inventory, run);
		return;
	case OUTCOME_DISPUTED:
		refusal.reason = REFUSED_OVERLAPS_RANGE;
		break;
	case OUTCOME_KEPT:
		refusal.reason = REFUSED_CLAIMED_BY_RANGE;
		break;
	case OUTCOME_LEGACY:
		refusal.reason = REFUSED_NOT_IN_NFIT;
		break;
	}
	inventory_refuse(inventory, &refusal);
}

static bool continues(const struct run *run, const struct run *next)
{
	return run->end == next->start && run->outcome == next->outcome && run->set == next->set &&
	       run->node == next->node && run->nodes_disagree == next->nodes_disagree;
}

static void sweep(struct builder *builder)
{
	struct inventory *inventory = builder->inventory;
	const struct boundary *boundaries = builder->boundaries;
	struct claims claims = {0};
	struct run open = {0};

	for (size_t i = 0; i < builder->nr_boundaries; i++) {
		struct run run;

		claims.nr[boundaries[i].claim] += (uint32_t)boundaries[i].change;
		claims.sum[boundaries[i].claim] +=
			(uint32_t)boundaries[i].change * boundaries[i].value;
		if (i + 1 == builder->nr_boundaries || boundaries[i + 1].at == boundaries[i].at)
			continue;
		run = run_of(inventory, &claims, boundaries[i].at, boundaries[i + 1].at);
		if (continues(&open, &run)) {
			open.end = run.end;
			continue;
		}
		finish_run(inventory, &open);
		open = run;
	}
	finish_run(inventory, &open);
}

static void name_regions(struct inventory *inventory)
{
	unsigned nr[MEMORY_KINDS] = {0};

	for (size_t i = 0; i < inventory->nr_regions; i++) {
		struct region *region = &inventory->regions[i];

		snprintf(region->name, sizeof(region->name), "%s%u",
			 region->kind == MEMORY_DRAM ? "dram" : "pmem", nr[region->kind]++);
	}
}

void builder_make_regions(struct builder *builder)
{
	struct inventory *inventory = builder->inventory;

	claim_memory_map(builder);
	claim_ranges(builder);
	claim_nodes(builder);
	heap_sort(builder->boundaries, builder->nr_boundaries, sizeof(*builder->boundaries),
		  by_address);
	sweep(builder);
	name_regions(inventory);
	/* What other ranges left nothing of. */
	for (size_t i = 0; i < inventory->nr_ranges; i++) {
		struct inventory_range *range = &inventory->ranges[i];

		if (range->type == NFIT_PERSISTENT && !range->refused && range->regions == 0)
			range->refused = REFUSED_OVERLAPS_RANGE;
	}
}

static void move_regions(struct inventory *inventory, size_t from, size_t to)
{
	size_t nr = inventory->nr_regions - from;

	memmove(&inventory->regions[to], &inventory->regions[from],
		nr * sizeof(*inventory->regions));
	memmove(&inventory->contents[to], &inventory->contents[from],
		nr * sizeof(*inventory->contents));
	inventory->nr_regions += to - from;
}

int inventory_take(struct inventory *inventory, pfn_t start, pfn_t end)
{
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		struct region *region = &inventory->regions[i];
		bool before = pfn_before(region->start, start);
		bool after = pfn_before(end, region->end);

		if (region->kind != MEMORY_DRAM || !pfn_before(region->start, end) ||
		    !pfn_before(start, region->end))
			continue;
		if (before && after) {
			if (inventory->nr_regions == inventory->room_regions)
				return -ENOSPC;
			move_regions(inventory, i, i + 1);
			region[0].end = start;
			region[1].start = end;
			break;
		}
		if (before) {
			region->end = start;
		} else if (after) {
			region->start = end;
		} else {
			move_regions(inventory, i + 1, i);
			i--;
		}
	}
	name_regions(inventory);
	return 0;
}
