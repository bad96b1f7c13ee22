/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ranges of the NFIT may become regions. */
#include "drivers/heap_sort.h"
#include "drivers/inventory_build.h"
#include "drivers/sorted.h"

static int by_index(const void *left, const void *right)
{
	const struct inventory_range *a = left, *b = right;

	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static uint64_t index_of(const void *range)
{
	return ((const struct inventory_range *)range)->index;
}

struct inventory_range *builder_find_range(struct builder *builder, uint16_t index)
{
	struct inventory *inventory = builder->inventory;

	return sorted_find((struct sorted){inventory->ranges, inventory->nr_ranges,
					   sizeof(*inventory->ranges), index_of},
			   index);
}

/* Whether the bytes exist at all and can be described. */
static enum refusal_reason judge_extent(const struct builder *builder,
					const struct inventory_range *range)
{
	uint64_t start = range->start.addr;
	uint64_t end = start + range->length;
	unsigned bits = builder->sources->physical_bits;

	if (range->length == 0)
		return REFUSED_EMPTY;
	if (end < start)
		return REFUSED_WRAPS;
	if (bits < 64 && end > UINT64_C(1) << bits)
		return REFUSED_BEYOND_CPU;
	if (end > PFN_LIMIT << PAGE_SHIFT)
		return REFUSED_BEYOND_MAP;
	if (start % PAGE_SIZE != 0 || end % PAGE_SIZE != 0)
		return REFUSED_UNALIGNED;
	return NOT_REFUSED;
}

/* Whether somebody else is there; the extent is good. */
static enum refusal_reason judge_neighbours(const struct builder *builder,
					    const struct inventory_range *range)
{
	const struct span span = {range->start.addr, range->start.addr + range->length};

	if (span_set_touches(&builder->used, span))
		return REFUSED_OVERLAPS_USED;
	if (span_set_touches(&builder->ram, span))
		return REFUSED_OVERLAPS_RAM;
	if (span_set_touches(&builder->firmware, span))
		return REFUSED_OVERLAPS_FIRMWARE;
	if (span_set_touches(&builder->devices, span))
		return REFUSED_OVERLAPS_DEVICE;
	return NOT_REFUSED;
}

static enum refusal_reason judge(const struct builder *builder, size_t at)
{
	const struct inventory *inventory = builder->inventory;
	const struct inventory_range *range = &inventory->ranges[at];
	enum refusal_reason reason = judge_extent(builder, range);

	if (reason)
		return reason;
	if (range->index == 0)
		return REFUSED_INDEX_ZERO;
	if ((at > 0 && range[-1].index == range->index) ||
	    (at + 1 < inventory->nr_ranges && range[1].index == range->index))
		return REFUSED_INDEX_TWICE;
	/* Attributes that say nothing about caching are common, and forbid nothing. */
	if ((range->attributes & NFIT_ATTRIBUTE_CACHING) &&
	    !(range->attributes & NFIT_ATTRIBUTE_WRITE_BACK))
		return REFUSED_NOT_WRITE_BACK;
	return judge_neighbours(builder, range);
}

void builder_judge_ranges(struct builder *builder)
{
	struct inventory *inventory = builder->inventory;

	heap_sort(inventory->ranges, inventory->nr_ranges, sizeof(*inventory->ranges), by_index);
	for (size_t i = 0; i < inventory->nr_ranges; i++) {
		struct inventory_range *range = &inventory->ranges[i];

		if (range->type != NFIT_PERSISTENT)
			continue;
		range->refused = judge(builder, i);
		if (range->refused)
			inventory_refuse(inventory, &(struct refusal){.what = "range",
								      .id = range->index,
								      .start = range->start,
								      .length = range->length,
								      .reason = range->refused});
	}
}
