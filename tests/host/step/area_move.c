/* SPDX-License-Identifier: BSD-2-Clause */
/* A frame goes bad while the words of its area move. */
#include "mm/area_move.h"

#include "mm/bad_frames.h"
#include "tests/harness/memory.h"
#include "tests/host/apart.h"
#include "tests/host/step/step.h"
#include "tests/test.h"

static pfn_t area;
static struct area_move move;

static void begin(void)
{
	area_move_begin(&move);
}

static void end(void)
{
	area_move_end(&move);
}

static void poison(void)
{
	expect_eq(page_poison(pfn_add(area, 9)), 0);
}

static void expect_marked(const char *when, unsigned at)
{
	const char *broken = page_map_check();

	if (broken)
		fail("%s, point %u: %s", when, at, broken);
	if (!test_look(pfn_add(area, 9)).poisoned)
		fail("%s, point %u: the bad frame can be pinned", when, at);
	expect_eq(page_unpoison(pfn_add(area, 9)), 0);
}

/* Lets the frame go bad at a point of the move, or behind it. */
static bool meet_at(unsigned at, void (*step)(void), const char *when)
{
	bool met = step_between(step, poison, at);

	if (!met)
		poison();
	expect_marked(when, at);
	return met;
}

/* With the area pinned as a whole, or not pinned and so to be split. */
static unsigned meet(bool pinned)
{
	bool met = true;
	unsigned at = 0;

	for (; met; at++) {
		struct page *page = pinned ? test_pin(area) : NULL;

		move = area_move_of(area, PAGES_PER_AREA);
		move.to = test_virt(area, 0);
		met = meet_at(at, begin, "to the medium");
		met |= meet_at(at, end, "and back");
		if (page)
			page_unpin(page);
		expect_eq(page_collapse(area), 0);
	}
	return at - 1;
}

/* Its mark is in the words wherever they are then, at every point, and no table is lost. */
TEST(step, frames_go_bad_while_words_move)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	note("%u points", meet(false) + meet(true));
}

static void poison_all_that_are_known(void)
{
	move = area_move_of(area, PAGES_PER_AREA);
	move.to = test_virt(area, 0);
	for (unsigned i = 0; i < BAD_FRAMES_MAX; i++)
		expect_eq(page_poison(pfn_add(area, 10 + i)), 0);
}

static void go_bad_as_one_too_many(void)
{
	poison_all_that_are_known();
	for (unsigned at = 0; step_between(begin, poison, 8 + at); at++)
		area_move_end(&move);
}

static void go_bad_before(void)
{
	poison_all_that_are_known();
	poison();
	begin();
	end();
	expect_str(page_map_check(), NULL);
}

/* Which frame is bad that there was no room to note is not known, so that none is marked for it. */
TEST(step, too_many_bad_frames_while_words_move)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	expect_panic_apart(go_bad_as_one_too_many, "since words of areas began to move");
	expect_good_apart(go_bad_before);
}
