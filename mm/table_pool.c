/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/table_pool.h"

#include "mm/host.h"

struct tables_at_hand *tables_at_hand;
atomic_uint table_wishes;

/* What every collapse reads and few change. */
static struct {
	struct table_stack reserve;
	atomic_size_t total;
	void *(*take_area)(void);
	bool (*give_area)(void *);
	struct page_table *own, *own_end; /* the map's own frames, which stay for good */
} pool __attribute__((aligned(64)));

static struct table_stack shared __attribute__((aligned(64)));

size_t table_pool_state_size(void)
{
	return align_up(HOST_CPUS_MAX * sizeof(struct tables_at_hand), PAGE_SIZE);
}

/* --- What all share --- */

static bool reserve_is_short(void)
{
	return atomic_load_explicit(&pool.reserve.nr, memory_order_relaxed) < TABLE_POOL_RESERVE;
}

static void share(struct page_table *const *tables, unsigned nr)
{
	for (; nr > 0 && reserve_is_short(); nr--)
		table_push(&pool.reserve, &tables[nr - 1], 1);
	if (nr > 0)
		table_push(&shared, tables, nr);
}

static void add(struct page_table *tables, size_t nr)
{
	struct page_table *batch[TABLE_BATCH];

	atomic_fetch_add(&pool.total, nr);
	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < PAGES_PER_AREA; k++)
			atomic_store_explicit(&tables[i].word[k], 0, memory_order_relaxed);
		batch[i % TABLE_BATCH] = &tables[i];
		if (i + 1 == nr || (i + 1) % TABLE_BATCH == 0)
			share(batch, i % TABLE_BATCH + 1);
	}
}

/* Of the reserve one at a time, so that whoever comes meanwhile finds the others. */
static struct page_table *get_for_poison(void)
{
	struct page_table *tables[TABLE_BATCH];
	unsigned nr = table_pop(&shared, tables);

	if (nr == 0) {
		/* If anybody has a table at hand it comes to the reserve. */
		atomic_fetch_add(&table_wishes, 1);
		return table_pop(&pool.reserve, tables) ? tables[0] : NULL;
	}
	if (nr > 1)
		table_push(&shared, tables, nr - 1);
	return tables[nr - 1];
}

void table_pool_init(void *state, struct page_table *own, struct page_table *tables, size_t nr)
{
	tables_at_hand = state;
	table_stack_init(&shared);
	table_stack_init(&pool.reserve);
	table_pool_set_source(NULL, NULL);
	pool.own = own;
	pool.own_end = tables + nr;
	atomic_store(&pool.total, 0);
	atomic_store(&table_wishes, 0);
	add(tables, nr);
}

void table_pool_set_source(void *(*take)(void), bool (*give)(void *))
{
	pool.take_area = take;
	pool.give_area = give;
}

/* --- What this CPU has at hand --- */

static unsigned nr_of(const struct tables_at_hand *mine)
{
	return atomic_load_explicit(&mine->nr, memory_order_relaxed);
}

static void keep(struct tables_at_hand *mine, struct page_table *table)
{
	unsigned nr = nr_of(mine);

	mine->table[nr] = table;
	atomic_store_explicit(&mine->nr, nr + 1, memory_order_relaxed);
}

static bool is_wished(const struct tables_at_hand *mine)
{
	return mine->returned != atomic_load_explicit(&table_wishes, memory_order_relaxed);
}

/* Gives back so many of those that it has had longest. */
static void give_back(struct tables_at_hand *mine, unsigned nr)
{
	unsigned left = nr_of(mine) - nr;

	share(mine->table, nr);
	for (unsigned i = 0; i < left; i++)
		mine->table[i] = mine->table[nr + i];
	atomic_store_explicit(&mine->nr, left, memory_order_relaxed);
}

static void give_all_back(struct tables_at_hand *mine)
{
	mine->returned = atomic_load_explicit(&table_wishes, memory_order_relaxed);
	while (nr_of(mine) > TABLE_BATCH)
		give_back(mine, TABLE_BATCH);
	give_back(mine, nr_of(mine));
}

/* What is rare is kept out of the way of what is not. */
static __attribute__((noinline)) struct page_table *get_slowly(struct tables_at_hand *mine)
{
	struct page_table *tables[TABLE_BATCH];
	bool scarce = is_wished(mine);
	unsigned nr;

	give_all_back(mine);
	while (!(nr = table_pop(&shared, tables))) {
		struct page_table *area = pool.take_area ? pool.take_area() : NULL;

		if (!area) {
			atomic_fetch_add(&table_wishes, 1);
			return NULL;
		}
		add(area, AREA_SIZE / sizeof(*area));
	}
	/* The source may have left some at hand. */
	while (!scarce && nr > 1 && nr_of(mine) < TABLES_AT_HAND)
		keep(mine, tables[--nr]);
	share(tables + 1, nr - 1);
	return tables[0];
}

static __attribute__((noinline)) void put_slowly(struct tables_at_hand *mine,
						 struct page_table *table)
{
	if (is_wished(mine) || reserve_is_short()) {
		give_all_back(mine);
		share(&table, 1);
	} else {
		give_back(mine, TABLE_BATCH);
		keep(mine, table);
	}
}

struct page_table *table_get(enum table_use use)
{
	struct page_table *table = use == TABLE_FOR_POISON ? get_for_poison() : table_at_hand();

	return table || use == TABLE_FOR_POISON ? table : get_slowly(&tables_at_hand[host_cpu()]);
}

