/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/zone.h"

#include <stdatomic.h>

#include "mm/host.h"
#include "mm/page.h"

enum { BITS = 64 };

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

/* Most bits are as they should be already, and looking costs other CPUs nothing. */
static void set_add(struct area_set *set, size_t index)
{
	uint64_t bit = (uint64_t)1 << index % BITS;

	if (!(atomic_load(&set->bits[index / BITS]) & bit))
		atomic_fetch_or(&set->bits[index / BITS], bit);
}

static void set_remove(struct area_set *set, size_t index)
{
	uint64_t bit = (uint64_t)1 << index % BITS;

	if (atomic_load(&set->bits[index / BITS]) & bit)
		atomic_fetch_and(&set->bits[index / BITS], ~bit);
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
 * Puts an area into the set that its descriptor says. Another CPU may do the same, and with another
 * size in mind take it from this set: so whoever takes it from one adds it to the other afterwards.
 */
static void settle(struct zone *zone, size_t index)
{
	struct area_set *right, *wrong;
	struct page_info info;
	pfn_t start, end;
	bool split;

	frames_in(zone, index, &start, &end);
	split = !page_look(start, &info) && info.size == PAGE_SIZE;
	right = split ? &zone->partial : &zone->whole;
	wrong = split ? &zone->whole : &zone->partial;
	set_add(right, index);
	set_remove(wrong, index);
	set_add(right, index);
}

static bool is_used(const struct zone *zone, size_t index)
{
	struct page_info info;

	return !page_look(area_at(zone, index), &info) && info.size == AREA_SIZE &&
	       (info.allocated || info.poisoned);
}

/* A whole area that is allocated or poisoned has no business in the set of free ones. */
static void forget_if_used(struct zone *zone, size_t index)
{
	if (is_used(zone, index))
		set_remove(&zone->whole, index);
	/* Or somebody gave it back, or changed its size, before the bit went. */
	if (!is_used(zone, index))
		settle(zone, index);
}

/* What is taken from an area: a row or the area itself. */
union prize {
	struct row *row;
	pfn_t *area;
};

/* Takes it from one area. False: there is nothing. */
typedef bool (*take_t)(struct zone *, size_t index, union prize);

/* Tries every area of a set, from the hint on, once around. */
static bool search(struct zone *zone, struct area_set *set, size_t *hint, take_t take,
		   union prize prize)
{
	size_t words = words_for(set->areas);

	for (size_t i = 0; i < words; i++) {
		size_t at = (*hint + i) % words;
		uint64_t bits = atomic_load(&set->bits[at]);

		for (; bits; bits &= bits - 1) {
			if (!take(zone, at * BITS + (size_t)__builtin_ctzll(bits), prize))
				continue;
			*hint = at;
			return true;
		}
	}
	return false;
}

/* What a look at one area for free frames came to. */
enum look {
	LOOK_TAKEN,
	LOOK_FULL, /* every frame is allocated or poisoned */
	LOOK_HELD, /* what is free is pinned, or the area is whole */
};

/* Bit i: frame i of the row is one of [start, end). */
static uint64_t row_bits_in(pfn_t row, pfn_t start, pfn_t end)
{
	uint64_t bits = UINT64_MAX;

	if (pfn_before(row, start))
		bits <<= pfn_distance(row, start);
	if (pfn_before(end, pfn_add(row, PAGES_PER_ROW)))
		bits &= UINT64_MAX >> (PAGES_PER_ROW - pfn_distance(row, end));
	return bits;
}

/* The row of an anchor, without the others of its frames in [start, end). */
static struct row row_around(pfn_t anchor, pfn_t start, pfn_t end)
{
	struct row row = {.anchor = anchor};

	row.region = row_bits_in(row_start(&row), start, end) &
		     ~((uint64_t)1 << anchor.n % PAGES_PER_ROW);
	return row;
}

/* Takes what is free of [start, end) in the row that holds this free frame of it. */
static bool take_row_at(pfn_t frame, pfn_t start, pfn_t end, struct row *row)
{
	struct page *anchor = page_hold_free(frame);

	if (!anchor)
		return false;
	*row = row_around(frame, start, end);
	row->frames = row->region;
	row->words = page_allocate_row(anchor, &row->frames);
	if (row->words)
		return true;
	*row = (struct row){0};
	page_unpin(anchor);
	return false;
}

/* Takes the first row that has free frames in [start, end), which lie in one area. */
static enum look look_for_row(pfn_t start, pfn_t end, struct row *row)
{
	enum look result = LOOK_FULL;
	pfn_t at = pfn(start.n & ~(uint64_t)(PAGES_PER_ROW - 1));

	if (page_size(pfn_to_page(start)) == AREA_SIZE)
		return LOOK_HELD;
	for (; pfn_before(at, end); at = pfn_add(at, PAGES_PER_ROW)) {
		uint64_t bits = page_row_hint(at) & row_bits_in(at, start, end);

		for (; bits; bits &= bits - 1) {
			pfn_t frame = pfn_add(at, (uint64_t)__builtin_ctzll(bits));

			if (take_row_at(frame, start, end, row))
				return LOOK_TAKEN;
			result = LOOK_HELD;
		}
	}
	return result;
}

static bool take_row(struct zone *zone, size_t index, union prize prize)
{
	pfn_t start, end;
	enum look result;

	frames_in(zone, index, &start, &end);
	result = look_for_row(start, end, prize.row);
	if (result == LOOK_FULL) {
		set_remove(&zone->partial, index);
		/* Somebody may have freed a frame behind this look, before the bit went. */
		result = look_for_row(start, end, prize.row);
		if (result != LOOK_FULL)
			settle(zone, index);
	} else if (result == LOOK_HELD) {
		settle(zone, index);
	}
	return result == LOOK_TAKEN;
}

/* Splits a free area and takes its first row. */
static bool take_row_of_whole(struct zone *zone, size_t index, union prize prize)
{
	int error = page_split_free(area_at(zone, index));

	if (!error) {
		settle(zone, index);
		return take_row(zone, index, prize);
	}
	if (error == -EBUSY)
		forget_if_used(zone, index);
	return false;
}

static bool take_area(struct zone *zone, size_t index, union prize prize)
{
	int error;

	*prize.area = area_at(zone, index);
	error = page_allocate_area(*prize.area);
	if (error == -ESTALE)
		settle(zone, index);
	else if (error)
		forget_if_used(zone, index);
	else
		set_remove(&zone->whole, index);
	return !error;
}

/* Makes a split area whole if all of it is free, and takes it. */
static bool take_area_of_split(struct zone *zone, size_t index, union prize prize)
{
	if (page_collapse_free(area_at(zone, index)))
		return false;
	settle(zone, index);
	return take_area(zone, index, prize);
}

bool zone_take_row(struct zone *zone, size_t *hint, struct row *row)
{
	union prize prize = {.row = row};

	return search(zone, &zone->partial, hint, take_row, prize) ||
	       search(zone, &zone->whole, hint, take_row_of_whole, prize);
}

bool zone_take_area(struct zone *zone, size_t *hint, pfn_t *area)
{
	union prize prize = {.area = area};

	return search(zone, &zone->whole, hint, take_area, prize) ||
	       search(zone, &zone->partial, hint, take_area_of_split, prize);
}

/*
 * After frames became free: the area is whole again, or has something to give. Two CPUs that free
 * the last frames at the same time may each find the other in the way, so one look is not enough.
 */
static void frames_became_free(struct zone *zone, pfn_t frame)
{
	enum { TRIES = 16 };
	size_t index = index_of(zone, frame);

	for (int i = 0; i < TRIES && page_area_hint(frame); i++) {
		if (page_collapse_free(frame) == 0) {
			settle(zone, index);
			return;
		}
		cpu_relax();
	}
	set_add(&zone->partial, index);
}

/* Why a page of this size cannot be held to be given back. */
static int why_not_held(pfn_t start, size_t size)
{
	struct page_info info;

	return !page_look(start, &info) && info.size == size ? -EBUSY : -ESTALE;
}

int zone_begin_row(struct zone *zone, pfn_t frame, struct row *row)
{
	struct page *anchor = page_hold(frame, PAGE_SIZE);
	pfn_t start, end;
	int error;

	if (!anchor)
		return why_not_held(frame, PAGE_SIZE);
	frames_in(zone, index_of(zone, frame), &start, &end);
	*row = row_around(frame, start, end);
	error = page_reuse_row(anchor, &row->words);
	if (error)
		page_unpin(anchor);
	return error;
}

void zone_give_row(struct zone *zone, struct row *row)
{
	pfn_t frame = row_start(row);

	page_disown_row(row->words, row->frames, row->anchor.n % PAGES_PER_ROW);
	*row = (struct row){0};
	frames_became_free(zone, frame);
}

bool zone_take_anchor(struct zone *zone, struct row *row, pfn_t *frame)
{
	word_t word = atomic_load(&row->words[row->anchor.n % PAGES_PER_ROW]);

	if (row->frames || word != (WORD_ALLOCATED | WORD_ONE_PIN)) {
		zone_give_row(zone, row);
		return false;
	}
	*frame = row->anchor;
	page_unpin(pfn_to_page(row->anchor));
	*row = (struct row){0};
	return true;
}

void zone_disown_area(struct zone *zone, pfn_t area)
{
	page_disown(area);
	if (page_collapse_free(area) == 0)
		settle(zone, index_of(zone, area));
	else
		set_add(&zone->partial, index_of(zone, area));
}

int zone_give(struct zone *zone, pfn_t start, size_t size)
{
	struct page *page = page_hold(start, size);
	int error;

	if (!page)
		return why_not_held(start, size);
	error = page_release(page);
	if (error)
		page_unpin(page);
	else if (size == AREA_SIZE)
		set_add(&zone->whole, index_of(zone, start));
	else
		frames_became_free(zone, start);
	return error;
}

void zone_note_healed(struct zone *zone, pfn_t frame)
{
	settle(zone, index_of(zone, frame));
}

uint64_t zone_free_frames(const struct zone *zone)
{
	uint64_t frames = 0;
	struct page_info info;

	for (pfn_t frame = zone->region->start; pfn_before(frame, zone->region->end);
	     frame = pfn_add(frame, info.size >> PAGE_SHIFT)) {
		if (page_look(frame, &info))
			host_panic("%#llx of %s has no descriptor",
				   (unsigned long long)pfn_to_phys(frame).addr, zone->region->name);
		if (!info.allocated && !info.poisoned)
			frames += info.size >> PAGE_SHIFT;
	}
	return frames;
}

size_t zone_size(const struct region *region)
{
	return 2 * words_for(areas_of(region)) * sizeof(uint64_t);
}

void zone_init(struct zone *zone, const struct region *region, void *bits)
{
	size_t areas = areas_of(region);
	size_t words = words_for(areas);

	*zone = (struct zone){
		.region = region,
		.first = pfn_area(region->start),
		.whole = {.bits = bits, .areas = areas},
		.partial = {.bits = (_Atomic uint64_t *)bits + words, .areas = areas},
	};
	for (size_t i = 0; i < words; i++)
		atomic_store_explicit(&zone->whole.bits[i], UINT64_MAX, memory_order_relaxed);
	if (areas % BITS)
		zone->whole.bits[words - 1] = ((uint64_t)1 << areas % BITS) - 1;
	settle(zone, 0);
	settle(zone, areas - 1);
}
