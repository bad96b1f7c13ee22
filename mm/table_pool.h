/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory for the tables of split areas: 4 KiB each, 512 words.
 *
 * A table stays a table while any CPU uses the map: one that still looks through a stale pointer
 * finds words that describe pages, never somebody's data. In the pool every word of a table is
 * zero, but for pins that went astray and are about to be undone, and for the links of a stack.
 *
 * Each CPU has up to TABLES_AT_HAND tables that no other touches, so that a split and a collapse
 * meet nobody. Behind them is what all share: a stack, and one of TABLE_POOL_RESERVE tables that
 * are for poisoning alone. When the stack is empty it takes one more area of DRAM through the
 * function given; when that has none, all CPUs are asked to give back what they have at hand, and
 * each does so at its next call.
 *
 * Lock-free, from any CPU. With TABLE_FOR_POISON from any context, too: a machine check may have
 * interrupted this CPU while it changes what it has at hand, and so touches the stacks only.
 */
#pragma once

#include <stdatomic.h>

#include "mm/compiler.h"
#include "mm/host.h"
#include "mm/table_stack.h"

enum {
	TABLE_POOL_RESERVE = 16, /* kept for poisoning */
	TABLE_POOL_START = 32,   /* what a map begins with, the reserve included */
	TABLES_AT_HAND = 15,     /* on each CPU, at most: two cache lines with their number */
};

enum table_use {
	TABLE_FOR_SPLIT,
	TABLE_FOR_POISON, /* may take from the reserve */
};

/* Bytes for what all CPUs have at hand, a multiple of PAGE_SIZE. */
size_t table_pool_state_size(void);

/*
 * A pool of `nr` tables, page-aligned memory whatever it contains. `state` is page aligned, zeroed,
 * and table_pool_state_size() long. Frames from `own` on and before `tables` are the map's, too,
 * and may join by table_pool_add().
 */
void table_pool_init(void *state, struct page_table *own, struct page_table *tables, size_t nr);

/*
 * A frame that was no table joins the pool; a spare table leaves it, NULL: there is none. For
 * whoever may call table_pool_trim().
 */
void table_pool_add(struct page_table *);
struct page_table *table_pool_remove(void) must_check;

/*
 * Where more comes from: AREA_SIZE bytes, area-aligned, in DRAM, or NULL; and where that goes
 * again. False: it is not wanted there. NULL: nowhere.
 */
void table_pool_set_source(void *(*take)(void), bool (*give)(void *area));

/* A table of zeros that is the caller's alone, and returns so. NULL: none to be had. */
struct page_table *table_get(enum table_use) must_check;
void table_put(struct page_table *, enum table_use);

/* What a CPU has at hand. */
struct tables_at_hand {
	atomic_uint nr;    /* changed by this CPU alone; atomic for those that count */
	unsigned returned; /* the last wish that was fulfilled */
	struct page_table *table[TABLES_AT_HAND];
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct tables_at_hand) == 128, "two cache lines");

extern struct tables_at_hand *tables_at_hand; /* by CPU */
extern atomic_uint table_wishes; /* how often they ran out: each time all are to give theirs back */

/* The usual case of table_get(TABLE_FOR_SPLIT). NULL: ask that. */
static inline struct page_table *table_at_hand(void)
{
	struct tables_at_hand *mine = &tables_at_hand[host_cpu()];
	unsigned nr = atomic_load_explicit(&mine->nr, memory_order_relaxed);

	if (unlikely(nr == 0 ||
		     mine->returned != atomic_load_explicit(&table_wishes, memory_order_relaxed)))
		return NULL;
	atomic_store_explicit(&mine->nr, nr - 1, memory_order_relaxed);
	return mine->table[nr - 1];
}

/* Gives back what this CPU has at hand. For a CPU that becomes idle. */
void table_pool_flush(void);

/*
 * Gives back the areas of which all tables are spare. That ends their being tables, so only CPU 0
 * calls it, outside of host_on_each_cpu() and of every operation on the map: then no CPU looks
 * through a pointer that it read earlier, and no area's word has that of a spare table. Poisoning
 * may begin meanwhile, on any CPU, and finds as many tables as ever; it must not have begun before.
 */
void table_pool_trim(void);

/* While nobody changes the pool: NULL, or what is broken in it. */
const char *table_pool_check(void);

/* Tables in the pool, at hand or not, and all there are. */
size_t table_pool_spare(void);
size_t table_pool_total(void);
