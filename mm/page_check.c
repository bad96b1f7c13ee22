/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk over the whole page map that checks what must hold at every quiet point. */
#include <stdatomic.h>
#include <string.h>

#include "mm/bad_frames.h"
#include "mm/page.h"
#include "mm/page_map.h"

/* What is broken and where: "TEXT at 0x...". */
static char finding[160];

static const char *broken(const char *what, pfn_t where)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t address = pfn_to_phys(where).addr;
	size_t length = strlen(what);
	char *end;

	if (length > sizeof(finding) - 24)
		length = sizeof(finding) - 24;
	memcpy(finding, what, length);
	memcpy(finding + length, " at 0x", 6);
	end = finding + length + 6;
	for (int shift = PHYS_BITS_MAX - 2; shift >= 0; shift -= 4)
		*end++ = digits[address >> shift & 0xf];
	*end = '\0';
	return finding;
}

/* A page of the frames [start, end) is poisoned exactly when one of them is known to be bad. */
static const char *check_poison(word_t word, pfn_t start, pfn_t end)
{
	bool poisoned = word & WORD_POISONED;

	if (word & WORD_HEALING)
		return broken("page: marked as healing", start);
	if (bad_frames_overflowed() || poisoned == bad_frames_may_have(start, end))
		return NULL;
	return broken(poisoned ? "page: poisoned, but not known to be bad"
			       : "page: known to be bad, but not poisoned",
		      start);
}

static const char *check_page(word_t word, pfn_t frame)
{
	bool managed = pfn_to_region(frame) != NULL;

	if (word & (WORD_SPLIT | WORD_RAGGED))
		return broken("page: its word says it is an area", frame);
	if (word & WORD_COLLAPSING)
		return broken("page: marked as collapsing", frame);
	if (!managed)
		return word == WORD_ABSENT ? NULL
					   : broken("page: in no region but not absent", frame);
	if (word & WORD_ABSENT)
		return broken("page: in a region but absent", frame);
	if ((word & WORD_LOCKED) && word_pins(word) == 0)
		return broken("page: locked but not pinned", frame);
	return check_poison(word, frame, pfn_add(frame, 1));
}

static const char *check_table(word_t area_word, pfn_t area)
{
	struct page_table *table = (struct page_table *)word_table(area_word);

	if (!table)
		return broken("area: split without a table", area);
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		const char *error = check_page(table->word[i], pfn_add(area, i));

		if (error)
			return error;
		if (table->word[i] && !(area_word & word_touched(i)))
			return broken("page: not zero in a part that was not touched",
				      pfn_add(area, i));
	}
	return NULL;
}

static const char *check_area(word_t word, pfn_t area)
{
	const struct region *first = pfn_to_region(area);
	const struct region *last = pfn_to_region(pfn_add(area, PAGES_PER_AREA - 1));
	bool inside = first && first == last;

	if (word & WORD_COLLAPSING)
		return broken("area: collapsing, though nobody does it", area);
	if (word & WORD_SPLIT) {
		if (inside == !!(word & WORD_RAGGED))
			return broken("area: its ragged mark does not fit its region", area);
		return check_table(word, area);
	}
	if (word & WORD_RAGGED)
		return broken("area: ragged but whole", area);
	if (word & WORD_ABSENT)
		return word == WORD_ABSENT && !first && !last
			       ? NULL
			       : broken("area: absent, but a region has a part of it", area);
	if (!inside)
		return broken("area: whole, but no region has all of it", area);
	if ((word & WORD_LOCKED) && word_pins(word) == 0)
		return broken("area: locked but not pinned", area);
	return check_poison(word, area, pfn_add(area, PAGES_PER_AREA));
}

/*
 * Calls visit() with every area's word, until one returns something. `state` is the visitor's.
 */
static const char *walk(const char *(*visit)(word_t, pfn_t area, void *state), void *state)
{
	for (size_t gib = 0; gib < page_map.nr_gib; gib++) {
		pfn_t area = pfn(gib << (GIB_SHIFT - PAGE_SHIFT));

		for (size_t i = 0; page_map.directory[gib] && i < AREAS_PER_GIB; i++) {
			const char *answer = visit(page_map.directory[gib]->word[i], area, state);

			if (answer)
				return answer;
			area = pfn_add(area, PAGES_PER_AREA);
		}
	}
	return NULL;
}

static const char *check_and_count(word_t word, pfn_t area, void *state)
{
	size_t *tables = state;

	*tables += !!(word & WORD_SPLIT);
	return check_area(word, area);
}

static const char *add_pins(word_t word, pfn_t area, void *state)
{
	uint64_t *pins = state;

	if (!(word & WORD_SPLIT)) {
		*pins += word_pins(word);
		return NULL;
	}
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		*pins += word_pins(atomic_load(page_word(word, pfn_add(area, i))));
	return NULL;
}

const char *page_map_check(void)
{
	size_t tables = 0;
	const char *error = walk(check_and_count, &tables);

	if (!error)
		error = table_pool_check();
	if (error)
		return error;
	if (tables + table_pool_spare() != table_pool_total())
		return "table pool: tables of areas and spare ones are not all there are";
	for (size_t i = 0; i < page_map.nr_regions; i++)
		if (!pfn_to_page(page_map.regions[i].start) ||
		    !pfn_to_page(pfn(page_map.regions[i].end.n - 1)))
			return broken("region: an end has no descriptor",
				      page_map.regions[i].start);
	return NULL;
}

uint64_t page_map_pins(void)
{
	uint64_t pins = 0;

	walk(add_pins, &pins);
	return pins;
}
