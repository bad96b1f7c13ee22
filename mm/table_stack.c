/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/table_stack.h"

/*
 * The top: bits 47..12 of the first table's address above a 28-bit count of changes, so that a
 * compare-and-swap fails when the stack changed and changed back meanwhile.
 */
enum { TOP_COUNT_BITS = 28 };

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

/* A link as a word. No transition applies to a split area's word. */
static word_t link_to(const struct page_table *table)
{
	return (word_t)(uintptr_t)table | WORD_SPLIT;
}

static struct page_table *linked(word_t link)
{
	return (struct page_table *)word_table(link);
}

/* A pin that went astray is about to leave; behind the link none can come. */
static void set_link(_Atomic word_t *word, const struct page_table *table)
{
	word_t zero = 0;

	while (!atomic_compare_exchange_weak(word, &zero, link_to(table)))
		zero = 0;
}

void table_stack_init(struct table_stack *stack)
{
	atomic_store(&stack->top, 0);
	atomic_store(&stack->nr, 0);
}

void table_push(struct table_stack *stack, struct page_table *const *tables, unsigned nr)
{
	struct page_table *first = tables[0];
	uint64_t old = atomic_load(&stack->top);

	for (unsigned i = 1; i < nr; i++)
		set_link(&first->word[i], tables[i]);
	set_link(&first->word[0], top_table(old));
	atomic_fetch_add(&stack->nr, nr);
	while (!atomic_compare_exchange_weak(&stack->top, &old, top_of(first, old)))
		atomic_store_explicit(&first->word[0], link_to(top_table(old)),
				      memory_order_relaxed);
}

unsigned table_pop(struct table_stack *stack, struct page_table *tables[TABLE_BATCH])
{
	uint64_t old = atomic_load(&stack->top);
	struct page_table *first;
	unsigned nr = 1;

	do {
		first = top_table(old);
		if (!first)
			return 0;
		/* Another CPU may have taken it already: then this is not its next, but tables
		 * stay readable and the exchange fails. */
	} while (!atomic_compare_exchange_weak(&stack->top, &old,
					       top_of(linked(atomic_load(&first->word[0])), old)));
	tables[0] = first;
	for (; nr < TABLE_BATCH && (atomic_load(&first->word[nr]) & WORD_SPLIT); nr++)
		tables[nr] = linked(atomic_load(&first->word[nr]));
	for (unsigned i = 0; i < nr; i++)
		atomic_store_explicit(&first->word[i], 0, memory_order_relaxed);
	atomic_fetch_sub(&stack->nr, nr);
	return nr;
}

static bool is_zero(const struct page_table *table, unsigned from)
{
	for (size_t i = from; i < PAGES_PER_AREA; i++)
		if (table->word[i] != 0)
			return false;
	return true;
}

const char *table_stack_check(const struct table_stack *stack)
{
	const struct page_table *table = top_table(atomic_load(&stack->top));
	size_t found = 0;

	for (; table; table = linked(table->word[0])) {
		unsigned nr = 1;

		if ((table->word[0] & WORD_FLAGS) != WORD_SPLIT)
			return "table pool: the first word of a batch is no link";
		for (; nr < TABLE_BATCH && (table->word[nr] & WORD_SPLIT); nr++)
			if (!is_zero(linked(table->word[nr]), 0))
				return "table pool: a word of a table is not zero";
		if (!is_zero(table, nr))
			return "table pool: a word of a batch is neither link nor zero";
		found += nr;
		if (found > atomic_load(&stack->nr))
			return "table pool: longer than it should be, or in a circle";
	}
	return found == atomic_load(&stack->nr) ? NULL : "table pool: tables are missing";
}
