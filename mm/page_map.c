/* SPDX-License-Identifier: BSD-2-Clause */
/* How the map is laid out in the memory it is given, and what it amounts to. */
#include "mm/page_map.h"

#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/poison.h"

struct page_map page_map;

/*
 * The metadata, in this order:
 *
 *	directory       8 bytes per GiB up to the highest frame, rounded up to a page
 *	area tables     4 KiB per GiB that holds a managed frame
 *	page tables     4 KiB per ragged area, and TABLE_POOL_START more
 *	tables at hand  what table_pool.h needs for the CPUs
 */
struct layout {
	size_t nr_gib;
	size_t directory_bytes;
	size_t area_tables;
	size_t ragged;
};

static pfn_t area_after(pfn_t frame)
{
	return pfn_add(pfn_area(frame), PAGES_PER_AREA);
}

/* The area lies in one region from its first frame to its last. */
static bool area_is_inside(const struct region *region, pfn_t area)
{
	return !pfn_before(area, region->start) &&
	       !pfn_before(region->end, pfn_add(area, PAGES_PER_AREA));
}

static uint64_t gib_of(pfn_t frame)
{
	return frame.n >> (GIB_SHIFT - PAGE_SHIFT);
}

static pfn_t gib_start(uint64_t gib)
{
	return pfn(gib << (GIB_SHIFT - PAGE_SHIFT));
}

/* The GiB that holds the frame lies in one region from its first frame to its last. */
static bool gib_is_inside(const struct region *region, pfn_t frame)
{
	pfn_t start = gib_start(gib_of(frame));

	return !pfn_before(start, region->start) &&
	       !pfn_before(region->end, pfn_add(start, AREAS_PER_GIB * PAGES_PER_AREA));
}

static struct layout layout_of(const struct region *regions, size_t nr)
{
	struct layout layout = {0};
	uint64_t counted_gib = UINT64_MAX;  /* the last GiB and the last ragged area that were */
	uint64_t counted_area = UINT64_MAX; /* counted: neighbouring regions may share them */

	for (size_t i = 0; i < nr; i++) {
		const struct region *region = &regions[i];
		pfn_t last = pfn(region->end.n - 1);
		pfn_t edges[] = {pfn_area(region->start), pfn_area(last)};
		uint64_t first_gib = gib_of(region->start);

		for (size_t k = 0; k < ARRAY_SIZE(edges); k++) {
			if (!area_is_inside(region, edges[k]) && edges[k].n != counted_area) {
				layout.ragged++;
				counted_area = edges[k].n;
			}
		}
		if (first_gib == counted_gib)
			first_gib++;
		counted_gib = gib_of(last);
		layout.area_tables += counted_gib + 1 - first_gib;
		layout.nr_gib = counted_gib + 1;
	}
	layout.directory_bytes = align_up(layout.nr_gib * sizeof(struct area_table *), PAGE_SIZE);
	return layout;
}

static size_t layout_size(const struct layout *layout)
{
	size_t tables = layout->area_tables + layout->ragged + TABLE_POOL_START;

	return layout->directory_bytes + tables * PAGE_SIZE + table_pool_state_size();
}

size_t page_map_size(const struct region *regions, size_t nr)
{
	struct layout layout = layout_of(regions, nr);

	return layout_size(&layout);
}

/* Marks all frames of an area present that the region has; the area is ragged. */
static void describe_ragged(const struct region *region, pfn_t area)
{
	_Atomic word_t *word = area_word(area);

	if (!(*word & WORD_SPLIT)) {
		struct page_table *table = table_get(TABLE_FOR_SPLIT);

		if (!table)
			host_panic("page map: no table for the ragged area at %#llx",
				   (unsigned long long)pfn_to_phys(area).addr);
		for (size_t i = 0; i < PAGES_PER_AREA; i++)
			table->word[i] = WORD_ABSENT;
		*word = ((uintptr_t)table & WORD_TABLE) | WORD_TOUCHED | WORD_SPLIT | WORD_RAGGED;
	}
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		if (region_holds(region, pfn_add(area, i)))
			*page_word(*word, pfn_add(area, i)) = 0;
}

