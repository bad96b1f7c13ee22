/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two CPUs change one area at the same time: whatever one does between two accesses of the other,
 * what comes of it is what would come of one after the other.
 */
#include <errno.h>
#include <string.h>

#include "mm/page.h"
#include "mm/pin_range.h"
#include "mm/table_pool.h"
#include "tests/harness/memory.h"
#include "tests/host/step/step.h"
#include "tests/test.h"

static pfn_t area;

/* The frames that operations are about; the second one is only poisoned and healed. */
enum { ONE, TWO, RUN }; /* and the frames of a run, which are these */

static pfn_t one(void)
{
	return pfn_add(area, ONE);
}

static pfn_t two(void)
{
	return pfn_add(area, TWO);
}

/* The pin that is there from the start, or NULL. */
static struct page *held;

/* The two operations of a run: what they are, return, and pin. */
static struct {
	const struct operation *operation;
	int result;
	struct page *pinned;
} cpus[2];

/* --- What an area may be when they begin --- */

static void whole(void)
{
}

static void whole_and_pinned(void)
{
	held = test_pin(one());
}

static void whole_and_poisoned(void)
{
	held = test_pin(one());
	require(page_poison(two()) == 0);
}

static void in_pages(void)
{
	require(page_split(area) == 0);
}

static void in_pages_one_pinned(void)
{
	in_pages();
	held = test_pin(one());
}

static void in_pages_one_poisoned(void)
{
	require(page_poison(two()) == 0);
}

static const struct beginning {
	const char *name;
	void (*make)(void);
} beginnings[] = {
	{"a whole area", whole},
	{"a whole area that is pinned", whole_and_pinned},
	{"a pinned area out of use", whole_and_poisoned},
	{"pages", in_pages},
	{"pages, one pinned", in_pages_one_pinned},
	{"pages, one poisoned", in_pages_one_poisoned},
};

/* --- What CPUs do --- */

enum trait {
	NEEDS_PIN = 1,   /* the one that is held from the start */
	RETURNS_PIN = 2, /* that one */
	REFUSABLE = 4,   /* may fail because another CPU is at it */
	DIVIDES = 8,     /* splits a whole area on its way, which others may see */
};

static int pin_one(struct page **pinned)
{
	*pinned = page_pin(one());
	return *pinned != NULL;
}

static int pin_run(struct page **pinned)
{
	struct segment segment;
	size_t nr = 0;
	int error = pin_range(one(), RUN, &segment, &nr, 1);

	(void)pinned;
	if (!error)
		unpin_range(one(), RUN);
	return error;
}

static int unpin(struct page **pinned)
{
	(void)pinned;
	page_unpin(held);
	held = NULL;
	return 0;
}

static int lock(struct page **pinned)
{
	(void)pinned;
	return page_trylock(held);
}

static int own(struct page **pinned)
{
	(void)pinned;
	page_mark_dirty(held);
	page_set_owner(held, 77);
	return 0;
}

static int look(struct page **pinned)
{
	struct page_info info;

	(void)pinned;
	return page_look(one(), &info);
}

static int split(struct page **pinned)
{
	(void)pinned;
	return page_split(one());
}

static int collapse(struct page **pinned)
{
	(void)pinned;
	return page_collapse(one());
}

/* The table goes to what all CPUs share, and has links in it there. */
static int collapse_and_idle(struct page **pinned)
{
	int error = collapse(pinned);

	table_pool_flush();
	return error;
}

static int poison_one(struct page **pinned)
{
	(void)pinned;
	return page_poison(one());
}

static int poison_two(struct page **pinned)
{
	(void)pinned;
	return page_poison(two());
}

static int heal_one(struct page **pinned)
{
	(void)pinned;
	return page_unpoison(one());
}

static int heal_two(struct page **pinned)
{
	(void)pinned;
	return page_unpoison(two());
}

