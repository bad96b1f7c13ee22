/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptors are the truth; the allocator keeps two bits per area that say where to look.
 *
 *	whole     the area may be one free page of 2 MiB
 *	partial   the area is split and may have free frames
 *
 * A bit that is set may be wrong and is put right by whoever looks; one that is clear may be wrong
 * only while its area is in the other set, so that a search of both finds every free frame. A bit
 * is therefore set after the page became free, and cleared before the last look.
 */
#include "mm/frame_alloc.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/page_map.h"

enum { BITS = 64 };

/* A set of areas of one region, by their number in it, and where the last one was found. */
struct area_set {
	_Atomic uint64_t *bits;
	atomic_size_t hint;
};

/* What the allocator knows of one region. */
struct zone {
	const struct region *region;
	pfn_t first; /* of its first area; before the region's start if that is ragged */
	size_t areas;
	struct area_set whole;
	struct area_set partial;
	_Atomic uint64_t next_frame; /* where the last search for a frame ended */
};

static struct zone *zones;
static size_t nr_zones;

static size_t areas_of(const struct region *region)
{
	pfn_t last = pfn_area(pfn(region->end.n - 1));

	return pfn_distance(pfn_area(region->start), last) / PAGES_PER_AREA + 1;
}

static size_t words_for(size_t areas)
{
	return (areas + BITS - 1) / BITS;
}

static pfn_t area_at(const struct zone *zone, size_t index)
{
	return pfn_add(zone->first, index * PAGES_PER_AREA);
}

static size_t index_of(const struct zone *zone, pfn_t frame)
{
	return pfn_distance(zone->first, frame) / PAGES_PER_AREA;
}

static void set_add(struct area_set *set, size_t index)
{
	atomic_fetch_or(&set->bits[index / BITS], (uint64_t)1 << index % BITS);
}

static void set_remove(struct area_set *set, size_t index)
{
	atomic_fetch_and(&set->bits[index / BITS], ~((uint64_t)1 << index % BITS));
}

static struct zone *zone_of(pfn_t frame)
{
	const struct region *region = pfn_to_region(frame);

	return region ? &zones[region - page_map.regions] : NULL;
}

/* The frames of an area that belong to the zone's region. */
static void frames_in(const struct zone *zone, size_t index, pfn_t *start, pfn_t *end)
{
	*start = area_at(zone, index);
	*end = pfn_add(*start, PAGES_PER_AREA);
	if (pfn_before(*start, zone->region->start))
		*start = zone->region->start;
	if (pfn_before(zone->region->end, *end))
		*end = zone->region->end;
}

/*
 * Takes something out of one area; `found` is where. True: taken. False: nothing to be had there.
 */
typedef bool (*take_t)(struct zone *, size_t index, pfn_t *found);

/* Tries every area of a set, from where the last one was found, once around. */
static bool search(struct zone *zone, struct area_set *set, take_t take, pfn_t *found)
{
	size_t words = words_for(zone->areas);
	size_t hint = atomic_load(&set->hint);

	for (size_t i = 0; i < words; i++) {
		size_t at = (hint + i) % words;
		uint64_t bits = atomic_load(&set->bits[at]);

		for (; bits; bits &= bits - 1) {
			size_t index = at * BITS + (size_t)__builtin_ctzll(bits);

			if (!take(zone, index, found))
				continue;
			atomic_store(&set->hint, at);
			return true;
		}
	}
	return false;
}

/* Puts an area into the set that its descriptor says. */
static void settle(struct zone *zone, size_t index)
{
	struct page_info info;
	pfn_t start, end;
	bool split;

	frames_in(zone, index, &start, &end);
	split = !page_look(start, &info) && info.size == PAGE_SIZE;
	set_add(split ? &zone->partial : &zone->whole, index);
	set_remove(split ? &zone->whole : &zone->partial, index);
}

/* What a look at one area for a free frame came to. */
enum look {
	LOOK_TAKEN,
	LOOK_FULL,    /* every frame is allocated or poisoned */
	LOOK_HELD,    /* what is free is pinned */
	LOOK_SETTLED, /* the area is whole */
};

