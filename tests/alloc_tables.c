/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables for split areas: where they come from, what happens without, and when they go. */
#include <errno.h>

#include "mm/barrier.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/page_map.h"
#include "mm/table_pool.h"
#include "tests/harness/frame_chain.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

/* Takes every table that a split could get, chained through their second words. */
static struct page_table *take_all_tables(void)
{
	struct page_table *head = NULL, *table;

	while ((table = table_get(TABLE_FOR_SPLIT))) {
		table->word[1] = (word_t)(uintptr_t)head;
		head = table;
	}
	return head;
}

static void put_all_tables(struct page_table *table)
{
	while (table) {
		struct page_table *next = (struct page_table *)(uintptr_t)table->word[1];

		table->word[1] = 0;
		table_put(table, TABLE_FOR_SPLIT);
		table = next;
	}
}

/*
 * Without memory for tables a split is an ordinary -ENOMEM, everything else goes on, and there is
 * still enough in reserve to poison a frame.
 */
TEST(alloc, splits_fail_cleanly_without_memory)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct frame_chain areas = {.length = 0};
	struct page_table *tables;
	struct page_info info;

	frame_chain_take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(page_split(area), -ENOMEM);
	expect(page_look(area, &info) == 0 && info.size == AREA_SIZE);
	page_unpin(page_pin(area));
	expect_eq(page_poison(pfn_add(area, 1)), 0);
	expect(page_look(area, &info) == 0 && info.size == PAGE_SIZE && !info.poisoned);
	expect_eq(page_unpoison(pfn_add(area, 1)), 0);
	expect_eq(page_collapse(area), 0);
	put_all_tables(tables);
	expect_eq(page_split(area), 0);
	frame_chain_free(&areas);
}

/* Takes what there is for poisoning, and says how many tables that is. */
static unsigned take_reserve(struct page_table **head)
{
	struct page_table *table;
	unsigned nr = 0;

	for (*head = NULL; (table = table_get(TABLE_FOR_POISON)); *head = table, nr++)
		table->word[1] = (word_t)(uintptr_t)*head;
	return nr;
}

/* What poisoning took is made up for by the first tables that are put back, whoever does it. */
TEST(alloc, tables_for_poison_come_first)
{
	struct page_table *tables, *reserve;
	struct frame_chain areas = {.length = 0};

	frame_chain_take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	put_all_tables(reserve);
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	put_all_tables(reserve);
	put_all_tables(tables);
	frame_chain_free(&areas);
}

enum { AREAS = 4 };

struct sharing {
	struct barrier barrier;
	pfn_t areas[AREAS]; /* of the second CPU */
	bool got;           /* the first CPU, a table */
};

/* Afterwards this CPU has so many tables at hand. */
static void split_and_collapse(const pfn_t *areas, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		expect_eq(page_split(areas[i]), 0);
	for (size_t i = 0; i < nr; i++)
		expect_eq(page_collapse(areas[i]), 0);
}

/* The second CPU has tables at hand when the first one runs out. */
static void run_out(void *arg)
{
	struct sharing *sharing = arg;
	struct page_table *tables = NULL, *table;

	for (unsigned step = 0; step < 4; step++) {
		if (host_cpu() == 1 && step % 2 == 0)
			split_and_collapse(sharing->areas, step ? 1 : AREAS);
		if (host_cpu() == 0 && step == 1)
			tables = take_all_tables();
		if (host_cpu() == 0 && step == 3) {
			table = table_get(TABLE_FOR_SPLIT);
			sharing->got = table != NULL;
			if (table)
				table_put(table, TABLE_FOR_SPLIT);
			put_all_tables(tables);
		}
		/* A CPU that has done its work gives back all. */
		barrier_wait(&sharing->barrier);
	}
}

/* When tables run out on one CPU, the others give theirs back when they come by. */
TEST(alloc, tables_at_hand_come_back)
{
	struct frame_chain areas = {.length = 0};
	static struct sharing sharing;

	sharing.got = false;
	for (size_t i = 0; i < AREAS; i++)
		sharing.areas[i] = test_take(MEMORY_DRAM, AREA_SIZE);
	barrier_init(&sharing.barrier, host_cpus());
	frame_chain_take_all(&areas, AREA_SIZE);
	host_on_each_cpu(run_out, &sharing);
	/* One CPU alone has taken what it had at hand, too. */
	expect_eq(sharing.got, host_cpus() > 1);
	frame_chain_free(&areas);
}