static const struct operation {
	const char *name;
	int (*run)(struct page **pinned);
	unsigned traits;
} operations[] = {
	{"pin", pin_one, 0},
	{"pin and unpin a run", pin_run, 0},
	{"unpin", unpin, NEEDS_PIN | RETURNS_PIN},
	{"lock", lock, NEEDS_PIN},
	{"own", own, NEEDS_PIN},
	{"look", look, 0},
	{"split", split, REFUSABLE},
	{"collapse", collapse, REFUSABLE},
	{"collapse and idle", collapse_and_idle, REFUSABLE},
	{"poison one", poison_one, DIVIDES},
	{"poison two", poison_two, DIVIDES},
	{"unpoison one", heal_one, 0},
	{"unpoison two", heal_two, 0},
};

static void first(void)
{
	cpus[0].result = cpus[0].operation->run(&cpus[0].pinned);
}

static void second(void)
{
	cpus[1].result = cpus[1].operation->run(&cpus[1].pinned);
}

static void divide(void)
{
	(void)!page_split(area);
}

/* Whether both can do what they do: nobody uses a pin that the other one returns. */
static bool fit(void)
{
	unsigned a = cpus[0].operation->traits, b = cpus[1].operation->traits;

	if (!held)
		return !((a | b) & NEEDS_PIN);
	return !(a & RETURNS_PIN && b & NEEDS_PIN) && !(b & RETURNS_PIN && a & NEEDS_PIN);
}

/* --- What comes of it --- */

struct outcome {
	int results[2];
	struct page_info infos[4]; /* of the first frames, the others being as the first */
};

static void observe(struct outcome *outcome)
{
	/* They are compared as bytes, so what is between the members is zero. */
	memset(outcome, 0, sizeof(*outcome));
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		bool refused = cpus[i].operation->traits & REFUSABLE && cpus[i].result < 0;

		outcome->results[i] = refused ? -EBUSY : cpus[i].result;
	}
	for (size_t i = 0; i < ARRAY_SIZE(outcome->infos); i++) {
		struct page_info info = test_look(pfn_add(area, i));
		struct page_info *to = &outcome->infos[i];

		to->start = info.start;
		to->size = info.size;
		to->pins = info.pins;
		to->owner = info.owner;
		to->locked = info.locked;
		to->dirty = info.dirty;
		to->poisoned = info.poisoned;
	}
	expect_str(page_map_check(), NULL);
}

static void begin(const struct beginning *beginning)
{
	beginning->make();
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		cpus[i].result = cpus[i].operation->traits & REFUSABLE ? -EBUSY : 0;
		cpus[i].pinned = NULL;
	}
}

/* Lets go of everything. */
static void end(void)
{
	require(page_unpoison(one()) == 0 && page_unpoison(two()) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++)
		if (cpus[i].pinned)
			page_unpin(cpus[i].pinned);
	if (held) {
		if (test_look(page_to_pfn(held)).locked)
			page_unlock(held);
		page_set_owner(held, 0);
		page_unpin(held);
		held = NULL;
	}
	require(page_collapse(area) == 0);
}

/* Turns that the operations may seem to have had, and for which pairs that is as good. */
static const struct order {
	void (*turns[3])(void);
	unsigned first_is, second_is;
} orders[] = {
	{{first, second}, 0, 0},
	{{second, first}, 0, 0},
	{{first}, 0, REFUSABLE},
	{{second}, REFUSABLE, 0},
	{{divide, second, first}, DIVIDES, 0},
};

static bool may_be(const struct order *order)
{
	return (cpus[0].operation->traits & order->first_is) == order->first_is &&
	       (cpus[1].operation->traits & order->second_is) == order->second_is;
}

static bool is_outcome_of_an_order(const struct outcome *found, const struct outcome *outcomes)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		if (may_be(&orders[i]) && memcmp(found, &outcomes[i], sizeof(*found)) == 0)
			return true;
	return false;
}

static void take_turns(const struct beginning *beginning, const struct order *order,
		       struct outcome *outcome)
{
	begin(beginning);
	for (size_t i = 0; i < ARRAY_SIZE(order->turns) && order->turns[i]; i++)
		order->turns[i]();
	observe(outcome);
	end();
}

