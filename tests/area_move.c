/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of areas in other memory than the map came with, and back. */
#include "mm/area_move.h"

#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

enum { MOVES = 3 };

static pfn_t area; /* whose words move, and those of its GiB */
static struct area_move moves[MOVES];
static unsigned nr_moves;

static void end_last(void)
{
	area_move_end(&moves[--nr_moves]);
}

static void end_all(void *unused)
{
	(void)unused;
	while (nr_moves > 0)
		end_last();
}

/* Moves the words of the area's GiB to a frame of DRAM. */
static void move_again(void)
{
	struct area_move *move = &moves[nr_moves];

	*move = area_move_of(area, PAGES_PER_AREA);
	move->to = test_virt(test_take(MEMORY_DRAM, PAGE_SIZE), 0);
	area_move_begin(move);
	nr_moves++;
	expect(area_word(area) >= move->to->word && area_word(area) < (move->to + 1)->word);
	expect_str(page_map_check(), NULL);
}

static void take(enum memory_kind kind)
{
	area = test_take(kind, AREA_SIZE);
	/* After this those frames can be given back. */
	(void)test_take(MEMORY_DRAM, PAGE_SIZE);
	nr_moves = 0;
	test_cleanup(end_all, NULL);
}

static struct page_map_usage usage(void)
{
	struct page_map_usage now;

	frame_alloc_flush();
	page_map_usage(&now);
	return now;
}

/* Each GiB of a run has its words moved, one that the run only touches as well. */
TEST(area_move, takes_a_frame_for_each_gib)
{
	const uint64_t gib = (uint64_t)1 << (GIB_SHIFT - PAGE_SHIFT);

	expect_eq(area_move_of(pfn(0), 1).nr, 1);
	expect_eq(area_move_of(pfn(3 * gib), gib).nr, 1);
	expect_eq(area_move_of(pfn(3 * gib), gib).gib, 3);
	expect_eq(area_move_of(pfn(3 * gib - 1), gib + 2).nr, 3);
	expect_eq(area_move_of(pfn(3 * gib - 1), gib + 2).gib, 2);
}

/* Pins, marks and splits stay while words move, and can be made and undone in each place. */
TEST(area_move, pages_stay_what_they_are)
{
	struct page *page;

	take(MEMORY_DRAM);
	page = test_pin(area);
	require(page_trylock(page));
	page_mark_dirty(page);
	move_again();
	expect_eq(test_look(area).pins, 1);
	expect(test_look(area).locked && test_look(area).dirty);
	page_unlock(page);
	page_unpin(page);
	expect_eq(page_split(area), 0);
	page = test_pin(pfn_add(area, 7));
	end_last();
	expect_eq(test_look(pfn_add(area, 7)).pins, 1);
	expect_eq(page_size(page), PAGE_SIZE);
	page_unpin(page);
	expect_eq(page_collapse(area), 0);
	expect(test_look(area).dirty);
}

/* The frame in DRAM that words leave is a spare table, until they come back. */
TEST(area_move, frames_become_tables)
{
	struct page_map_usage before, moved, after;

	take(MEMORY_DRAM);
	before = usage();
	move_again();
	moved = usage();
	expect_eq(moved.area_bytes + PAGE_SIZE, before.area_bytes);
	expect_eq(moved.area_bytes_elsewhere, before.area_bytes_elsewhere + PAGE_SIZE);
	expect_eq(moved.spare_table_bytes + moved.table_bytes,
		  before.spare_table_bytes + before.table_bytes + PAGE_SIZE);
	end_last();
	after = usage();
	expect_eq(after.area_bytes, before.area_bytes);
	expect_eq(after.area_bytes_elsewhere, before.area_bytes_elsewhere);
	expect_eq(after.spare_table_bytes, before.spare_table_bytes);
}

/* Words that moved can move on, and go back the way that they came. */
TEST(area_move, words_go_back_where_they_were)
{
	struct page_map_usage once;
	struct page *page;

	take(MEMORY_DRAM);
	move_again();
	once = usage();
	page = test_pin(area);
	move_again();
	move_again();
	expect_eq(usage().area_bytes, once.area_bytes);
	expect_eq(usage().spare_table_bytes + usage().table_bytes,
		  once.spare_table_bytes + once.table_bytes);
	end_last();
	end_last();
	expect(area_word(area) >= moves[0].to->word && area_word(area) < (moves[0].to + 1)->word);
	expect_eq(test_look(area).pins, 1);
	page_unpin(page);
}

/* An area that this CPU has at hand, by the address of its word, is given back before. */
TEST(area_move, areas_at_hand_are_given_back)
{
	pfn_t at_hand;

	take(MEMORY_DRAM);
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &at_hand) == 0);
	require(frame_free(at_hand, AREA_SIZE) == 0);
	require(test_look(at_hand).allocated);
	move_again();
	expect(!test_look(at_hand).allocated);
}

enum { ROUNDS = 3000 };

static void use(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct page *page =
			page_pin(pfn_add(area, (i * 167 + host_cpu()) % PAGES_PER_AREA));

		if (!page) {
			fail("CPU %u cannot pin", host_cpu());
			return;
		}
		page_unpin(page);
		if (i % 16 == 0)
			(void)!page_split(area);
		else if (i % 16 == 8)
			(void)!page_collapse(area);
	}
}

/* On all CPUs at once nothing is lost in the other place. */
TEST(area_move, cpus_use_words_that_moved)
{
	take(MEMORY_DRAM);
	move_again();
	host_on_each_cpu(use, NULL);
	expect_str(page_map_check(), NULL);
	end_last();
	host_on_each_cpu(use, NULL);
	expect_eq(page_collapse(area), 0);
}