static bool take_page(pfn_t frame)
{
	struct page *page = page_hold(frame, PAGE_SIZE);

	if (!page)
		return false;
	if (page_allocate(page) == 0)
		return true;
	page_unpin(page);
	return false;
}

/* Takes the first free frame of [start, end). */
static enum look take_in(struct zone *zone, pfn_t start, pfn_t end, pfn_t *found)
{
	enum look result = LOOK_FULL;
	struct page_info info;

	for (*found = start; pfn_before(*found, end); *found = pfn_add(*found, 1)) {
		if (page_look(*found, &info))
			continue;
		if (info.size != PAGE_SIZE) {
			settle(zone, index_of(zone, *found));
			return LOOK_SETTLED;
		}
		if (info.allocated || info.poisoned)
			continue;
		if (take_page(*found)) {
			atomic_store(&zone->next_frame, found->n + 1);
			return LOOK_TAKEN;
		}
		result = LOOK_HELD;
	}
	return result;
}

/* Takes one frame of a split area, from where the last one was taken. */
static bool take_frame(struct zone *zone, size_t index, pfn_t *found)
{
	pfn_t next = pfn(atomic_load(&zone->next_frame));
	pfn_t start, end;
	enum look first, second;

	frames_in(zone, index, &start, &end);
	if (pfn_before(next, start) || !pfn_before(next, end))
		next = start;
	first = take_in(zone, next, end, found);
	if (first == LOOK_TAKEN || first == LOOK_SETTLED)
		return first == LOOK_TAKEN;
	second = take_in(zone, start, next, found);
	if (second == LOOK_FULL && first == LOOK_FULL) {
		set_remove(&zone->partial, index);
		/* Somebody may have freed a frame behind this look, before the bit went. */
		second = take_in(zone, start, end, found);
		if (second == LOOK_TAKEN || second == LOOK_HELD)
			set_add(&zone->partial, index);
	}
	return second == LOOK_TAKEN;
}

/* Splits a free area and takes its first frame. */
static bool take_frame_of_whole(struct zone *zone, size_t index, pfn_t *found)
{
	struct page_info info;
	int error = page_split_free(area_at(zone, index));

	if (!error) {
		settle(zone, index);
		return take_frame(zone, index, found);
	}
	if (error == -EBUSY && !page_look(area_at(zone, index), &info) &&
	    (info.allocated || info.poisoned))
		set_remove(&zone->whole, index);
	return false;
}

static bool take_area(struct zone *zone, size_t index, pfn_t *found)
{
	struct page_info info;
	int error;

	*found = area_at(zone, index);
	error = page_allocate_area(*found);
	if (!error) {
		set_remove(&zone->whole, index);
		return true;
	}
	if (error == -ESTALE)
		settle(zone, index);
	else if (!page_look(*found, &info) && (info.allocated || info.poisoned))
		set_remove(&zone->whole, index);
	return false;
}

/* Makes a split area whole if all of it is free, and takes it. */
static bool take_area_of_split(struct zone *zone, size_t index, pfn_t *found)
{
	if (page_collapse_free(area_at(zone, index)))
		return false;
	settle(zone, index);
	return take_area(zone, index, found);
}

static bool alloc_in(struct zone *zone, size_t size, pfn_t *found)
{
	if (size == PAGE_SIZE)
		return search(zone, &zone->partial, take_frame, found) ||
		       search(zone, &zone->whole, take_frame_of_whole, found);
	return search(zone, &zone->whole, take_area, found) ||
	       search(zone, &zone->partial, take_area_of_split, found);
}

int frame_alloc(enum memory_kind kind, uint32_t node, size_t size, pfn_t *start)
{
	if (size != PAGE_SIZE && size != AREA_SIZE)
		return -EINVAL;
	for (int preferred = 1; preferred >= 0; preferred--) {
		for (size_t i = 0; i < nr_zones; i++) {
			const struct region *region = zones[i].region;
			bool near = node == NODE_ANY || region->node == node;

			if (region->kind == kind && near == preferred &&
			    alloc_in(&zones[i], size, start))
				return 0;
		}
	}
	return -ENOMEM;
}