/* The second operation at every point of the first. */
static unsigned meet(const struct beginning *beginning)
{
	struct outcome outcomes[ARRAY_SIZE(orders)], found;
	bool met = true;
	unsigned at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		if (may_be(&orders[i]))
			take_turns(beginning, &orders[i], &outcomes[i]);
	for (; met; at++) {
		begin(beginning);
		met = step_between(first, second, at);
		if (!met)
			second();
		observe(&found);
		if (!is_outcome_of_an_order(&found, outcomes))
			fail("%s: while one CPU did \"%s\" and before its access %u another "
			     "did \"%s\", they returned %d and %d, and what came of it comes of "
			     "no order of the two",
			     beginning->name, cpus[0].operation->name, at, cpus[1].operation->name,
			     found.results[0], found.results[1]);
		end();
	}
	return at;
}

static unsigned meet_if_they_fit(const struct beginning *beginning)
{
	bool can;

	begin(beginning);
	can = fit();
	end();
	return can ? meet(beginning) : 0;
}

/* Two operations that meet anywhere have the outcome of one after the other. */
TEST(step, operations_seem_to_follow_each_other)
{
	unsigned runs = 0;

	area = test_take(MEMORY_DRAM, AREA_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(operations); j++) {
			for (size_t k = 0; k < ARRAY_SIZE(operations); k++) {
				cpus[0].operation = &operations[j];
				cpus[1].operation = &operations[k];
				runs += meet_if_they_fit(&beginnings[i]);
			}
			progress(i * ARRAY_SIZE(operations) + j + 1,
				 ARRAY_SIZE(beginnings) * ARRAY_SIZE(operations), "operations");
		}
	}
	measure("runs", runs, "runs");
}

static void collapse_and_split(void)
{
	(void)(page_collapse(area) || page_split(area));
}

/*
 * Makes a free area pages, of which the first part was used; a free one, since the pages of another
 * all count as used again after a split.
 */
static void begin_with_free_pages(void)
{
	require(page_split(area) == 0);
	page_unpin(test_pin(one()));
}

static void take_free_area(void)
{
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	frame_alloc_flush();
}

static void hold_one(void)
{
	held = page_pin(one());
}

/* A pin keeps the area split though its table left the area and came back meanwhile. */
TEST(step, table_that_comes_back_has_the_pin)
{
	bool met = true;

	take_free_area();
	for (unsigned at = 0; met; at++) {
		begin_with_free_pages();
		met = step_between(hold_one, collapse_and_split, at);
		require(held != NULL);
		expect_eq(page_collapse(area), -EBUSY);
		expect_str(page_map_check(), NULL);
		page_unpin(held);
		held = NULL;
		expect_eq(page_collapse(area), 0);
	}
}

static void lose_one(void)
{
	(void)!page_poison(one());
}

/* Far enough to be noted apart from the others. */
static pfn_t far_off(void)
{
	return pfn_add(area, PAGES_PER_AREA - 1);
}

static void heal_collapse_split_and_poison(void)
{
	(void)(page_unpoison(two()) || page_collapse(area) || page_split(area) ||
	       page_poison(far_off()));
}

/* So does poison, in an area that had some before, and has again. */
TEST(step, table_that_comes_back_has_the_poison)
{
	bool met = true;

	take_free_area();
	for (unsigned at = 0; met; at++) {
		begin_with_free_pages();
		require(page_poison(two()) == 0);
		met = step_between(lose_one, heal_collapse_split_and_poison, at);
		expect(test_look(one()).poisoned);
		expect_eq(page_collapse(area), -EIO);
		expect_str(page_map_check(), NULL);
		expect_eq(page_unpoison(one()), 0);
		expect_eq(page_unpoison(two()), 0);
		expect_eq(page_unpoison(far_off()), 0);
		expect_eq(page_collapse(area), 0);
	}
}

static void collapse_all(void)
{
	(void)!page_collapse(area);
}

static void poison_and_heal(void)
{
	(void)(page_poison(two()) || page_unpoison(two()));
}

/* What was poisoned and healed while the area was looked through leaves it as it was. */
TEST(step, healing_waits_for_a_collapse)
{
	bool met = true;

	area = test_take(MEMORY_DRAM, AREA_SIZE);
	for (unsigned at = 0; met; at++) {
		require(page_split(area) == 0);
		met = step_between(collapse_all, poison_and_heal, at);
		expect(!test_look(two()).poisoned);
		expect_str(page_map_check(), NULL);
		expect_eq(page_collapse(area), 0);
	}
}
