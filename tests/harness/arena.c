/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/arena.h"

#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

const char *arena_state_name(enum arena_state state)
{
	switch (state) {
	case ARENA_WHOLE:
		return "whole";
	case ARENA_SPLIT:
		return "split";
	case ARENA_MIXED:
		return "mixed";
	}
	return "unknown";
}

/* Where the next persistent area is looked for. */
struct place {
	const struct region *region;
	pfn_t next;
};

static bool next_persistent(struct place *place, pfn_t *area)
{
	while (place->region) {
		pfn_t start = place->next;
		pfn_t end = pfn_add(start, PAGES_PER_AREA);

		if (!pfn_before(place->region->end, end)) {
			place->next = end;
			*area = start;
			return true;
		}
		place->region = next_writable(place->region);
		if (place->region)
			place->next = pfn(align_up(place->region->start.n, PAGES_PER_AREA));
	}
	return false;
}

static bool next_area(struct place *place, enum memory_kind kind, pfn_t *area)
{
	if (kind == MEMORY_PERSISTENT)
		return next_persistent(place, area);
	return frame_alloc(kind, NODE_ANY, AREA_SIZE, area) == 0;
}

static void give_area(enum memory_kind kind, pfn_t area)
{
	if (kind == MEMORY_PERSISTENT)
		return;
	if (frame_free(area, AREA_SIZE))
		fail("the area at %#llx cannot be given back: something of it is pinned",
		     (unsigned long long)pfn_to_phys(area).addr);
}

/* One area for each arena, or none for any. */
static bool take_round(struct arena *arenas, size_t nr_arenas, struct place *place)
{
	for (size_t i = 0; i < nr_arenas; i++) {
		if (next_area(place, arenas[i].kind, &arenas[i].areas[arenas[i].nr])) {
			arenas[i].nr++;
			continue;
		}
		while (i-- > 0)
			give_area(arenas[i].kind, arenas[i].areas[--arenas[i].nr]);
		return false;
	}
	return true;
}

static void split_some(struct arena *arena, enum arena_state state)
{
	if (state == ARENA_MIXED && arena->nr % 2)
		give_area(arena->kind, arena->areas[--arena->nr]);
	arena->nr_whole = state == ARENA_WHOLE   ? arena->nr
			  : state == ARENA_MIXED ? arena->nr / 2
						 : 0;
	for (size_t i = arena->nr_whole; i < arena->nr; i++)
		expect_eq(page_split(arena->areas[i]), 0);
}

void arenas_take(struct arena *arenas, size_t nr_arenas, size_t nr, enum memory_kind kind,
		 enum arena_state state)
{
	struct place place = {0};
	size_t least = state == ARENA_MIXED ? 2 : 1;
	pfn_t for_tables; /* of what is split */
	bool leave;

	if (kind == MEMORY_PERSISTENT) {
		place.region = next_writable(NULL); /* skips the test if there is none */
		place.next = pfn(align_up(place.region->start.n, PAGES_PER_AREA));
	}
	leave = frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &for_tables) == 0;
	for (size_t i = 0; i < nr_arenas; i++)
		arenas[i] = (struct arena){.kind = kind};
	while (arenas[0].nr < nr && take_round(arenas, nr_arenas, &place))
		;
	if (leave)
		give_area(MEMORY_DRAM, for_tables);
	if (arenas[0].nr < least) {
		arenas_give(arenas, nr_arenas);
		skip("too little %s memory: %zu CPUs need %zu MiB each", memory_kind_name(kind),
		     nr_arenas, least * 2);
	}
	for (size_t i = 0; i < nr_arenas; i++)
		split_some(&arenas[i], state);
}

void arenas_give(struct arena *arenas, size_t nr_arenas)
{
	for (size_t i = 0; i < nr_arenas; i++) {
		struct arena *arena = &arenas[i];

		while (arena->nr > 0) {
			pfn_t area = arena->areas[--arena->nr];

			if (arena->nr >= arena->nr_whole)
				expect_eq(page_collapse(area), 0);
			give_area(arena->kind, area);
		}
	}
}

void *arena_virt(const struct arena *arena, size_t offset)
{
	return test_virt(arena->areas[offset / AREA_SIZE], offset % AREA_SIZE);
}

struct bio_piece arena_piece(const struct arena *arena, size_t offset, size_t length)
{
	pfn_t area = arena->areas[offset / AREA_SIZE];
	struct page *page = pfn_to_page(pfn_add(area, offset % AREA_SIZE / PAGE_SIZE));
	size_t within = offset % page_size(page);

	if (length > page_size(page) - within)
		length = page_size(page) - within;
	return (struct bio_piece){page, within, length};
}
