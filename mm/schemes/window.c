/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/window.h"

#include "mm/pin_range.h"

bool window_fits(const struct scheme_setup *setup)
{
	const struct region *region = pfn_to_region(setup->start);

	return region && setup->frames <= pfn_distance(setup->start, region->end);
}

bool window_can_reserve(const struct scheme_setup *setup, uint64_t frames)
{
	struct page_info info;

	if (!window_fits(setup) || setup->frames <= frames || !pfn_is_writable(setup->start))
		return false;
	for (uint64_t i = 0; i < frames; i++)
		if (page_look(pfn_add(setup->start, i), &info) || info.poisoned)
			return false;
	return true;
}

void window_needs(const struct scheme_setup *setup, size_t instance, struct scheme_needs *needs)
{
	struct region region = {
		.start = setup->start,
		.end = pfn_add(setup->start, setup->frames),
		.kind = MEMORY_PERSISTENT,
	};
	uint64_t areas = (align_up(region.end.n, PAGES_PER_AREA) - pfn_area(region.start).n) /
			 PAGES_PER_AREA;

	*needs = (struct scheme_needs){
		.dram_bytes = instance + page_map_size(&region, 1),
		.given_bytes = instance,
	};
	/* A table is one frame. */
	needs->dram_bytes_most = needs->dram_bytes + areas * PAGE_SIZE;
}

void window_usage(size_t instance, struct scheme_usage *usage)
{
	struct page_map_usage map;

	page_map_usage(&map);
	*usage = (struct scheme_usage){
		.dram_bytes = instance + map.directory_bytes + map.area_bytes + map.table_bytes +
			      map.spare_table_bytes + map.cpu_bytes,
	};
}

int window_refused(pfn_t frame)
{
	struct page_info info;

	return !page_look(frame, &info) && info.pins >= PAGE_PINS_MAX ? -EOVERFLOW : -EIO;
}

int window_pin_range(struct scheme *scheme, struct scheme_range *range)
{
	int error = scheme_range_check(scheme, range);

	return error ? error
		     : pin_range(range->start, range->frames, range->segments, &range->nr_segments,
				 range->max_segments);
}

void window_unpin_range(struct scheme *scheme, const struct scheme_range *range,
			enum scheme_written written)
{
	(void)scheme;
	if (written)
		unpin_range_dirty(range->start, range->frames);
	else
		unpin_range(range->start, range->frames);
}

struct scheme_page *window_find(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame) ? (struct scheme_page *)pfn_to_page(frame) : NULL;
}

pfn_t window_page_to_pfn(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	return page_to_pfn(window_page(page));
}

size_t window_page_size(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	return page_size(window_page(page));
}

int window_pins(struct scheme *scheme, pfn_t frame)
{
	struct page_info info;
	int error = scheme_has(scheme, frame) ? page_look(frame, &info) : -ENOENT;

	return error ? error : (int)info.pins;
}