/* After a frame became free: the area is whole again, or has something to give. */
static void frame_became_free(struct zone *zone, pfn_t frame)
{
	size_t index = index_of(zone, frame);
	struct page_info info;

	/* A neighbour that is in use is the usual reason not to collapse, and cheap to find. */
	for (size_t i = 1; i < PAGES_PER_AREA; i++) {
		pfn_t other = pfn(pfn_area(frame).n | (frame.n + i) % PAGES_PER_AREA);

		if (page_look(other, &info) || info.allocated) {
			set_add(&zone->partial, index);
			return;
		}
	}
	/* It may fail, as for a pinned page; settling finds out. */
	if (page_collapse_free(frame) == 0)
		settle(zone, index);
	else
		set_add(&zone->partial, index);
}

/* Makes the area that holds the run one of pages of its size, when whoever frees it may ask so. */
static int match_size(pfn_t start, size_t size)
{
	struct page_info info;

	if (start.n % (size >> PAGE_SHIFT) != 0 || page_look(start, &info) || !info.allocated)
		return -EINVAL;
	if (info.size == size)
		return 0;
	return size == PAGE_SIZE ? page_split(start) : page_collapse(start);
}

int frame_free(pfn_t start, size_t size)
{
	struct zone *zone = zone_of(start);
	struct page *page;
	int error;

	if (!zone || (size != PAGE_SIZE && size != AREA_SIZE))
		return -EINVAL;
	error = match_size(start, size);
	if (error)
		return error == -EIO ? -EBUSY : error;
	page = page_hold(start, size);
	if (!page)
		return -EBUSY;
	error = page_release(page);
	if (error) {
		page_unpin(page);
		return error;
	}
	if (size == AREA_SIZE)
		set_add(&zone->whole, index_of(zone, start));
	else
		frame_became_free(zone, start);
	return 0;
}

uint64_t frames_free(enum memory_kind kind)
{
	uint64_t frames = 0;

	for (size_t i = 0; i < nr_zones; i++) {
		const struct region *region = zones[i].region;
		struct page_info info;

		for (pfn_t frame = region->start;
		     region->kind == kind && pfn_before(frame, region->end);
		     frame = pfn_add(frame, info.size >> PAGE_SHIFT)) {
			if (page_look(frame, &info))
				host_panic("frames_free: %#llx of %s has no descriptor",
					   (unsigned long long)pfn_to_phys(frame).addr,
					   region->name);
			if (!info.allocated && !info.poisoned)
				frames += info.size >> PAGE_SHIFT;
		}
	}
	return frames;
}

size_t frame_alloc_size(const struct region *regions, size_t nr)
{
	size_t bytes = nr * sizeof(struct zone);

	for (size_t i = 0; i < nr; i++)
		bytes += 2 * words_for(areas_of(&regions[i])) * sizeof(uint64_t);
	return align_up(bytes, PAGE_SIZE);
}

size_t frame_alloc_bytes(void)
{
	return frame_alloc_size(page_map.regions, page_map.nr_regions);
}

/* More memory for tables, when the pool asks. */
static void *area_for_tables(void)
{
	pfn_t area;

	if (frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area))
		return NULL;
	return host_virt(pfn_to_phys(area));
}

void frame_alloc_init(void *state)
{
	_Atomic uint64_t *bits;

	zones = state;
	nr_zones = page_map.nr_regions;
	bits = (_Atomic uint64_t *)&zones[nr_zones];
	for (size_t i = 0; i < nr_zones; i++) {
		struct zone *zone = &zones[i];
		size_t words;

		zone->region = &page_map.regions[i];
		zone->first = pfn_area(zone->region->start);
		zone->areas = areas_of(zone->region);
		words = words_for(zone->areas);
		zone->whole.bits = bits;
		zone->partial.bits = bits + words;
		bits += 2 * words;
		for (size_t index = 0; index < zone->areas; index++)
			settle(zone, index);
	}
	table_pool_set_source(area_for_tables);
}
