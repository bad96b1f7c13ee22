/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schemes that keep something on the medium: what they store there, as an independent witness sees
 * it, and what they say of it.
 */
#include <errno.h>
#include <string.h>

#include "mm/area_move.h"
#include "mm/bad_frames.h"
#include "mm/page.h"
#include "mm/schemes/two_level_medium.h"
#include "mm/schemes/two_level_wear.h"
#include "tests/harness/memory.h"
#include "tests/harness/scheme_ground.h"
#include "tests/host/apart.h"
#include "tests/host/store_count.h"
#include "tests/test.h"

enum { FRAMES = PAGES_PER_AREA, POOL = 16, A = 31, RANGE = 40 };

static struct scheme *scheme;
static struct scheme_page *held;
static struct scheme_page *notes[RANGE];
static struct segment segment;

/* --- Operations --- */

static pfn_t frame_at(uint64_t number)
{
	return pfn_add(scheme->start, number);
}

static void pin_as(enum scheme_written written)
{
	struct scheme_page *page;

	expect_eq(scheme_pin(scheme, frame_at(A), &page), 0);
	scheme_unpin(scheme, page, written);
}

static void pin(void)
{
	pin_as(SCHEME_CLEAN);
}

static void pin_and_write(void)
{
	pin_as(SCHEME_WRITTEN);
}

static void hold(void)
{
	expect_eq(scheme_pin(scheme, frame_at(A), &held), 0);
}

static struct scheme_page *second_hold;

static void hold_again(void)
{
	expect_eq(scheme_pin(scheme, frame_at(A), &second_hold), 0);
}

static void let_go_of_one(void)
{
	scheme_unpin(scheme, second_hold, SCHEME_CLEAN);
}

static void let_go(void)
{
	scheme_unpin(scheme, held, SCHEME_CLEAN);
}

static void lock(void)
{
	expect_eq(scheme_trylock(scheme, held), 0);
	expect_eq(scheme_trylock(scheme, held), -EBUSY);
	expect_eq(scheme_unlock(scheme, held), 0);
}

static void mark(void)
{
	expect_eq(scheme_mark_dirty(scheme, held), 0);
}

static void clear(void)
{
	expect(scheme_clear_dirty(scheme, held) >= 0);
}

static void pin_range_of(uint64_t frames, size_t room, enum scheme_written written, int error)
{
	struct scheme_range range = {
		.start = frame_at(A - 1),
		.frames = frames,
		.segments = &segment,
		.max_segments = room,
		.pages = notes,
	};

	expect_eq(scheme_pin_range(scheme, &range), error);
	if (!error)
		scheme_unpin_range(scheme, &range, written);
}

static void pin_range(void)
{
	pin_range_of(RANGE, 1, SCHEME_CLEAN, 0);
}

static void pin_and_write_range(void)
{
	pin_range_of(RANGE, 1, SCHEME_WRITTEN, 0);
}

static void pin_range_without_room(void)
{
	pin_range_of(RANGE, 0, SCHEME_CLEAN, -ENOSPC);
}

static void pin_range_outside(void)
{
	pin_range_of(FRAMES, 1, SCHEME_CLEAN, -ENOENT);
}

static void poison(void)
{
	expect_eq(scheme_poison(scheme, frame_at(A)), 0);
}

static void poison_another(void)
{
	expect_eq(scheme_poison(scheme, frame_at(A + 1)), 0);
}

static void unpoison(void)
{
	expect_eq(scheme_unpoison(scheme, frame_at(A)), 0);
}

static void unpoison_another(void)
{
	expect_eq(scheme_unpoison(scheme, frame_at(A + 1)), 0);
}

static void pin_what_is_bad(void)
{
	struct scheme_page *page;

	expect_eq(scheme_pin(scheme, frame_at(A), &page), -EIO);
	pin_range_of(RANGE, 1, SCHEME_CLEAN, -EIO);
}

static void look(void)
{
	expect(scheme_find(scheme, frame_at(A)) != NULL);
	expect(scheme_pins(scheme, frame_at(A)) >= 0);
	expect(scheme_page_size(scheme, held) >= PAGE_SIZE);
	expect(pfn_before(scheme_page_to_pfn(scheme, held), frame_at(A + 1)));
}

/* A split and a collapse are not the scheme's doing, and nobody watches them. */
static void mend(void)
{
	ground_mend();
}

