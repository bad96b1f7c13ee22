/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each CPU keeps at hand, so that it meets no other on its usual way: of each kind of memory
 * the free frames of one row, and one free area. Their descriptors say allocated, so that nobody
 * else takes them, and only this CPU touches the cache. What it cannot serve from there comes from
 * the zones, and goes there.
 *
 * A row or an area at hand keeps its size, which is the hysteresis: an area is split and collapsed
 * for every 64 frames taken and given back, not for every one.
 *
 * When memory runs out, all CPUs are asked to give back what they keep; each does so at its next
 * call, and an idle CPU keeps nothing.
 */
#include "mm/frame_alloc.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/zone.h"

#define NO_AREA pfn(UINT64_MAX)

struct cache {
	struct row row;
	struct zone *row_zone;
	pfn_t area; /* NO_AREA: none */
	struct zone *area_zone;
	size_t hint;        /* where the zones were searched last */
	unsigned give_back; /* the last wish that was fulfilled */
} __attribute__((aligned(64)));

static struct cache (*caches)[MEMORY_KINDS]; /* by CPU */
static struct zone *zones;
static size_t nr_zones;

/* Counts how often memory ran out: each time is a wish that all give back what they keep. */
static atomic_uint wishes;

static struct zone *zone_of(pfn_t frame)
{
	const struct region *region = pfn_to_region(frame);

	return region ? &zones[region - page_map.regions] : NULL;
}

/* Not of the anchor, which is not handed out as long as there is a row. */
static bool in_row(const struct row *row, pfn_t frame)
{
	return (frame.n ^ row->start.n) < PAGES_PER_ROW &&
	       row->region >> frame.n % PAGES_PER_ROW & 1;
}

static void flush(struct cache *cache)
{
	pfn_t area = cache->area;

	cache->give_back = atomic_load_explicit(&wishes, memory_order_relaxed);
	if (cache->row.anchor)
		zone_give_row(cache->row_zone, &cache->row);
	cache->area = NO_AREA;
	if (!pfn_eq(area, NO_AREA))
		zone_disown_area(cache->area_zone, area);
}

static bool is_wished(const struct cache *cache)
{
	return cache->give_back != atomic_load_explicit(&wishes, memory_order_relaxed);
}

static bool suits(const struct zone *zone, uint32_t node)
{
	return node == NODE_ANY || (zone && zone->region->node == node);
}

/* --- Frames of 4 KiB --- */

/* The usual case of take_from_row(): the first frame at hand will do. */
static inline bool take_first(struct row *row, pfn_t *frame)
{
	uint64_t bits = row->frames;
	unsigned i = (unsigned)__builtin_ctzll(bits | (uint64_t)1 << (PAGES_PER_ROW - 1));

	if (unlikely(!bits) ||
	    unlikely(atomic_load_explicit(&row->words[i], memory_order_relaxed) != WORD_ALLOCATED))
		return false;
	row->frames = bits & (bits - 1);
	*frame = pfn_add(row->start, i);
	return true;
}

/* A frame at hand that somebody pinned or poisoned meanwhile is passed over. */
static bool take_from_row(struct row *row, pfn_t *frame)
{
	for (uint64_t bits = row->frames; bits; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bits);

		if (unlikely(atomic_load_explicit(&row->words[i], memory_order_relaxed) !=
			     WORD_ALLOCATED))
			continue;
		row->frames &= ~((uint64_t)1 << i);
		*frame = pfn_add(row->start, i);
		return true;
	}
	return false;
}

/*
 * Gives a frame back to the row at hand. -EINVAL: it is there already, or was not allocated.
 * -EBUSY: held. -EIO: poisoned, and so not to be kept at hand.
 */
static int give_to_row(struct row *row, pfn_t frame)
{
	unsigned i = frame.n % PAGES_PER_ROW;
	uint64_t bit = (uint64_t)1 << i;
	word_t word = atomic_load_explicit(&row->words[i], memory_order_relaxed);

	if (row->frames & bit)
		return -EINVAL;
	if (unlikely(word != WORD_ALLOCATED)) {
		int error = page_reuse(&row->words[i]);

		if (error)
			return error;
	}
	row->frames |= bit;
	return 0;
}

