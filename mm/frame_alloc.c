/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each CPU keeps at hand, so that it meets no other on its usual way: free frames of some rows
 * (mm/row_cache.h), and of each kind of memory one free area. Their descriptors say allocated, so
 * that nobody else takes them, and only this CPU touches the cache. What it cannot serve from there
 * comes from the zones, and goes there.
 *
 * What is at hand keeps its size, which is the hysteresis: an area is split once for the rows taken
 * of it, and collapsed when the last one of it is given back.
 *
 * When memory runs out, all CPUs are asked to give back what they keep; each does so at its next
 * call, and an idle CPU keeps nothing.
 */
#include "mm/frame_alloc.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/poison.h"
#include "mm/row_cache.h"
#include "mm/zone.h"

/* A free area, whose word says allocated. */
struct area_at_hand {
	pfn_t start;
	_Atomic word_t *word; /* NULL: none */
	struct zone *zone;    /* where the last one came from */
};

struct cache {
	struct row_cache rows;
	struct area_at_hand areas[MEMORY_KINDS];
	size_t hints[MEMORY_KINDS]; /* where the zones were searched last */
	unsigned give_back;         /* the last wish that was fulfilled */
} __attribute__((aligned(256)));    /* a power of two: one shift finds it */

static struct cache *caches; /* by CPU */
static struct zone *zones;
static size_t nr_zones;

/* Counts how often memory ran out: each time is a wish that all give back what they keep. */
static atomic_uint wishes;

static void give_area(struct area_at_hand *area)
{
	if (!area->word)
		return;
	area->word = NULL;
	zone_disown_area(area->zone, area->start);
}

static void flush(struct cache *cache)
{
	cache->give_back = atomic_load_explicit(&wishes, memory_order_relaxed);
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		row_cache_flush(&cache->rows, (enum memory_kind)kind);
		give_area(&cache->areas[kind]);
	}
}

static bool is_wished(const struct cache *cache)
{
	return cache->give_back != atomic_load_explicit(&wishes, memory_order_relaxed);
}

/* --- Frames of 4 KiB --- */

/* Takes something from one zone for the caller. */
typedef bool (*from_zone_t)(struct cache *, struct zone *, pfn_t *found);

static bool frame_from_zone(struct cache *cache, struct zone *zone, pfn_t *frame)
{
	return row_cache_take_from(&cache->rows, zone, &cache->hints[zone->region->kind], frame);
}

static bool area_from_zone(struct cache *cache, struct zone *zone, pfn_t *area)
{
	return zone_take_area(zone, &cache->hints[zone->region->kind], area);
}

/*
 * Asks the zones of a kind, those of the node first; and once more after giving back what this CPU
 * keeps of it, which may be just what is missing.
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
		row_cache_flush(&cache->rows, kind);
		give_area(&cache->areas[kind]);
	}
	atomic_fetch_add(&wishes, 1);
	return -ENOMEM;
}

static int alloc_frame(struct cache *cache, enum memory_kind kind, uint32_t node, pfn_t *frame)
{
	if (row_cache_take_any(&cache->rows, kind, node, frame))
		return 0;
	return from_zones(cache, kind, node, frame_from_zone, frame);
}

/*
 * What is not to be kept at hand goes to its zone. A frame of a whole area is given back as a part
 * of it; others may change its size meanwhile.
 */
