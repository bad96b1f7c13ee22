/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/two_level.h"

#include <errno.h>

#include "mm/page.h"
#include "mm/pin_range.h"

static struct page *behind(const struct scheme_page *handle)
{
	return (struct page *)handle;
}

static void needs(const struct scheme_setup *setup, struct scheme_needs *needs)
{
	struct region region = {
		.start = setup->start,
		.end = pfn_add(setup->start, setup->frames),
		.kind = MEMORY_PERSISTENT,
	};
	uint64_t areas = (align_up(region.end.n, PAGES_PER_AREA) - pfn_area(region.start).n) /
			 PAGES_PER_AREA;

	*needs = (struct scheme_needs){.dram_bytes =
					       sizeof(struct scheme) + page_map_size(&region, 1)};
	/* A table is one frame. */
	needs->dram_bytes_most = needs->dram_bytes + areas * PAGE_SIZE;
}

static struct scheme *begin(const struct scheme_setup *setup, void *dram)
{
	const struct region *region = pfn_to_region(setup->start);
	struct scheme *scheme = dram;

	if (!region || setup->frames > pfn_distance(setup->start, region->end))
		return NULL;
	*scheme = (struct scheme){
		.ops = &two_level_scheme,
		.start = setup->start,
		.frames = setup->frames,
	};
	return scheme;
}

static void usage(struct scheme *scheme, struct scheme_usage *usage)
{
	struct page_map_usage map;

	page_map_usage(&map);
	*usage = (struct scheme_usage){
		.dram_bytes = sizeof(*scheme) + map.directory_bytes + map.area_bytes +
			      map.table_bytes + map.spare_table_bytes + map.cpu_bytes,
	};
}

/* Why the page map does not pin a frame of a region. Out of the way of those that it does pin. */
static __attribute__((noinline, cold)) int refused(pfn_t frame)
{
	struct page_info info;

	return !page_look(frame, &info) && info.pins >= PAGE_PINS_MAX ? -EOVERFLOW : -EIO;
}

static int pin(struct scheme *scheme, pfn_t frame, struct scheme_page **page)
{
	struct page *pinned;

	if (unlikely(!scheme_has(scheme, frame)))
		return -ENOENT;
	pinned = page_pin(frame);
	if (unlikely(!pinned))
		return refused(frame);
	*page = (struct scheme_page *)pinned;
	return 0;
}

static void unpin(struct scheme *scheme, struct scheme_page *page, enum scheme_written written)
{
	(void)scheme;
	if (written)
		page_unpin_dirty(behind(page));
	else
		page_unpin(behind(page));
}

static int pin_frames(struct scheme *scheme, struct scheme_range *range)
{
	int error = scheme_range_check(scheme, range);

	return error ? error
		     : pin_range(range->start, range->frames, range->segments, &range->nr_segments,
				 range->max_segments);
}

static void unpin_frames(struct scheme *scheme, const struct scheme_range *range,
			 enum scheme_written written)
{
	pfn_t end = pfn_add(range->start, range->frames);
	pfn_t frame = range->start;

	(void)scheme;
	while (pfn_before(frame, end)) {
		struct page *page = pfn_to_page(frame);

		frame = pfn_add(page_to_pfn(page), page_size(page) >> PAGE_SHIFT);
		unpin(scheme, (struct scheme_page *)page, written);
	}
}

static struct scheme_page *find(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame) ? (struct scheme_page *)pfn_to_page(frame) : NULL;
}

static pfn_t two_level_to_pfn(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	return page_to_pfn(behind(page));
}

static size_t two_level_size(struct scheme *scheme, const struct scheme_page *page)
{
	(void)scheme;
	return page_size(behind(page));
}

static int trylock(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return page_trylock(behind(page)) ? 0 : -EBUSY;
}

static int unlock(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	page_unlock(behind(page));
	return 0;
}

static int mark_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	page_mark_dirty(behind(page));
	return 0;
}

static int clear_dirty(struct scheme *scheme, struct scheme_page *page)
{
	(void)scheme;
	return page_clear_dirty(behind(page));
}

static int pins(struct scheme *scheme, pfn_t frame)
{
	struct page_info info;
	int error = scheme_has(scheme, frame) ? page_look(frame, &info) : -ENOENT;

	return error ? error : (int)info.pins;
}

static int poison(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame) ? page_poison(frame) : -ENOENT;
}

static int unpoison(struct scheme *scheme, pfn_t frame)
{
	return scheme_has(scheme, frame) ? page_unpoison(frame) : -ENOENT;
}

const struct scheme_ops two_level_scheme = {
	.name = "two-level",
	.refusals = {[SCHEME_OWNERS] = "a page has 32 bits for one owner"},
	.needs = needs,
	.begin = begin,
	.usage = usage,
	.pin = pin,
	.unpin = unpin,
	.pin_range = pin_frames,
	.unpin_range = unpin_frames,
	.find = find,
	.page_to_pfn = two_level_to_pfn,
	.page_size = two_level_size,
	.trylock = trylock,
	.unlock = unlock,
	.mark_dirty = mark_dirty,
	.clear_dirty = clear_dirty,
	.pins = pins,
	.poison = poison,
	.unpoison = unpoison,
	.pin_as = scheme_refuses_owner,
	.owner = scheme_refuses_to_tell,
};
