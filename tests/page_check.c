/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk over the page map finds what is broken, and says what and where. */
#include <stdio.h>
#include <string.h>

#include "mm/page_map.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

/* With this value in the word the walk must say so of the frame; without it all is well again. */
static void expect_found(_Atomic word_t *word, word_t value, const char *what, pfn_t frame)
{
	word_t sound = atomic_exchange(word, value);
	const char *found = page_map_check();
	size_t length = strlen(what);
	char where[20];

	if (!found || strncmp(found, what, length) != 0)
		fail("expected \"%s\", found \"%s\"", what, found ? found : "nothing");
	snprintf(where, sizeof(where), " at 0x%012llx",
		 (unsigned long long)pfn_to_phys(frame).addr);
	if (found && frame.n && strcmp(found + length, where) != 0)
		fail("expected \"%s%s\", found \"%s\"", what, where, found);
	atomic_store(word, sound);
	expect_str(page_map_check(), NULL);
}

/* What no area's word can be. */
TEST(page_check, finds_impossible_areas)
{
	static const struct {
		word_t flags;
		const char *what;
	} cases[] = {
		{WORD_COLLAPSING, "area: collapsing, though nobody does it"},
		{WORD_RAGGED, "area: ragged but whole"},
		{WORD_LOCKED, "area: locked but not pinned"},
		{WORD_ABSENT, "area: absent, but a region has a part of it"},
		{WORD_SPLIT, "area: split without a table"},
		{WORD_SPLIT | WORD_RAGGED, "area: its ragged mark does not fit its region"},
	};
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_found(area_word(area), cases[i].flags, cases[i].what, area);
}

/* What no page's word can be. */
TEST(page_check, finds_impossible_pages)
{
	static const struct {
		word_t flags;
		const char *what;
	} cases[] = {
		{WORD_SPLIT, "page: its word says it is an area"},
		{WORD_RAGGED, "page: its word says it is an area"},
		{WORD_COLLAPSING, "page: marked as collapsing"},
		{WORD_ABSENT, "page: in a region but absent"},
		{WORD_LOCKED, "page: locked but not pinned"},
		{WORD_ALLOCATED | WORD_HEALING, "page: marked as healing"},
		{WORD_ALLOCATED | WORD_POISONED, "page: poisoned, but not known to be bad"},
	};
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	pfn_t frame = pfn_add(area, 300);
	_Atomic word_t *word;

	require(page_split(area) == 0);
	word = page_word(atomic_load(area_word(area)), frame);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_found(word, cases[i].flags, cases[i].what, frame);
	expect_eq(page_collapse(area), 0);
}

/* A page is zero unless its area's word says that it may be something else. */
TEST(page_check, finds_pages_that_are_not_noted)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	_Atomic word_t *word = area_word(area);
	word_t split;

	require(page_split(area) == 0);
	split = atomic_load(word);
	expect_found(word, split & ~word_touched(40),
		     "page: not zero in a part that was not touched", pfn_add(area, 32));
	expect_eq(page_collapse(area), 0);
}

/* A frame that is known to be bad is out of use. */
TEST(page_check, finds_bad_frames_in_use)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	_Atomic word_t *word;

	require(page_poison(area) == 0);
	word = page_word(atomic_load(area_word(area)), area);
	expect_found(word, WORD_ALLOCATED, "page: known to be bad, but not poisoned", area);
	expect_eq(page_unpoison(area), 0);
	expect_eq(page_collapse(area), 0);
}

/* The first area of a started GiB that is in no region, or PFN_LIMIT. */
static pfn_t absent_area(void)
{
	for (pfn_t area = pfn(0); pfn_before(area, pfn(PFN_LIMIT));
	     area = pfn_add(area, PAGES_PER_AREA)) {
		_Atomic word_t *word = area_word(area);

		if (!word)
			area = pfn_add(area, (AREAS_PER_GIB - 1) * PAGES_PER_AREA);
		else if (atomic_load(word) == WORD_ABSENT)
			return area;
	}
	return pfn(PFN_LIMIT);
}