static int free_frame(struct cache *cache, struct zone *zone, pfn_t frame)
{
	int error = row_cache_keep(&cache->rows, zone, frame);

	if (error == -EIO || error == -ESTALE)
		error = zone_give(zone, frame, PAGE_SIZE);
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

/* An area at hand that somebody pinned, split or poisoned meanwhile is not handed out. */
static inline bool take_area_at_hand(struct area_at_hand *at_hand, uint32_t node, pfn_t *area)
{
	_Atomic word_t *word = at_hand->word;

	if (!word || (node != NODE_ANY && node != at_hand->zone->region->node) ||
	    atomic_load_explicit(word, memory_order_relaxed) != WORD_ALLOCATED)
		return false;
	*area = at_hand->start;
	at_hand->word = NULL;
	return true;
}

/* The usual case of keep_area_at_hand(): of the same zone as the last one, clean and not held. */
static inline bool keep_next_area(struct area_at_hand *at_hand, pfn_t area)
{
	const struct zone *zone = at_hand->zone;
	_Atomic word_t *word;

	if (at_hand->word || !zone || !region_holds(zone->region, area) || area.n % PAGES_PER_AREA)
		return false;
	word = area_word(area);
	if (atomic_load_explicit(word, memory_order_relaxed) != WORD_ALLOCATED)
		return false;
	at_hand->start = area;
	at_hand->word = word;
	return true;
}

static bool keep_area_at_hand(struct area_at_hand *at_hand, struct zone *zone, pfn_t area)
{
	if (at_hand->word || page_reuse(area_word(area)))
		return false;
	*at_hand = (struct area_at_hand){area, area_word(area), zone};
	return true;
}

static int free_area(struct cache *cache, struct zone *zone, pfn_t area)
{
	struct area_at_hand *at_hand = &cache->areas[zone->region->kind];
	struct page_info info;
	int error;

	if (area.n % PAGES_PER_AREA || (at_hand->word && pfn_eq(area, at_hand->start)))
		return -EINVAL;
	if (keep_area_at_hand(at_hand, zone, area))
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

int frame_alloc_area_in(const struct region *region, pfn_t *start)
{
	struct cache *cache = &caches[host_cpu()];
	struct zone *zone = zone_of(zones, region->start);

	if (area_from_zone(cache, zone, start))
		return 0;
	flush(cache);
	if (area_from_zone(cache, zone, start))
		return 0;
	atomic_fetch_add(&wishes, 1);
	return -ENOMEM;
}

static __attribute__((noinline)) int free_slowly(struct cache *cache, pfn_t start, size_t size)
{
	struct zone *zone = zone_of(zones, start);

	if (is_wished(cache))
		flush(cache);
	if (!zone)
		return -EINVAL;
	if (size == PAGE_SIZE)
		return free_frame(cache, zone, start);
	return size == AREA_SIZE ? free_area(cache, zone, start) : -EINVAL;
}

int frame_alloc(enum memory_kind kind, uint32_t node, size_t size, pfn_t *start)
{
	struct cache *cache = &caches[host_cpu()];

	if (likely(!is_wished(cache))) {
		if (likely(size == PAGE_SIZE) &&
		    likely(row_cache_take(&cache->rows, kind, node, start)))
			return 0;
		if (size == AREA_SIZE && take_area_at_hand(&cache->areas[kind], node, start))
			return 0;
	}
	return alloc_slowly(cache, kind, node, size, start);
}

int frame_free(pfn_t start, size_t size)
{
	struct cache *cache = &caches[host_cpu()];

	if (likely(size == PAGE_SIZE) && likely(row_cache_give(&cache->rows, start)))
		return 0;
	for (int kind = 0; size == AREA_SIZE && kind < MEMORY_KINDS; kind++)
		if (keep_next_area(&cache->areas[kind], start))
			return 0;
	return free_slowly(cache, start, size);
}

void frame_alloc_flush(void)
{
	flush(&caches[host_cpu()]);
	table_pool_flush();
}

/* --- How much --- */

/* Frames that a CPU keeps at hand are free as far as everybody else is concerned. */
uint64_t frames_free(enum memory_kind kind)
{
	uint64_t frames = 0;

	for (size_t i = 0; i < nr_zones; i++)
		if (zones[i].region->kind == kind)
			frames += zone_free_frames(&zones[i]);
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++) {
		frames += row_cache_count(&caches[cpu].rows, kind).frames;
		frames += caches[cpu].areas[kind].word ? PAGES_PER_AREA : 0;
	}
	return frames;
}

uint64_t frame_alloc_pins(void)
{
	uint64_t pins = 0;

	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		for (int kind = 0; kind < MEMORY_KINDS; kind++)
			pins += row_cache_count(&caches[cpu].rows, (enum memory_kind)kind).rows;
	return pins;
}

/* Rows that each CPU has room for: with 64 frames in each, no more than 1/32 of the memory. */
static size_t row_slots(const struct region *regions, size_t nr)
{
	uint64_t rows = 0;
	enum { ROWS_AT_HAND_OF = 32 };
	size_t slots = ROW_SLOTS_MIN;

	for (size_t i = 0; i < nr; i++)
		rows += region_bytes(&regions[i]) / PAGE_SIZE / PAGES_PER_ROW;
	while (slots < ROW_SLOTS_MAX && 2 * slots <= rows / ROWS_AT_HAND_OF)
		slots *= 2;
	return slots;
}

/* The state is the caches, the slots of their rows, the zones, and the zones' bits, in this order.
 */
size_t frame_alloc_size(const struct region *regions, size_t nr)
{
	size_t bytes = HOST_CPUS_MAX * sizeof(struct cache) + nr * sizeof(struct zone);

	bytes += HOST_CPUS_MAX * row_slots(regions, nr) * sizeof(struct row);
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

/* The same area again. */
static bool area_from_tables(void *area)
{
	for (size_t i = 0; i < nr_zones; i++) {
		const struct region *region = zones[i].region;
		uintptr_t start = (uintptr_t)host_virt(pfn_to_phys(region->start));
		uint64_t frame = ((uintptr_t)area - start) >> PAGE_SHIFT;

		if (region->kind == MEMORY_DRAM && frame < pfn_distance(region->start, region->end))
			return !frame_free(pfn_add(region->start, frame), AREA_SIZE);
	}
	return false;
}

static void note_healed(pfn_t frame)
{
	zone_note_healed(zone_of(zones, frame), frame);
}

void frame_alloc_init(void *state)
{
	size_t nr_slots = row_slots(page_map.regions, page_map.nr_regions);
	struct row *slots;
	char *bits;

	caches = state;
	slots = (struct row *)&caches[HOST_CPUS_MAX];
	zones = (struct zone *)&slots[HOST_CPUS_MAX * nr_slots];
	nr_zones = page_map.nr_regions;
	bits = (char *)&zones[nr_zones];
	for (size_t i = 0; i < nr_zones; i++) {
		zone_init(&zones[i], &page_map.regions[i], bits);
		bits += zone_size(&page_map.regions[i]);
	}
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		row_cache_init(&caches[cpu].rows, &slots[cpu * nr_slots], nr_slots, zones);
	table_pool_set_source(area_for_tables, area_from_tables);
	poison_set_listener(note_healed);
}
