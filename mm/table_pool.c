/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/table_pool.h"

#include <stdatomic.h>

/*
 * The top of the stack: bits 47..12 of the first table's address above a 28-bit count of changes,
 * so that a compare-and-swap fails when the stack changed and changed back meanwhile.
 */
static _Atomic uint64_t top;
enum { TOP_COUNT_BITS = 28 };

static atomic_size_t spare;
static atomic_size_t total;
static void *(*source)(void);

static struct page_table *top_table(uint64_t value)
{
	/* Canonical addresses repeat bit 47 above it: the arithmetic shift restores that. */
	return (struct page_table *)(uintptr_t)((int64_t)value >> TOP_COUNT_BITS << PAGE_SHIFT);
}

static uint64_t top_of(const struct page_table *table, uint64_t previous)
{
	uint64_t count = (previous + 1) & ((1UL << TOP_COUNT_BITS) - 1);

	return (uint64_t)(uintptr_t)table >> PAGE_SHIFT << TOP_COUNT_BITS | count;
}

/* The first word of a table in the pool. No transition applies to a split area's word. */
static word_t link_to(uint64_t value)
{
	return (word_t)(uintptr_t)top_table(value) | WORD_SPLIT;
}

static void push(struct page_table *table)
{
	uint64_t old = atomic_load(&top);
	word_t zero = 0;

	/* A pin that went astray is about to leave; behind the link none can come. */
	while (!atomic_compare_exchange_weak(&table->word[0], &zero, link_to(old)))
		zero = 0;
	while (!atomic_compare_exchange_weak(&top, &old, top_of(table, old)))
		atomic_store_explicit(&table->word[0], link_to(old), memory_order_relaxed);
}

static struct page_table *pop(void)
{
	uint64_t old = atomic_load(&top);
	struct page_table *table;

	do {
		table = top_table(old);
		if (!table)
			return NULL;
		/* Another CPU may have taken it already: then this is not its next, but tables
		 * stay readable for good and the exchange fails. */
	} while (!atomic_compare_exchange_weak(
		&top, &old,
		top_of((struct page_table *)word_table(atomic_load(&table->word[0])), old)));
	atomic_store_explicit(&table->word[0], 0, memory_order_relaxed);
	return table;
}

/* Counts one table out of the pool, unless that leaves fewer than `keep`. */
static bool reserve_one(size_t keep)
{
	size_t have = atomic_load(&spare);

	do {
		if (have <= keep)
			return false;
	} while (!atomic_compare_exchange_weak(&spare, &have, have - 1));
	return true;
}

void table_pool_init(void)
{
	atomic_store(&top, 0);
	atomic_store(&spare, 0);
	atomic_store(&total, 0);
	source = NULL;
}

void table_pool_set_source(void *(*area)(void))
{
	source = area;
}

void table_pool_add(void *memory, size_t bytes)
{
	struct page_table *table = memory;
	size_t tables = bytes / sizeof(*table);

	for (size_t i = 0; i < tables; i++) {
		for (size_t k = 0; k < PAGES_PER_AREA; k++)
			atomic_store_explicit(&table[i].word[k], 0, memory_order_relaxed);
		push(&table[i]);
	}
	atomic_fetch_add(&total, tables);
	atomic_fetch_add(&spare, tables);
}

struct page_table *table_get(enum table_use use)
{
	size_t keep = use == TABLE_FOR_POISON ? 0 : TABLE_POOL_RESERVE;

	while (!reserve_one(keep)) {
		void *area = source && use == TABLE_FOR_SPLIT ? source() : NULL;

		if (!area)
			return NULL;
		table_pool_add(area, AREA_SIZE);
	}
	return pop();
}

void table_put(struct page_table *table)
{
	push(table);
	atomic_fetch_add(&spare, 1);
}

const char *table_pool_check(void)
{
	struct page_table *table = top_table(atomic_load(&top));
	size_t found = 0;

	for (; table; table = (struct page_table *)word_table(table->word[0])) {
		if (++found > atomic_load(&spare))
			return "table pool: longer than it should be, or in a circle";
		if ((table->word[0] & WORD_FLAGS) != WORD_SPLIT)
			return "table pool: the first word of a table is no link";
		for (size_t i = 1; i < PAGES_PER_AREA; i++)
			if (table->word[i] != 0)
				return "table pool: a word of a table is not zero";
	}
	return found == atomic_load(&spare) ? NULL : "table pool: tables are missing";
}

size_t table_pool_spare(void)
{
	return atomic_load(&spare);
}

size_t table_pool_total(void)
{
	return atomic_load(&total);
}