/* The words of a GiB start out as zero, free, if the region has all of it, and as absent if not. */
static void describe_region(const struct region *region)
{
	pfn_t area = pfn_area(region->start);

	while (pfn_before(area, region->end)) {
		if (gib_is_inside(region, area)) {
			area = gib_start(gib_of(area) + 1);
			continue;
		}
		if (area_is_inside(region, area))
			*area_word(area) = 0;
		else
			describe_ragged(region, area);
		area = area_after(area);
	}
}

/* Gives every GiB that the region touches its area table; returns the next free one. */
static struct area_table *place_area_tables(const struct region *region, struct area_table *next)
{
	for (uint64_t gib = gib_of(region->start); gib <= gib_of(pfn(region->end.n - 1)); gib++) {
		if (page_map.directory[gib])
			continue;
		for (size_t i = 0; !gib_is_inside(region, gib_start(gib)) && i < AREAS_PER_GIB; i++)
			next->word[i] = WORD_ABSENT;
		page_map.directory[gib] = next++;
	}
	return next;
}

static bool is_protected(const struct region *region)
{
	return region->kind == MEMORY_PERSISTENT && !region->writable;
}

/* From the first region that may not be written to the end of the last. */
static void find_protected(void)
{
	for (size_t i = 0; i < page_map.nr_regions; i++) {
		const struct region *region = &page_map.regions[i];

		if (!is_protected(region))
			continue;
		if (page_map.protected_frames == 0)
			page_map.protected_start = region->start;
		page_map.protected_frames = pfn_distance(page_map.protected_start, region->end);
	}
}

int page_map_init(const struct region *regions, size_t nr, void *metadata)
{
	struct layout layout;
	struct area_table *area_tables;
	struct page_table *tables;
	size_t nr_tables;

	if (region_list_check(regions, nr))
		return -EINVAL;
	layout = layout_of(regions, nr);
	area_tables = (struct area_table *)((char *)metadata + layout.directory_bytes);
	page_map = (struct page_map){
		.regions = regions,
		.nr_regions = nr,
		.directory = metadata,
		.nr_gib = layout.nr_gib,
		.directory_bytes = layout.directory_bytes,
		.nr_area_tables = layout.area_tables,
	};
	poison_init();
	bad_lines_init();
	tables = (struct page_table *)(area_tables + layout.area_tables);
	nr_tables = layout.ragged + TABLE_POOL_START;
	table_pool_init(tables + nr_tables, (struct page_table *)area_tables, tables, nr_tables);
	for (size_t i = 0; i < nr; i++)
		area_tables = place_area_tables(&regions[i], area_tables);
	for (size_t i = 0; i < nr; i++)
		describe_region(&regions[i]);
	find_protected();
	return 0;
}

const struct region *page_map_regions(size_t *nr)
{
	*nr = page_map.nr_regions;
	return page_map.regions;
}

const struct region *pfn_to_region(pfn_t frame)
{
	return region_find(page_map.regions, page_map.nr_regions, frame);
}

bool pfn_is_writable(pfn_t frame)
{
	return !is_protected(pfn_to_region(frame));
}

void page_map_usage(struct page_map_usage *usage)
{
	*usage = (struct page_map_usage){
		.directory_bytes = page_map.directory_bytes,
		.area_bytes = (page_map.nr_area_tables - page_map.nr_elsewhere) *
			      sizeof(struct area_table),
		.area_bytes_elsewhere = page_map.nr_elsewhere * sizeof(struct area_table),
		.spare_table_bytes = table_pool_spare() * sizeof(struct page_table),
		.cpu_bytes = table_pool_state_size(),
	};
	for (size_t gib = 0; gib < page_map.nr_gib; gib++) {
		for (size_t i = 0; page_map.directory[gib] && i < AREAS_PER_GIB; i++) {
			word_t word = page_map.directory[gib]->word[i];

			usage->areas += !(word & WORD_ABSENT);
			usage->areas_split += !!(word & WORD_SPLIT);
			usage->areas_ragged += !!(word & WORD_RAGGED);
		}
	}
	usage->table_bytes = usage->areas_split * sizeof(struct page_table);
}
