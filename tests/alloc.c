/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame allocator: no frame lost, none handed out twice, in every kind of memory. */
#include <errno.h>

#include "mm/barrier.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/page_map.h"
#include "mm/table_pool.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

static bool have(enum memory_kind kind)
{
	return next_region(NULL, kind) != NULL;
}

/* What is handed out is aligned to its size, of the kind asked for, and marked allocated. */
TEST(alloc, gives_what_was_asked_for)
{
	static const size_t sizes[] = {PAGE_SIZE, AREA_SIZE};

	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		for (size_t i = 0; have((enum memory_kind)kind) && i < ARRAY_SIZE(sizes); i++) {
			pfn_t frame;

			require(frame_alloc((enum memory_kind)kind, NODE_ANY, sizes[i], &frame) ==
				0);
			expect_eq(pfn_to_phys(frame).addr % sizes[i], 0);
			expect_eq(pfn_to_region(frame)->kind, kind);
			expect_eq(page_size(pfn_to_page(frame)), sizes[i]);
			expect(test_look(frame).allocated);
			expect_eq(frame_free(frame, sizes[i]), 0);
			frame_alloc_flush();
			expect(!test_look(frame).allocated);
		}
	}
}

/* There are two sizes and no others. */
TEST(alloc, other_sizes_are_refused)
{
	static const size_t sizes[] = {0, 1, PAGE_SIZE - 1, 2 * PAGE_SIZE, 2 * AREA_SIZE};
	pfn_t frame;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, sizes[i], &frame), -EINVAL);
		expect_eq(frame_free(next_region(NULL, MEMORY_DRAM)->start, sizes[i]), -EINVAL);
	}
}

/* Giving back what was not handed out is refused and changes nothing. */
TEST(alloc, wrong_frees_are_refused)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	pfn_t frame;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
	expect_eq(frame_free(pfn_add(area, 1), AREA_SIZE), -EINVAL);
	expect_eq(frame_free(frame, AREA_SIZE), frame.n % PAGES_PER_AREA ? -EINVAL : -EBUSY);
	expect_eq(frame_free(frame, PAGE_SIZE), 0);
	expect_eq(frame_free(frame, PAGE_SIZE), -EINVAL);
	expect_eq(frame_free(pfn(0), PAGE_SIZE), -EINVAL);
	expect_eq(frame_free(pfn(PFN_LIMIT), PAGE_SIZE), -EINVAL);
}

/* A page that is pinned or poisoned is not handed out. */
TEST(alloc, leaves_pinned_and_poisoned_pages_alone)
{
	struct page *page;
	pfn_t first, second;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &first) == 0);
	require(frame_free(first, AREA_SIZE) == 0);
	page = page_pin(first);
	require(page != NULL);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &second), 0);
	expect(!pfn_eq(first, second));
	page_unpin(page);
	require(frame_free(second, AREA_SIZE) == 0);

	require(page_poison(first) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &second), 0);
	expect(!pfn_eq(first, second));
	require(frame_free(second, AREA_SIZE) == 0);
	require(page_unpoison(first) == 0);
	require(page_collapse(first) == 0);
}

/* What the allocator splits and collapses by itself is free memory only. */
TEST(alloc, leaves_areas_in_use_as_they_are)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	expect_eq(page_split_free(area), -EBUSY);
	require(page_split(area) == 0);
	expect_eq(page_collapse_free(area), -EBUSY);
	expect_eq(page_collapse(area), 0);
}

/* A poisoned frame that is given back stays out of use. */
TEST(alloc, poison_outlives_a_free)
{
	uint64_t before = frames_free(MEMORY_DRAM);
	struct page_info info;
	pfn_t frame;
	int error;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
	require(page_poison(frame) == 0);
	expect_eq(frame_free(frame, PAGE_SIZE), 0);
	require(page_look(frame, &info) == 0);
	expect(info.poisoned && !info.allocated);
	expect_eq(frames_free(MEMORY_DRAM), before - 1);
	require(page_unpoison(frame) == 0);
	expect_eq(frames_free(MEMORY_DRAM), before);
	/* The free came while the area could not collapse. */
	error = page_collapse(frame);
	expect(error == 0 || error == -EINVAL || error == -EBUSY);
}

/* While one node has memory, a request for it is served there. */
TEST(alloc, prefers_the_node_asked_for)
{
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		const struct region *region = NULL;

		while ((region = next_region(region, (enum memory_kind)kind))) {
			pfn_t frame;

			require(frame_alloc(region->kind, region->node, PAGE_SIZE, &frame) == 0);
			expect_eq(pfn_to_region(frame)->node, region->node);
			require(frame_free(frame, PAGE_SIZE) == 0);
		}
	}
}