/* Takes something from one zone into the cache, or for the caller. */
typedef bool (*from_zone_t)(struct cache *, struct zone *, pfn_t *found);

/*
 * A row may be lost again to somebody who pins what is left of it in between; that is bad luck, not
 * a zone without memory.
 */
static bool row_from_zone(struct cache *cache, struct zone *zone, pfn_t *frame)
{
	enum { TRIES = 16 };

	cache->row_zone = zone;
	for (int i = 0; i < TRIES && zone_take_row(zone, &cache->hint, &cache->row); i++)
		if (take_from_row(&cache->row, frame) || zone_take_anchor(zone, &cache->row, frame))
			return true;
	return false;
}

static bool area_from_zone(struct cache *cache, struct zone *zone, pfn_t *area)
{
	return zone_take_area(zone, &cache->hint, area);
}

/*
 * Asks the zones of a kind, those of the node first; and once more after giving back what this CPU
 * keeps, which may be just what is missing.
 */
static int from_zones(struct cache *cache, enum memory_kind kind, uint32_t node, from_zone_t take,
		      pfn_t *found)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		for (int near = 1; near >= 0; near--) {
			for (size_t i = 0; i < nr_zones; i++) {
				const struct region *region = zones[i].region;
				bool here = node == NODE_ANY || region->node == node;

				if (region->kind == kind && here == near &&
				    take(cache, &zones[i], found))
					return 0;
			}
		}
		flush(cache);
	}
	atomic_fetch_add(&wishes, 1);
	return -ENOMEM;
}

static int alloc_frame(struct cache *cache, enum memory_kind kind, uint32_t node, pfn_t *frame)
{
	if (cache->row.anchor) {
		if (likely(suits(cache->row_zone, node)) &&
		    (likely(take_from_row(&cache->row, frame)) ||
		     zone_take_anchor(cache->row_zone, &cache->row, frame)))
			return 0;
		zone_give_row(cache->row_zone, &cache->row);
	}
	return from_zones(cache, kind, node, row_from_zone, frame);
}

/* A frame of a whole area is given back as a part of it. Others may change its size meanwhile. */
static int free_frame(struct zone *zone, pfn_t frame)
{
	int error = zone_give(zone, frame, PAGE_SIZE);

	while (error == -ESTALE) {
		struct page_info info;

		if (page_look(frame, &info) || !info.allocated)
			return -EINVAL;
		error = page_split(frame);
		if (!error)
			error = zone_give(zone, frame, PAGE_SIZE);
	}
	return error;
}

/* --- Areas of 2 MiB --- */

static bool take_area_at_hand(struct cache *cache, uint32_t node, pfn_t *area)
{
	if (pfn_eq(cache->area, NO_AREA) || !suits(cache->area_zone, node) ||
	    !page_is_unused(cache->area))
		return false;
	*area = cache->area;
	cache->area = NO_AREA;
	return true;
}

static bool keep_area_at_hand(struct cache *cache, struct zone *zone, pfn_t area)
{
	if (!pfn_eq(cache->area, NO_AREA) || area.n % PAGES_PER_AREA || page_reuse_area(area))
		return false;
	cache->area = area;
	cache->area_zone = zone;
	return true;
}

static int free_area(struct cache *cache, struct zone *zone, pfn_t area)
{
	struct page_info info;
	int error;

	if (area.n % PAGES_PER_AREA || pfn_eq(area, cache->area))
		return -EINVAL;
	if (keep_area_at_hand(cache, zone, area))
		return 0;
	do {
		if (page_look(area, &info) || !info.allocated)
			return -EINVAL;
		error = info.size == PAGE_SIZE ? page_collapse(area) : 0;
		if (error)
			return error == -EIO ? -EBUSY : error;
		error = zone_give(zone, area, AREA_SIZE);
	} while (error == -ESTALE);
	return error;
}

