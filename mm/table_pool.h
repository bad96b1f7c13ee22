/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory for the tables of split areas: a stack of 4 KiB tables, 512 words each.
 *
 * A table stays a table for good: a CPU that still looks through a stale pointer finds words that
 * describe pages, never somebody's data. In the pool every word of a table is zero, but for pins
 * that went astray and are about to be undone; the first one holds the next table's address, and a
 * mark that keeps pins out.
 *
 * When it runs low it takes one more area of DRAM through the function given. The last
 * TABLE_POOL_RESERVE tables are for poisoning alone. Lock-free, from any CPU and any context.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/page_word.h"

enum {
	TABLE_POOL_RESERVE = 16, /* kept for poisoning */
	TABLE_POOL_START = 32,   /* what a map begins with, the reserve included */
};

struct page_table {
	_Atomic word_t word[PAGES_PER_AREA];
};

_Static_assert(sizeof(struct page_table) == PAGE_SIZE, "a table is one frame");

enum table_use {
	TABLE_FOR_SPLIT,
	TABLE_FOR_POISON, /* may take from the reserve */
};

/* Empties the pool. */
void table_pool_init(void);

/* Where more comes from: AREA_SIZE bytes, area-aligned, in DRAM, or NULL. NULL: nowhere. */
void table_pool_set_source(void *(*area)(void));

/* Adds `bytes` of page-aligned memory, a multiple of PAGE_SIZE, whatever it contains, or zero. */
void table_pool_add(void *memory, size_t bytes);

/* A table of zeros that is the caller's alone, and returns so. NULL: none to be had. */
struct page_table *table_get(enum table_use) must_check;
void table_put(struct page_table *);

/* While nobody changes the pool: NULL, or what is broken in it. */
const char *table_pool_check(void);

/* Tables in the pool, and all there are. */
size_t table_pool_spare(void);
size_t table_pool_total(void);