void table_put(struct page_table *table, enum table_use use)
{
	struct tables_at_hand *mine;

	if (use == TABLE_FOR_POISON) {
		share(&table, 1);
		return;
	}
	mine = &tables_at_hand[host_cpu()];
	if (likely(nr_of(mine) < TABLES_AT_HAND && !is_wished(mine) && !reserve_is_short()))
		keep(mine, table);
	else
		put_slowly(mine, table);
}

void table_pool_flush(void)
{
	give_all_back(&tables_at_hand[host_cpu()]);
}

/* --- Giving areas back --- */

/*
 * A list of spare tables outside of the pool: the first word has the next one's address. The second
 * is a mark that no page's word looks like, and so is the third, in the first table of an area that
 * is to go.
 */
enum { NEXT, LISTED, GOING };

static void list_add(struct page_table **list, struct page_table *table)
{
	atomic_store(&table->word[NEXT], (word_t)(uintptr_t)*list | WORD_SPLIT);
	atomic_store(&table->word[LISTED], WORD_SPLIT);
	*list = table;
}

static struct page_table *list_next(const struct page_table *table)
{
	return (struct page_table *)word_table(atomic_load(&table->word[NEXT]));
}

static struct page_table *list_take(struct page_table **list)
{
	struct page_table *table = *list;

	if (table) {
		*list = list_next(table);
		atomic_store(&table->word[NEXT], 0);
		atomic_store(&table->word[LISTED], 0);
	}
	return table;
}

static bool is_own(const struct page_table *table)
{
	return table >= pool.own && table < pool.own_end;
}

static void list_stack(struct table_stack *stack, struct page_table **own,
		       struct page_table **others)
{
	struct page_table *tables[TABLE_BATCH];
	unsigned nr;

	while ((nr = table_pop(stack, tables)))
		while (nr-- > 0)
			list_add(is_own(tables[nr]) ? own : others, tables[nr]);
}

static void share_list(struct page_table **list)
{
	struct page_table *tables[TABLE_BATCH];
	unsigned nr;

	do {
		for (nr = 0; nr < TABLE_BATCH && *list; nr++)
			tables[nr] = list_take(list);
		share(tables, nr);
	} while (nr > 0);
}

/* Fills the reserve with what the pool began with, so that no area has to stay for its sake. */
static void change_reserve(struct page_table **others)
{
	struct page_table *own = NULL, *tables[TABLE_BATCH];
	unsigned nr;

	list_stack(&pool.reserve, &own, others);
	share_list(&own);
	while (reserve_is_short() && (nr = table_pop(&shared, tables)))
		share(tables, nr);
}

static bool begins_spare_area(const struct page_table *table)
{
	if ((uintptr_t)table % AREA_SIZE != 0)
		return false;
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		if (atomic_load(&table[i].word[LISTED]) != WORD_SPLIT)
			return false;
	return true;
}

/* Moves the first tables of areas that can go to a list of their own; the others are dropped. */
static void sort_out(struct page_table **list, struct page_table **areas)
{
	struct page_table *left = NULL, *table;

	for (table = *list; table; table = list_next(table))
		if (begins_spare_area(table))
			atomic_store(&table->word[GOING], WORD_SPLIT);
	while ((table = list_take(list))) {
		struct page_table *first =
			(struct page_table *)align_down((uintptr_t)table, AREA_SIZE);

		if (atomic_load(&first->word[GOING]) != WORD_SPLIT)
			list_add(&left, table);
		else if (table == first)
			list_add(areas, table);
	}
	*list = left;
}

void table_pool_trim(void)
{
	struct page_table *own = NULL, *others = NULL, *areas = NULL, *area;

	if (!pool.give_area)
		return;
	table_pool_flush();
	list_stack(&shared, &own, &others);
	share_list(&own);
	/* These do for poisoning while the reserve is empty. */
	if (atomic_load(&shared.nr) >= TABLE_POOL_RESERVE)
		change_reserve(&others);
	sort_out(&others, &areas);
	share_list(&others);
	while ((area = list_take(&areas))) {
		atomic_fetch_sub(&pool.total, PAGES_PER_AREA);
		if (!pool.give_area(area))
			add(area, PAGES_PER_AREA);
	}
}

/* --- Frames of other use --- */

void table_pool_add(struct page_table *table)
{
	add(table, 1);
}

/* Rather one of the map's own, so that no area has to stay for its sake. */
struct page_table *table_pool_remove(void)
{
	struct page_table *own = NULL, *others = NULL, *table;

	table_pool_flush();
	list_stack(&shared, &own, &others);
	table = list_take(own ? &own : &others);
	share_list(&own);
	share_list(&others);
	if (!table)
		table = table_get(TABLE_FOR_SPLIT);
	if (!table)
		table = table_get(TABLE_FOR_POISON);
	if (table)
		atomic_fetch_sub(&pool.total, 1);
	return table;
}

/* --- Account --- */

const char *table_pool_check(void)
{
	const char *broken = table_stack_check(&pool.reserve);

	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		for (unsigned i = 0; i < nr_of(&tables_at_hand[cpu]); i++)
			for (size_t k = 0; k < PAGES_PER_AREA; k++)
				if (tables_at_hand[cpu].table[i]->word[k] != 0)
					return "table pool: a word of a table at hand is not zero";
	return broken ? broken : table_stack_check(&shared);
}

size_t table_pool_spare(void)
{
	size_t spare = atomic_load(&pool.reserve.nr) + atomic_load(&shared.nr);

	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		spare += nr_of(&tables_at_hand[cpu]);
	return spare;
}

size_t table_pool_total(void)
{
	return atomic_load(&pool.total);
}