/* What is in no region is absent, and nothing else. */
TEST(page_check, finds_areas_that_nobody_has)
{
	pfn_t area = absent_area();

	if (area.n == PFN_LIMIT)
		skip("the regions of this machine leave no area of a GiB out");
	expect_found(area_word(area), 0, "area: whole, but no region has all of it", area);
	expect_found(area_word(area), WORD_ABSENT | WORD_DIRTY,
		     "area: absent, but a region has a part of it", area);
}

/* A frame that is in no region, though others of its area are; or frame 0. */
static pfn_t absent_page(void)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		pfn_t before = pfn(regions[i].start.n - 1);

		if (regions[i].start.n % PAGES_PER_AREA && !pfn_to_region(before))
			return before;
		if (regions[i].end.n % PAGES_PER_AREA && !pfn_to_region(regions[i].end))
			return regions[i].end;
	}
	return pfn(0);
}

/* So it is with the pages of a ragged area. */
TEST(page_check, finds_pages_that_nobody_has)
{
	pfn_t frame = absent_page();

	if (frame.n == 0)
		skip("every region of this machine begins and ends with an area");
	expect_found(page_word(atomic_load(area_word(frame)), frame), 0,
		     "page: in no region but not absent", frame);
}

/* No table is lost, and those at hand are zero. */
TEST(page_check, finds_tables_that_are_lost_or_used)
{
	struct page_table *table = table_get(TABLE_FOR_SPLIT);

	require(table != NULL);
	expect_str(page_map_check(),
		   "table pool: tables of areas and spare ones are not all there are");
	table_put(table, TABLE_FOR_SPLIT);
	expect_found(&table->word[7], 1, "table pool: a word of a table at hand is not zero",
		     pfn(0));
}

/* The tables of a stack are zero but for its links, in a row, and all there. */
TEST(page_check, finds_a_broken_stack)
{
	enum { TABLES = 2 * TABLE_BATCH };
	static struct page_table tables[TABLES] __attribute__((aligned(PAGE_SIZE)));
	struct page_table *batches[TABLES], *popped[TABLE_BATCH];
	struct page_table *second = &tables[TABLE_BATCH];
	struct table_stack stack;
	const struct {
		_Atomic word_t *word;
		word_t value;
		const char *what;
	} cases[] = {
		{&tables[3].word[9], 1, "table pool: a word of a table is not zero"},
		{&second->word[9], 1, "table pool: a word of a batch is neither link nor zero"},
		{&second->word[0], (word_t)(uintptr_t)tables,
		 "table pool: the first word of a batch is no link"},
		{&second->word[0], (word_t)(uintptr_t)second | WORD_SPLIT,
		 "table pool: longer than it should be, or in a circle"},
		{&second->word[0], WORD_SPLIT, "table pool: tables are missing"},
	};

	for (size_t i = 0; i < TABLES; i++)
		batches[i] = &tables[i];
	table_stack_init(&stack);
	table_push(&stack, batches, TABLE_BATCH);
	table_push(&stack, batches + TABLE_BATCH, TABLE_BATCH);
	expect_str(table_stack_check(&stack), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		word_t sound = atomic_exchange(cases[i].word, cases[i].value);

		expect_str(table_stack_check(&stack), cases[i].what);
		atomic_store(cases[i].word, sound);
	}
	expect_eq(table_pop(&stack, popped), TABLE_BATCH);
	expect_eq(table_pop(&stack, popped), TABLE_BATCH);
	expect_eq(table_pop(&stack, popped), 0);
	for (size_t i = 0; i < TABLES; i++)
		for (size_t k = 0; k < PAGES_PER_AREA; k++)
			require(atomic_load(&tables[i].word[k]) == 0);
}