static const struct step {
	const char *name;
	void (*run)(void);
} steps[] = {
	{"a pin", pin},
	{"a pin of what is written", pin_and_write},
	{"a pin of what is written again", pin_and_write},
	{"a range", pin_range},
	{"a range that is written", pin_and_write_range},
	{"a range without room", pin_range_without_room},
	{"a range outside", pin_range_outside},
	{"a pin that stays", hold},
	{"a look", look},
	{"a lock", lock},
	{"a note", mark},
	{"a note again", mark},
	{"the end of a note", clear},
	{"the end of no note", clear},
	{"poison under a pin", poison},
	{"poison again", poison},
	{"other poison under a pin", poison_another},
	{"healing of one of two", unpoison},
	{"healing under a pin", unpoison_another},
	{"healing of what is good", unpoison},
	{"another pin that stays", hold_again},
	{"poison until it is unpinned", poison},
	{"the end of one of two pins", let_go_of_one},
	{"the end of the pin", let_go},
	{"pins of what is bad", pin_what_is_bad},
	{"more poison", poison_another},
	{"healing", unpoison},
	{"more healing", unpoison_another},
	{"pins in 4 KiB", pin},
	{"a range in 4 KiB", pin_and_write_range},
	{"a pin in 4 KiB that stays", hold},
	{"a lock in 4 KiB", lock},
	{"a note in 4 KiB", mark},
	{"the end of a note in 4 KiB", clear},
	{"the end of the pin in 4 KiB", let_go},
	{"a clean range in 4 KiB", pin_range},
	{"a collapse", mend},
	{"poison", poison},
	{"healing of that", unpoison},
	{"a collapse", mend},
	{"a last pin", pin},
};

static void run(void *step)
{
	((const struct step *)step)->run();
}

static uint64_t stores_told(void)
{
	struct scheme_usage usage;

	scheme_usage(scheme, &usage);
	return usage.medium_stores;
}

static uint64_t watch(void (*fn)(void *), void *arg)
{
	return stores_to(ground_virt(ground_start()),
			 pfn_distance(ground_start(), scheme->start) << PAGE_SHIFT, fn, arg);
}

/* An area out of use that is still pinned will be split, and that is told ahead. */
static bool is_told_ahead(void)
{
	struct page_info page = test_look(ground_start());

	return page.size == AREA_SIZE && page.poisoned;
}

static void compare_steps(void)
{
	uint64_t told = stores_told(), seen = told;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].run == mend)
			mend();
		else
			seen += watch(run, (void *)&steps[i]);
		told = stores_told();
		if (told == seen || is_told_ahead())
			continue;
		fail("%s, %s: %lld more stores are told than seen", scheme->ops->name,
		     steps[i].name, (long long)(told - seen));
		seen = told;
	}
}

/* What a scheme says that it stored to the medium is what the medium saw, for each operation. */
TEST(schemes_medium, stores_are_those_that_are_told)
{
	ground_take(MEMORY_DRAM);
	for (size_t i = 0; i < nr_schemes; i++) {
		struct scheme_setup setup = {ground_start(), FRAMES, POOL};
		struct scheme_needs needs;

		scheme_needs(schemes[i], &setup, &needs);
		if (needs.medium_bytes == 0)
			continue;
		scheme = ground_begin(schemes[i], FRAMES, POOL);
		compare_steps();
	}
}

/* --- Two levels on the medium --- */

static bool on_the_medium(pfn_t frame)
{
	const char *word = (const char *)area_word(frame);
	const char *medium = ground_virt(ground_start());

	return word >= medium && word < medium + PAGE_SIZE;
}

/* The words are in the run's first frame from the beginning to the end, and the rest is data. */
TEST(schemes_medium, words_are_in_the_run)
{
	struct page_map_usage before, now;
	struct area_move other;

	ground_take(MEMORY_PERSISTENT);
	page_map_usage(&before);
	scheme = ground_begin(&two_level_medium_scheme, FRAMES, 0);
	expect(pfn_eq(scheme->start, pfn_add(ground_start(), 1)));
	expect_eq(scheme->frames, FRAMES - 1);
	expect(on_the_medium(scheme->start));
	/* Those of another GiB do not matter to it. */
	other = area_move_of(pfn(0x20000), 1);
	other.to = ground_virt(pfn_add(ground_start(), 1));
	area_move_begin(&other);
	area_move_end(&other);
	expect(on_the_medium(scheme->start));
	page_map_usage(&now);
	expect_eq(now.area_bytes, before.area_bytes - PAGE_SIZE);
	ground_end();
	expect(!on_the_medium(ground_start()));
	page_map_usage(&now);
	expect_eq(now.area_bytes, before.area_bytes);
}

static char dram[32 * 1024] __attribute__((aligned(64)));