/* Areas that are split until the pool of tables has to grow. */
struct growth {
	pfn_t areas[64];
	size_t nr;
};

static bool split_one_more(struct growth *growth, enum memory_kind kind)
{
	pfn_t *area = &growth->areas[growth->nr];

	if (growth->nr == ARRAY_SIZE(growth->areas) || frame_alloc(kind, NODE_ANY, AREA_SIZE, area))
		return false;
	growth->nr++;
	return page_split(*area) == 0;
}

static void grow_pool(struct growth *growth)
{
	size_t before = table_pool_total();

	growth->nr = 0;
	while (table_pool_total() == before)
		require(split_one_more(growth, MEMORY_PERSISTENT) ||
			split_one_more(growth, MEMORY_DRAM));
}

static void collapse_all(struct growth *growth)
{
	while (growth->nr > 0) {
		pfn_t area = growth->areas[--growth->nr];

		expect_eq(page_collapse(area), 0);
		expect_eq(frame_free(area, AREA_SIZE), 0);
	}
}

/* The memory of tables that nobody needs any more is free again, to the last frame. */
TEST(alloc, memory_for_tables_comes_back)
{
	static struct growth growth;
	uint64_t free_before;
	size_t total_before;

	table_pool_trim();
	free_before = frames_free(MEMORY_DRAM);
	total_before = table_pool_total();
	grow_pool(&growth);
	collapse_all(&growth);
	expect(table_pool_total() > total_before);
	expect(frames_free(MEMORY_DRAM) < free_before);
	table_pool_trim();
	expect_eq(table_pool_total(), total_before);
	expect_eq(frames_free(MEMORY_DRAM), free_before);
}

/* As long as one table of an area is used, all of them stay, and what they say. */
TEST(alloc, tables_in_use_stay)
{
	static struct growth growth;
	struct page *page;
	pfn_t last;
	size_t total;

	table_pool_trim();
	grow_pool(&growth);
	last = growth.areas[--growth.nr];
	collapse_all(&growth);
	total = table_pool_total();
	page = test_pin(pfn_add(last, 7));
	page_set_owner(page, 77);
	table_pool_trim();
	expect_eq(table_pool_total(), total);
	expect(page_map_check() == NULL);
	expect_eq(test_look(pfn_add(last, 7)).owner, 77);
	page_set_owner(page, 0);
	page_unpin(page);
	growth.areas[growth.nr++] = last;
	collapse_all(&growth);
}

/* Tables for poisoning keep no area from going, and are as many afterwards. */
TEST(alloc, reserve_outlives_a_trim)
{
	struct page_table *tables, *reserve;
	struct frame_chain areas = {.length = 0};
	static struct growth growth;
	size_t total_before;

	table_pool_trim();
	total_before = table_pool_total();
	grow_pool(&growth);
	collapse_all(&growth);
	frame_chain_take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	/* First those from the bottom: now the reserve is of the area that was added. */
	put_all_tables(tables);
	put_all_tables(reserve);
	frame_chain_free(&areas);
	table_pool_trim();
	expect_eq(table_pool_total(), total_before);
	frame_chain_take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	put_all_tables(reserve);
	put_all_tables(tables);
	frame_chain_free(&areas);
}

/* When the reserve is gone as well, poison takes the whole area out of use, until it is healed. */
TEST(alloc, poison_needs_no_memory)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct frame_chain areas = {.length = 0};
	struct page_table *tables, *reserve;

	frame_chain_take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	expect_eq(page_poison(pfn_add(area, 1)), 0);
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(page_pin(area) == NULL);
	put_all_tables(reserve);
	put_all_tables(tables);
	expect_eq(page_unpoison(pfn_add(area, 1)), 0);
	page_unpin(test_pin(area));
	expect_eq(page_collapse(area), 0);
	frame_chain_free(&areas);
}