/*
 * Frames taken by a test, chained through their own first bytes when they are DRAM; so the test of
 * exhaustion needs no memory of its own, and shows that no two of them are the same.
 */
struct chain {
	pfn_t head;
	uint64_t length;
	uint64_t room; /* what length can become, for showing progress */
};

enum { RUNS_PER_STEP = 1024 };

struct link {
	uint64_t self;
	pfn_t next;
	size_t size;
};

static struct link *link_of(pfn_t frame)
{
	return host_virt(pfn_to_phys(frame));
}

static void chain_push(struct chain *chain, pfn_t frame, size_t size)
{
	*link_of(frame) = (struct link){.self = frame.n, .next = chain->head, .size = size};
	chain->head = frame;
	if (++chain->length % RUNS_PER_STEP == 0)
		progress(chain->length, chain->room, "run");
}

static void chain_free(struct chain *chain)
{
	while (chain->length > 0) {
		struct link link = *link_of(chain->head);

		if (link.self != chain->head.n)
			fail("frame %#llx was overwritten through frame %#llx",
			     (unsigned long long)chain->head.n, (unsigned long long)link.self);
		require(frame_free(chain->head, link.size) == 0);
		chain->head = link.next;
		if (--chain->length % RUNS_PER_STEP == 0)
			progress(chain->room - chain->length, chain->room, "run");
	}
}

static void take_all(struct chain *chain, size_t size)
{
	pfn_t frame;

	chain->room = chain->length + frames_free(MEMORY_DRAM) / (size / PAGE_SIZE);
	while (frame_alloc(MEMORY_DRAM, NODE_ANY, size, &frame) == 0)
		chain_push(chain, frame, size);
}

/* All DRAM can be had, each frame once; afterwards it is an ordinary -ENOMEM; all comes back. */
TEST(alloc, all_memory_can_be_had)
{
	struct chain chain = {.length = 0};
	pfn_t frame;

	take_all(&chain, AREA_SIZE);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &frame), -ENOMEM);
	take_all(&chain, PAGE_SIZE);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame), -ENOMEM);
	expect_eq(frames_free(MEMORY_DRAM), 0);
	note("%llu runs taken", (unsigned long long)chain.length);
	chain_free(&chain);
}

/* With every frame handed out, a frame that comes back is found, and none is made into 2 MiB. */
TEST(alloc, the_only_free_frame_is_found)
{
	struct chain chain = {.length = 0};
	struct page_info info;
	pfn_t frame, again;

	take_all(&chain, PAGE_SIZE);
	frame = chain.head;
	chain.head = link_of(frame)->next;
	chain.length--;
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &again), -ENOMEM);
	expect(page_look(frame, &info) == 0 && info.size == PAGE_SIZE);
	require(frame_free(frame, PAGE_SIZE) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &again), -ENOMEM);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again), 0);
	expect(pfn_eq(again, frame));
	chain_push(&chain, frame, PAGE_SIZE);
	chain_free(&chain);
}

/* With everything else handed out, a free frame that was bad is found when it is healed. */
TEST(alloc, healed_frame_is_found)
{
	struct chain chain = {.length = 0};
	pfn_t frame, again;

	take_all(&chain, PAGE_SIZE);
	frame = chain.head;
	chain.head = link_of(frame)->next;
	chain.length--;
	require(frame_free(frame, PAGE_SIZE) == 0);
	frame_alloc_flush();
	require(page_poison(frame) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again), -ENOMEM);
	require(page_unpoison(frame) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &again), 0);
	expect(pfn_eq(again, frame));
	chain_push(&chain, frame, PAGE_SIZE);
	chain_free(&chain);
}

/* With everything else handed out, what is not bad of an area that was pinned in whole is found. */
TEST(alloc, rest_of_a_poisoned_area_is_found)
{
	struct chain chain = {.length = 0};
	pfn_t area, frame;
	struct page *page;

	take_all(&chain, AREA_SIZE);
	require(chain.length > 0);
	area = chain.head;
	chain.head = link_of(area)->next;
	chain.length--;
	take_all(&chain, PAGE_SIZE);
	require(frame_free(area, AREA_SIZE) == 0);
	frame_alloc_flush();
	page = test_pin(area);
	require(page_size(page) == AREA_SIZE && page_poison(area) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &frame), -ENOMEM);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame), -ENOMEM);
	page_unpin(page);
	for (size_t i = 1; i < PAGES_PER_AREA; i++) {
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
		expect(pfn_eq(pfn_area(frame), area) && !pfn_eq(frame, area));
		chain_push(&chain, frame, PAGE_SIZE);
	}
	chain_free(&chain);
	frame_alloc_flush();
	require(page_unpoison(area) == 0);
	require(page_collapse(area) == 0);
}