static bool can_begin(const struct scheme_ops *ops, pfn_t start, uint64_t frames)
{
	struct scheme_setup setup = {.start = start, .frames = frames};
	struct scheme_needs needs;

	scheme_needs(ops, &setup, &needs);
	require(needs.given_bytes <= sizeof(dram));
	memset(dram, 0, sizeof(dram));
	scheme = scheme_begin(ops, &setup, dram);
	if (!scheme)
		return false;
	scheme_end(scheme);
	return true;
}

/* Nothing is kept in what is not to be written, is in two regions, is too short or begins badly. */
TEST(schemes_medium, refuses_what_cannot_keep_anything)
{
	static const struct scheme_ops *const on_the_map[] = {
		&two_level_medium_scheme,
		&two_level_wear_scheme,
	};
	const struct region *region = NULL;
	pfn_t start;

	while ((region = next_region(region, MEMORY_PERSISTENT)) && region->writable)
		;
	require(region != NULL);
	ground_take(MEMORY_PERSISTENT);
	start = ground_start();
	for (size_t i = 0; i < ARRAY_SIZE(on_the_map); i++) {
		uint64_t rest = pfn_distance(start, pfn_to_region(start)->end);

		expect(!can_begin(on_the_map[i], region->start, FRAMES));
		expect(!can_begin(on_the_map[i], start, 1));
		expect(!can_begin(on_the_map[i], start, rest + 1));
		require(page_poison(start) == 0);
		expect(!can_begin(on_the_map[i], start, 2));
		require(page_unpoison(start) == 0);
		ground_mend();
		expect(can_begin(on_the_map[i], start, 2));
	}
}

static struct scheme_range areas;

static void refuse_the_second(void *unused)
{
	(void)unused;
	expect_eq(scheme_pin_range(scheme, &areas), -EIO);
}

static void expect_refusal_counted(void)
{
	uint64_t told = stores_told();
	uint64_t seen = stores_to(ground_virt(areas.start), PAGE_SIZE, refuse_the_second, NULL);

	expect_eq(seen, 2);
	expect_eq(stores_told() - told, seen);
}

/* A range of which the second area is bad, or has no room for a pin, stores as far as it came. */
TEST(schemes_medium, refused_ranges_are_counted)
{
	pfn_t start = pfn_add(pfn_area(next_writable(NULL)->start), PAGES_PER_AREA);
	struct scheme_setup setup = {start, 4 * PAGES_PER_AREA, 0};
	pfn_t other = pfn_add(start, PAGES_PER_AREA);
	struct scheme_page *page;
	unsigned pins = 0;

	memset(dram, 0, sizeof(dram));
	scheme = scheme_begin(&two_level_medium_scheme, &setup, dram);
	require(scheme != NULL);
	areas = (struct scheme_range){
		.start = start,
		.frames = 3 * PAGES_PER_AREA,
		.segments = &segment,
		.max_segments = 1,
	};
	scheme->start = start; /* with what is reserved, so that the areas are whole */
	scheme->frames++;
	require(scheme_poison(scheme, other) == 0);
	expect_refusal_counted();
	require(scheme_unpoison(scheme, other) == 0);
	require(page_collapse(other) == 0);
	while (scheme_pin(scheme, other, &page) == 0)
		pins++;
	expect_refusal_counted();
	while (pins-- > 0)
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	scheme_end(scheme);
}

/* --- What ends a run --- */

static struct area_move first, second;

static void end_in_another_order(void)
{
	first = second = area_move_of(ground_start(), 1);
	first.to = ground_virt(ground_start());
	second.to = ground_virt(pfn_add(ground_start(), 1));
	area_move_begin(&first);
	area_move_begin(&second);
	area_move_end(&first);
}

/* With all memory in use, words go back to what is kept for poisoning, and then nowhere. */
static void come_back_to_nothing(void)
{
	pfn_t frame;

	first = area_move_of(ground_start(), 1);
	first.to = ground_virt(ground_start());
	area_move_begin(&first);
	while (frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &frame) == 0)
		;
	for (size_t i = 0; i < region_frames(pfn_to_region(ground_start())); i += PAGES_PER_AREA)
		(void)!page_split(pfn_add(ground_start(), i));
	area_move_end(&first);
	expect_str(page_map_check(), NULL);
	area_move_begin(&first);
	while (table_get(TABLE_FOR_POISON))
		;
	area_move_end(&first);
}

TEST(schemes_medium, words_without_a_place_end_the_run)
{
	ground_take(MEMORY_PERSISTENT);
	expect_panic_apart(end_in_another_order, "go back before those that were moved later");
	expect_panic_apart(come_back_to_nothing, "there is no memory for the words of GiB 4");
}
