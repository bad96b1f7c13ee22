/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/row_cache.h"

#include <errno.h>

#include "mm/page.h"
#include "mm/page_map.h"

/* Where there is no current row: has no frames, and nobody writes to it. */
static struct row no_row;

void row_cache_init(struct row_cache *cache, struct row *slots, size_t nr_slots, struct zone *zones)
{
	*cache = (struct row_cache){.slots = slots, .mask = nr_slots - 1, .zones = zones};
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		cache->current[kind].row = &no_row;
}

static struct zone *zone_of_row(const struct row_cache *cache, const struct row *row)
{
	return zone_of(cache->zones, row->anchor);
}

/* The bit that says that the slot has a row of the kind. */
static uint64_t *held_word(struct row_cache *cache, enum memory_kind kind, const struct row *slot,
			   uint64_t *bit)
{
	size_t index = (size_t)(slot - cache->slots);

	*bit = (uint64_t)1 << index % ROW_SLOTS_PER_WORD;
	return &cache->held[kind][index / ROW_SLOTS_PER_WORD];
}

/* The slot is, or is about to be, empty. */
static void forget(struct row_cache *cache, enum memory_kind kind, const struct row *slot)
{
	uint64_t bit, *held = held_word(cache, kind, slot, &bit);

	*held &= ~bit;
	if (cache->current[kind].row == slot)
		cache->current[kind].row = &no_row;
}

static void evict(struct row_cache *cache, struct row *slot)
{
	struct zone *zone;

	if (!slot->words)
		return;
	zone = zone_of_row(cache, slot);
	forget(cache, zone->region->kind, slot);
	zone_give_row(zone, slot);
}

/* Puts a row into its slot. */
static struct row *place(struct row_cache *cache, const struct zone *zone, const struct row *row)
{
	struct row *slot = row_slot(cache, row->anchor);
	uint64_t bit, *held = held_word(cache, zone->region->kind, slot, &bit);

	evict(cache, slot);
	*slot = *row;
	*held |= bit;
	return slot;
}

static void make_current(struct row_cache *cache, const struct zone *zone, struct row *slot)
{
	cache->current[zone->region->kind].row = slot;
	cache->current[zone->region->kind].node = zone->region->node;
}

/*
 * Takes a frame of a row, or the anchor when no other is left. A frame at hand that somebody pinned
 * or poisoned meanwhile is passed over. False: there is none, and the row is no longer at hand.
 */
static bool take_from(struct row_cache *cache, struct row *slot, pfn_t *frame)
{
	struct zone *zone = zone_of_row(cache, slot);

	for (uint64_t bits = slot->frames; bits; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctzll(bits);

		if (atomic_load_explicit(&slot->words[i], memory_order_relaxed) != WORD_ALLOCATED)
			continue;
		slot->frames &= ~((uint64_t)1 << i);
		*frame = pfn_add(row_start(slot), i);
		return true;
	}
	forget(cache, zone->region->kind, slot);
	return zone_take_anchor(zone, slot, frame);
}

/* The first row of a kind that suits the node, or NULL. */
static struct row *find(const struct row_cache *cache, enum memory_kind kind, uint32_t node)
{
	for (size_t i = 0; i < ARRAY_SIZE(cache->held[kind]); i++) {
		for (uint64_t bits = cache->held[kind][i]; bits; bits &= bits - 1) {
			struct row *slot = &cache->slots[i * ROW_SLOTS_PER_WORD +
							 (size_t)__builtin_ctzll(bits)];

			if (node == NODE_ANY || zone_of_row(cache, slot)->region->node == node)
				return slot;
		}
	}
	return NULL;
}

bool row_cache_take_any(struct row_cache *cache, enum memory_kind kind, uint32_t node, pfn_t *frame)
{
	struct row *slot = cache->current[kind].row;

	if (!slot->words || (node != NODE_ANY && node != cache->current[kind].node))
		slot = find(cache, kind, node);
	for (; slot; slot = find(cache, kind, node)) {
		make_current(cache, zone_of_row(cache, slot), slot);
		if (take_from(cache, slot, frame))
			return true;
	}
	return false;
}

/*
 * A row may be lost again to somebody who pins what is left of it in between; that is bad luck, not
 * a zone without memory.
 */
bool row_cache_take_from(struct row_cache *cache, struct zone *zone, size_t *hint, pfn_t *frame)
{
	enum { TRIES = 16 };
	struct row row;

	for (int i = 0; i < TRIES && zone_take_row(zone, hint, &row); i++) {
		struct row *slot = place(cache, zone, &row);

		make_current(cache, zone, slot);
		if (take_from(cache, slot, frame))
			return true;
	}
	return false;
}

int row_cache_keep(struct row_cache *cache, struct zone *zone, pfn_t frame)
{
	struct row *slot = row_slot(cache, frame);
	unsigned i = frame.n % PAGES_PER_ROW;
	struct row begun;
	int error;

	if (slot->words && pfn_eq(slot->anchor, frame))
		return -EINVAL;
	if (row_has(slot, frame)) {
		error = slot->frames >> i & 1 ? -EINVAL : page_reuse(&slot->words[i]);
		if (!error)
			slot->frames |= (uint64_t)1 << i;
		return error;
	}
	error = zone_begin_row(zone, frame, &begun);
	if (!error)
		place(cache, zone, &begun);
	return error;
}

void row_cache_flush(struct row_cache *cache, enum memory_kind kind)
{
	struct row *slot;

	while ((slot = find(cache, kind, NODE_ANY)))
		evict(cache, slot);
}

struct rows_at_hand row_cache_count(const struct row_cache *cache, enum memory_kind kind)
{
	struct rows_at_hand sum = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cache->held[kind]); i++) {
		for (uint64_t bits = cache->held[kind][i]; bits; bits &= bits - 1) {
			const struct row *slot = &cache->slots[i * ROW_SLOTS_PER_WORD +
							       (size_t)__builtin_ctzll(bits)];

			sum.rows++;
			sum.frames++; /* the anchor */
			for (uint64_t left = slot->frames; left; left &= left - 1)
				sum.frames++;
		}
	}
	return sum;
}