/* 2 MiB areas broken up for frames are whole again when the frames are free, in any order. */
TEST(alloc, areas_become_whole_again)
{
	enum { FRAMES = 2000 };
	static pfn_t frames[FRAMES];
	struct page_map_usage before, after;

	page_map_usage(&before);
	for (size_t i = 0; i < FRAMES; i++)
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[i]) == 0);
	for (size_t left = FRAMES; left > 0; left--) {
		size_t pick = test_random_below(left);

		require(frame_free(frames[pick], PAGE_SIZE) == 0);
		frames[pick] = frames[left - 1];
	}
	frame_alloc_flush();
	page_map_usage(&after);
	expect_eq(after.areas_split, before.areas_split);
}

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
	struct chain areas = {.length = 0};
	struct page_table *tables;
	struct page_info info;

	take_all(&areas, AREA_SIZE);
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
	chain_free(&areas);
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
	struct chain areas = {.length = 0};

	take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	put_all_tables(reserve);
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	put_all_tables(reserve);
	put_all_tables(tables);
	chain_free(&areas);
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
	struct chain areas = {.length = 0};
	static struct sharing sharing;

	sharing.got = false;
	for (size_t i = 0; i < AREAS; i++)
		sharing.areas[i] = test_take(MEMORY_DRAM, AREA_SIZE);
	barrier_init(&sharing.barrier, host_cpus());
	take_all(&areas, AREA_SIZE);
	host_on_each_cpu(run_out, &sharing);
	/* One CPU alone has taken what it had at hand, too. */
	expect_eq(sharing.got, host_cpus() > 1);
	chain_free(&areas);
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
	struct chain areas = {.length = 0};
	static struct growth growth;
	size_t total_before;

	table_pool_trim();
	total_before = table_pool_total();
	grow_pool(&growth);
	collapse_all(&growth);
	take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	/* First those from the bottom: now the reserve is of the area that was added. */
	put_all_tables(tables);
	put_all_tables(reserve);
	chain_free(&areas);
	table_pool_trim();
	expect_eq(table_pool_total(), total_before);
	take_all(&areas, AREA_SIZE);
	tables = take_all_tables();
	expect_eq(take_reserve(&reserve), TABLE_POOL_RESERVE);
	put_all_tables(reserve);
	put_all_tables(tables);
	chain_free(&areas);
}

/* When the reserve is gone as well, poison takes the whole area out of use, until it is healed. */
TEST(alloc, poison_needs_no_memory)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct chain areas = {.length = 0};
	struct page_table *tables, *reserve;

	take_all(&areas, AREA_SIZE);
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
	chain_free(&areas);
}

/* Random requests against a model: sizes, frees, and at the end nothing is missing. */
TEST(alloc, random_requests_match_a_model)
{
	enum { SLOTS = 128 };
	static struct {
		pfn_t frame;
		size_t size;
	} slots[SLOTS];
	uint64_t before = frames_free(MEMORY_DRAM), taken = 0;

	for (unsigned step = 0; step < 20000; step++) {
		size_t i = test_random_below(SLOTS);

		if (slots[i].size) {
			expect_eq(link_of(slots[i].frame)->self, slots[i].frame.n);
			require(frame_free(slots[i].frame, slots[i].size) == 0);
			taken -= slots[i].size >> PAGE_SHIFT;
			slots[i].size = 0;
			continue;
		}
		slots[i].size = test_random_below(16) ? PAGE_SIZE : AREA_SIZE;
		if (frame_alloc(MEMORY_DRAM, NODE_ANY, slots[i].size, &slots[i].frame)) {
			slots[i].size = 0;
			continue;
		}
		taken += slots[i].size >> PAGE_SHIFT;
		link_of(slots[i].frame)->self = slots[i].frame.n;
		if (step % 1000 == 0)
			expect(frames_free(MEMORY_DRAM) <= before - taken);
	}
	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].size)
			require(frame_free(slots[i].frame, slots[i].size) == 0);
		slots[i].size = 0;
	}
}

/* An area can be had of the region that is asked for, and of no other, while it has one. */
TEST(alloc, area_of_a_region)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		uint64_t most = region_frames(&regions[i]) / PAGES_PER_AREA;
		pfn_t areas[4];
		size_t taken = 0;

		while (taken < ARRAY_SIZE(areas) &&
		       frame_alloc_area_in(&regions[i], &areas[taken]) == 0) {
			expect(region_holds(&regions[i], areas[taken]));
			expect_eq(areas[taken].n % PAGES_PER_AREA, 0);
			taken++;
		}
		expect(taken > 0 || most <= 1);
		for (size_t j = 0; j < taken; j++)
			expect_eq(frame_free(areas[j], AREA_SIZE), 0);
	}
}
