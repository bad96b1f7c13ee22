/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stack of tables that nobody uses: lock-free, from any CPU and any context. They come and go in
 * batches, so that a CPU that takes some looks at one of them only; the rest need not be in its
 * cache.
 *
 * A table is 512 words, all zero on the stack, but for pins that went astray (mm/page.c) and are
 * about to be undone, and for the links: a batch's first table holds the address of the next batch
 * and those of its other tables, each with a mark that keeps pins out.
 *
 *	top -> | next batch | 2nd | 3rd | ... | 8th | 0 | 0 ...		the first table of a batch
 */
#pragma once

#include <stdatomic.h>

#include "mm/compiler.h"
#include "mm/page_word.h"

struct page_table {
	_Atomic word_t word[PAGES_PER_AREA];
};

_Static_assert(sizeof(struct page_table) == PAGE_SIZE, "a table is one frame");

/* Tables in a batch, at most: their addresses are one cache line. */
enum { TABLE_BATCH = 8 };

struct table_stack {
	_Atomic uint64_t top;
	atomic_size_t nr; /* of tables; while it changes, not less than there are */
};

/* Makes it empty. */
void table_stack_init(struct table_stack *);

/* Puts down 1 ... TABLE_BATCH tables. */
void table_push(struct table_stack *, struct page_table *const *tables, unsigned nr);

/* Takes a batch, and says how many that is. 0: there is none. */
unsigned table_pop(struct table_stack *, struct page_table *tables[TABLE_BATCH]) must_check;

/* While nobody changes the stack: NULL, or what is broken in it. */
const char *table_stack_check(const struct table_stack *);