/* --- For all --- */

/* What is rare is kept out of the way of what is not: this is a call of its own. */
static __attribute__((noinline)) int alloc_slowly(struct cache *cache, enum memory_kind kind,
						  uint32_t node, size_t size, pfn_t *start)
{
	if (is_wished(cache))
		flush(cache);
	if (size == PAGE_SIZE)
		return alloc_frame(cache, kind, node, start);
	if (size == AREA_SIZE)
		return from_zones(cache, kind, node, area_from_zone, start);
	return -EINVAL;
}

static __attribute__((noinline)) int free_slowly(struct cache *cache, pfn_t start, size_t size)
{
	struct zone *zone = zone_of(start);

	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		if (is_wished(&cache[kind]))
			flush(&cache[kind]);
	if (!zone)
		return -EINVAL;
	if (size == PAGE_SIZE)
		return free_frame(zone, start);
	return size == AREA_SIZE ? free_area(&cache[zone->region->kind], zone, start) : -EINVAL;
}

int frame_alloc(enum memory_kind kind, uint32_t node, size_t size, pfn_t *start)
{
	struct cache *cache = &caches[host_cpu()][kind];

	if (likely(!is_wished(cache))) {
		if (size == PAGE_SIZE && suits(cache->row_zone, node) &&
		    take_first(&cache->row, start))
			return 0;
		if (size == AREA_SIZE && take_area_at_hand(cache, node, start))
			return 0;
	}
	return alloc_slowly(cache, kind, node, size, start);
}

int frame_free(pfn_t start, size_t size)
{
	struct cache *cache = caches[host_cpu()];

	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		if (size == PAGE_SIZE && in_row(&cache[kind].row, start)) {
			int error = give_to_row(&cache[kind].row, start);

			if (error != -EIO)
				return error;
		}
		if (size == AREA_SIZE && cache[kind].area_zone &&
		    region_holds(cache[kind].area_zone->region, start) &&
		    keep_area_at_hand(&cache[kind], cache[kind].area_zone, start))
			return 0;
	}
	return free_slowly(cache, start, size);
}

void frame_alloc_flush(void)
{
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		flush(&caches[host_cpu()][kind]);
	table_pool_flush();
}

/* Frames that a CPU keeps at hand are free as far as everybody else is concerned. */
static uint64_t frames_at_hand(const struct cache *cache)
{
	uint64_t frames = cache->row.anchor ? 1 : 0;

	for (uint64_t bits = cache->row.frames; bits; bits &= bits - 1)
		frames++;
	return frames + (pfn_eq(cache->area, NO_AREA) ? 0 : PAGES_PER_AREA);
}

uint64_t frames_free(enum memory_kind kind)
{
	uint64_t frames = 0;

	for (size_t i = 0; i < nr_zones; i++)
		if (zones[i].region->kind == kind)
			frames += zone_free_frames(&zones[i]);
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		frames += frames_at_hand(&caches[cpu][kind]);
	return frames;
}

/* The state is the caches, the zones, and the zones' bits, in this order. */
size_t frame_alloc_size(const struct region *regions, size_t nr)
{
	size_t bytes = HOST_CPUS_MAX * sizeof(*caches) + nr * sizeof(struct zone);

	for (size_t i = 0; i < nr; i++)
		bytes += zone_size(&regions[i]);
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
	char *bits;

	caches = state;
	zones = (struct zone *)&caches[HOST_CPUS_MAX];
	nr_zones = page_map.nr_regions;
	bits = (char *)&zones[nr_zones];
	for (size_t i = 0; i < nr_zones; i++) {
		zone_init(&zones[i], &page_map.regions[i], bits);
		bits += zone_size(&page_map.regions[i]);
	}
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		for (int kind = 0; kind < MEMORY_KINDS; kind++)
			caches[cpu][kind] = (struct cache){.row = ROW_EMPTY, .area = NO_AREA};
	table_pool_set_source(area_for_tables);
}
