/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One suite for every scheme of page descriptors: what a scheme claims is shown, and what it cannot
 * do it refuses and says why. A finding begins with the scheme's name.
 */
#include "mm/schemes/scheme.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "mm/host.h"
#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum { POOL = 64, FRAMES = PAGES_PER_AREA };

static struct scheme *scheme;

#define holds(condition)                                                                   \
	((condition) ? (void)0                                                             \
		     : test_fail(__FILE__, __LINE__, "%s: expected %s", scheme->ops->name, \
				 #condition))

#define holds_eq(found, expected) \
	holds_equal(__LINE__, #found, (long long)(found), (long long)(expected))

static void holds_equal(int line, const char *what, long long found, long long expected)
{
	if (found != expected)
		test_fail(__FILE__, line, "%s: %s: found %lld, expected %lld", scheme->ops->name,
			  what, found, expected);
}

static bool has(enum scheme_feature feature)
{
	return !scheme_refusal(scheme, feature);
}

/* What a call returns that needs this feature. */
static int with(enum scheme_feature feature, int result)
{
	return has(feature) ? result : -EOPNOTSUPP;
}

/* Begins each scheme on the ground and lets the body show something of it. */
static void each_scheme(enum memory_kind kind, void (*body)(void))
{
	ground_take(kind);
	for (size_t i = 0; i < nr_schemes; i++) {
		scheme = ground_begin(schemes[i], FRAMES, POOL);
		body();
	}
}

/* A frame for data, by its number. */
static pfn_t frame_at(uint64_t number)
{
	return pfn_add(scheme->start, number);
}

static struct scheme_page *pin_at(uint64_t number)
{
	struct scheme_page *page = NULL;

	holds_eq(scheme_pin(scheme, frame_at(number), &page), 0);
	return page;
}

/* A page is the frame's that it was pinned by, and a frame of 4 KiB or an area of 2 MiB. */
static void pins_name_their_frame(void)
{
	for (uint64_t i = 0; i < scheme->frames; i++) {
		struct scheme_page *page = pin_at(i);
		pfn_t start = scheme_page_to_pfn(scheme, page);
		size_t size = scheme_page_size(scheme, page);

		holds(size == PAGE_SIZE || size == AREA_SIZE);
		holds(frame_at(i).n - start.n < size / PAGE_SIZE);
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	}
}

TEST(schemes, pins_name_their_frame)
{
	each_scheme(MEMORY_DRAM, pins_name_their_frame);
}

/* Frames beside the instance's are not to be had by any call. */
static void other_frames_are_refused(void)
{
	const pfn_t others[] = {pfn(scheme->start.n - 1), frame_at(scheme->frames), pfn(PFN_LIMIT)};
	struct scheme_page *page;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		holds_eq(scheme_pin(scheme, others[i], &page), -ENOENT);
		holds(scheme_find(scheme, others[i]) == NULL);
		holds_eq(scheme_pins(scheme, others[i]), with(SCHEME_COUNTS, -ENOENT));
		holds_eq(scheme_poison(scheme, others[i]), with(SCHEME_BAD_FRAMES, -ENOENT));
		holds_eq(scheme_unpoison(scheme, others[i]), with(SCHEME_BAD_FRAMES, -ENOENT));
		holds_eq(scheme_pin_as(scheme, others[i], (struct scheme_owner){1, 1}, &page),
			 with(SCHEME_OWNERS, -ENOENT));
	}
}

TEST(schemes, other_frames_are_refused)
{
	each_scheme(MEMORY_DRAM, other_frames_are_refused);
}

static struct segment segments[2];
static struct scheme_page *notes[FRAMES];

static struct scheme_range range_at(uint64_t number, uint64_t frames)
{
	return (struct scheme_range){
		.start = frame_at(number),
		.frames = frames,
		.segments = segments,
		.max_segments = ARRAY_SIZE(segments),
		.pages = notes,
	};
}

/* A range becomes one segment however it is described, and neighbours merge. */
static void ranges_become_segments(void)
{
	struct scheme_range first = range_at(3, 20), second = range_at(23, 9);

	holds_eq(scheme_pin_range(scheme, &first), 0);
	holds_eq(first.nr_segments, 1);
	holds(segments[0].start.addr == pfn_to_phys(frame_at(3)).addr);
	holds_eq(segments[0].length, 20 * PAGE_SIZE);
	second.nr_segments = 1;
	second.pages = notes + 20;
	holds_eq(scheme_pin_range(scheme, &second), 0);
	holds_eq(second.nr_segments, 1);
	holds_eq(segments[0].length, 29 * PAGE_SIZE);
	scheme_unpin_range(scheme, &first, SCHEME_CLEAN);
	scheme_unpin_range(scheme, &second, SCHEME_CLEAN);
}

TEST(schemes, ranges_become_segments)
{
	each_scheme(MEMORY_DRAM, ranges_become_segments);
}

/* Pins of all frames together. */
static long long all_pins(void)
{
	long long pins = 0;

	for (uint64_t i = 0; has(SCHEME_COUNTS) && i < scheme->frames; i++)
		pins += scheme_pins(scheme, frame_at(i));
	return pins;
}

/* A range that cannot be pinned as a whole leaves no pin and no segment behind. */
static void failed_ranges_leave_nothing(void)
{
	struct scheme_range none = range_at(0, 0);
	struct scheme_range outside = range_at(scheme->frames - 2, 3);
	struct scheme_range before = range_at(0, 1);
	struct scheme_range wraps = range_at(1, UINT64_MAX);
	struct scheme_range full = range_at(0, 4);

	before.start.n--;
	full.max_segments = 0;
	holds_eq(scheme_pin_range(scheme, &none), -EINVAL);
	holds_eq(scheme_pin_range(scheme, &outside), -ENOENT);
	holds_eq(scheme_pin_range(scheme, &before), -ENOENT);
	holds_eq(scheme_pin_range(scheme, &wraps), -ENOENT);
	holds_eq(scheme_pin_range(scheme, &full), -ENOSPC);
	holds_eq(none.nr_segments + outside.nr_segments + wraps.nr_segments + full.nr_segments, 0);
	holds_eq(all_pins(), 0);
}

TEST(schemes, failed_ranges_leave_nothing)
{
	each_scheme(MEMORY_DRAM, failed_ranges_leave_nothing);
}

/* What is copied through the segments of one range comes back through those of another: block I/O
 * by memcpy. It asks for no feature, so that every scheme has to do it. */
static void memcpy_works(void)
{
	static uint8_t out[3 * PAGE_SIZE], back[3 * PAGE_SIZE];
	struct scheme_range range = range_at(5, 3);

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)test_random();
	for (int direction = 0; direction < 2; direction++) {
		range.nr_segments = 0;
		holds_eq(scheme_pin_range(scheme, &range), 0);
		for (size_t i = 0, done = 0; i < range.nr_segments; done += segments[i++].length) {
			void *memory = host_virt(segments[i].start);

			memcpy(direction ? back + done : memory, direction ? memory : out + done,
			       segments[i].length);
		}
		scheme_unpin_range(scheme, &range, direction ? SCHEME_CLEAN : SCHEME_WRITTEN);
	}
	holds(memcmp(out, back, sizeof(out)) == 0);
}

TEST(schemes, memcpy_works)
{
	each_scheme(MEMORY_DRAM, memcpy_works);
}

/* The same in persistent memory that may be written. */
TEST(schemes, memcpy_works_in_persistent_memory)
{
	each_scheme(MEMORY_PERSISTENT, memcpy_works);
}

/* Pins are counted, one by one and those of a range, and are gone when they are returned. */
static void pins_are_counted(void)
{
	struct scheme_page *pages[3];
	struct scheme_range range = range_at(8, 4);

	for (int i = 0; i < 3; i++) {
		holds_eq(scheme_pins(scheme, frame_at(9)), with(SCHEME_COUNTS, i));
		pages[i] = pin_at(9);
	}
	holds_eq(scheme_pin_range(scheme, &range), 0);
	holds_eq(scheme_pins(scheme, frame_at(9)), with(SCHEME_COUNTS, 4));
	scheme_unpin_range(scheme, &range, SCHEME_CLEAN);
	for (int i = 3; i-- > 0;) {
		scheme_unpin(scheme, pages[i], i % 2 ? SCHEME_WRITTEN : SCHEME_CLEAN);
		holds_eq(scheme_pins(scheme, frame_at(9)), with(SCHEME_COUNTS, i));
	}
}

TEST(schemes, pins_are_counted)
{
	each_scheme(MEMORY_DRAM, pins_are_counted);
}

/* While a device works on a range, whoever wants one of its frames can see that it is in use. */
static void devices_are_seen(void)
{
	struct scheme_range range = range_at(40, 7);

	holds_eq(scheme_pin_range(scheme, &range), 0);
	for (uint64_t i = 40; i < 47; i++)
		holds((scheme_pins(scheme, frame_at(i)) > 0) == has(SCHEME_DEVICES));
	scheme_unpin_range(scheme, &range, SCHEME_CLEAN);
	holds_eq(all_pins(), 0);
}

TEST(schemes, devices_are_seen)
{
	each_scheme(MEMORY_DRAM, devices_are_seen);
}

/* A frame that somebody has pinned leads to its page, and its page back to the frame. */
static void pinned_frames_lead_to_pages(void)
{
	struct scheme_page *page = pin_at(77);
	struct scheme_page *found = scheme_find(scheme, frame_at(77));

	holds((found != NULL) == has(SCHEME_FIND));
	if (found)
		holds(pfn_eq(scheme_page_to_pfn(scheme, found), scheme_page_to_pfn(scheme, page)));
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

TEST(schemes, pinned_frames_lead_to_pages)
{
	each_scheme(MEMORY_DRAM, pinned_frames_lead_to_pages);
}

/* Of two users of one frame one has the lock, and the other has it afterwards. */
static void locks_exclude(void)
{
	struct scheme_page *mine = pin_at(11), *other = pin_at(11);

	holds_eq(scheme_trylock(scheme, mine), with(SCHEME_LOCKS, 0));
	holds_eq(scheme_trylock(scheme, other), with(SCHEME_LOCKS, -EBUSY));
	holds_eq(scheme_unlock(scheme, mine), with(SCHEME_LOCKS, 0));
	holds_eq(scheme_trylock(scheme, other), with(SCHEME_LOCKS, 0));
	holds_eq(scheme_unlock(scheme, other), with(SCHEME_LOCKS, 0));
	scheme_unpin(scheme, mine, SCHEME_CLEAN);
	scheme_unpin(scheme, other, SCHEME_CLEAN);
}

TEST(schemes, locks_exclude)
{
	each_scheme(MEMORY_DRAM, locks_exclude);
}

/* That a page was written is known until somebody takes the note away, whoever wrote it how. */
static void written_pages_are_known(void)
{
	struct scheme_range range = range_at(20, 2);
	struct scheme_page *page = pin_at(21);

	holds_eq(scheme_clear_dirty(scheme, page), with(SCHEME_DIRTY, 0));
	for (int twice = 0; twice < 2; twice++)
		holds_eq(scheme_mark_dirty(scheme, page), with(SCHEME_DIRTY, 0));
	scheme_unpin(scheme, page, SCHEME_CLEAN);
	page = pin_at(21);
	holds_eq(scheme_clear_dirty(scheme, page), with(SCHEME_DIRTY, 1));
	holds_eq(scheme_clear_dirty(scheme, page), with(SCHEME_DIRTY, 0));
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
	page = pin_at(21);
	holds_eq(scheme_clear_dirty(scheme, page), with(SCHEME_DIRTY, 1));
	holds_eq(scheme_pin_range(scheme, &range), 0);
	scheme_unpin_range(scheme, &range, SCHEME_WRITTEN);
	holds_eq(scheme_clear_dirty(scheme, page), with(SCHEME_DIRTY, 1));
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

TEST(schemes, written_pages_are_known)
{
	each_scheme(MEMORY_DRAM, written_pages_are_known);
}

/* A bad frame is pinned by nobody, alone or in a range, until it is repaired. */
static void bad_frames_stay_out(void)
{
	struct scheme_range range = range_at(30, 3);
	struct scheme_page *page;

	holds_eq(scheme_poison(scheme, frame_at(31)), with(SCHEME_BAD_FRAMES, 0));
	if (has(SCHEME_BAD_FRAMES)) {
		holds_eq(scheme_pin(scheme, frame_at(31), &page), -EIO);
		holds_eq(scheme_pin_range(scheme, &range), -EIO);
		holds_eq(range.nr_segments, 0);
		holds_eq(all_pins(), 0);
	}
	holds_eq(scheme_unpoison(scheme, frame_at(31)), with(SCHEME_BAD_FRAMES, 0));
	holds_eq(scheme_pin_range(scheme, &range), 0);
	scheme_unpin_range(scheme, &range, SCHEME_CLEAN);
	ground_mend();
}

TEST(schemes, bad_frames_stay_out)
{
	each_scheme(MEMORY_DRAM, bad_frames_stay_out);
}

/* What is bad or locked is 4 KiB, where a scheme works in those, and else what is beside it, too.
 */
static void small_pages_stand_alone(void)
{
	int alone = has(SCHEME_SMALL_PAGES) ? 0 : -EIO;
	struct scheme_page *mine, *other;

	if (scheme_poison(scheme, frame_at(60)) == 0) {
		int error = scheme_pin(scheme, frame_at(61), &other);

		holds_eq(error, alone);
		if (!error)
			scheme_unpin(scheme, other, SCHEME_CLEAN);
	}
	if (!has(SCHEME_SMALL_PAGES))
		(void)scheme_unpoison(scheme, frame_at(60));
	mine = pin_at(61);
	other = pin_at(62);
	holds_eq(scheme_trylock(scheme, mine), with(SCHEME_LOCKS, 0));
	holds_eq(scheme_trylock(scheme, other), with(SCHEME_LOCKS, alone ? -EBUSY : 0));
	(void)scheme_unlock(scheme, mine);
	if (!alone)
		(void)scheme_unlock(scheme, other);
	scheme_unpin(scheme, mine, SCHEME_CLEAN);
	scheme_unpin(scheme, other, SCHEME_CLEAN);
	(void)scheme_unpoison(scheme, frame_at(60));
	ground_mend();
}

TEST(schemes, small_pages_stand_alone)
{
	each_scheme(MEMORY_DRAM, small_pages_stand_alone);
}

/* Two owners of one frame are told apart, each with an index of its own. */
static void owners_are_told_apart(void)
{
	const struct scheme_owner owners[] = {{7, 100}, {8, 3}};
	struct scheme_page *pages[2] = {NULL, NULL};
	struct scheme_owner found = {0, 0};

	for (int i = 0; i < 2; i++)
		holds_eq(scheme_pin_as(scheme, frame_at(50), owners[i], &pages[i]),
			 with(SCHEME_OWNERS, 0));
	for (int i = 0; i < 2; i++) {
		holds_eq(scheme_owner(scheme, pages[i], &found), with(SCHEME_OWNERS, 0));
		if (!has(SCHEME_OWNERS))
			continue;
		holds_eq(found.mapping, owners[i].mapping);
		holds_eq(found.index, owners[i].index);
		holds(pfn_eq(scheme_page_to_pfn(scheme, pages[i]), frame_at(50)));
		scheme_unpin(scheme, pages[i], SCHEME_CLEAN);
	}
	holds_eq(all_pins(), 0);
}

TEST(schemes, owners_are_told_apart)
{
	each_scheme(MEMORY_DRAM, owners_are_told_apart);
}

/* What a scheme refuses it gives a reason for; that it keeps to its needs it says itself. */
static void needs_are_met(void)
{
	struct scheme_setup setup = {ground_start(), FRAMES, POOL};
	struct scheme_needs needs;
	struct scheme_usage usage;

	for (int feature = 0; feature < SCHEME_FEATURES; feature++) {
		const char *refusal = scheme_refusal(scheme, (enum scheme_feature)feature);

		holds(strlen(scheme_feature_name((enum scheme_feature)feature)) > 0);
		holds(!refusal || strlen(refusal) > 10);
	}
	scheme_needs(scheme->ops, &setup, &needs);
	scheme_usage(scheme, &usage);
	holds(needs.dram_bytes <= needs.dram_bytes_most);
	holds_eq(usage.medium_bytes, needs.medium_bytes);
	holds_eq(scheme->frames + needs.medium_bytes / PAGE_SIZE, FRAMES);
	holds_eq(scheme->start.n - ground_start().n, needs.medium_bytes / PAGE_SIZE);
	holds(usage.medium_written == 0 || needs.medium_bytes > 0);
	holds(usage.dram_bytes > 0);
}

TEST(schemes, needs_are_met)
{
	each_scheme(MEMORY_DRAM, needs_are_met);
}

static unsigned ended;

static void note_end(struct scheme *instance)
{
	ended += instance == scheme;
}

/* An instance is given back once, before the next one of the same ground begins. */
TEST(schemes, instances_are_ended)
{
	struct scheme_ops with_end = *schemes[0];

	ground_take(MEMORY_DRAM);
	ended = 0;
	scheme = ground_begin(schemes[0], FRAMES, POOL);
	with_end.end = note_end;
	scheme->ops = &with_end;
	expect_eq(ended, 0);
	(void)ground_begin(schemes[0], FRAMES, POOL);
	expect_eq(ended, 1);
}

enum { RACERS_ROUNDS = 2000, RACED = 4 };

/* Of each frame that CPUs race for: plain, since the page's lock guards it. */
static uint64_t guarded[RACED];
static _Atomic uint64_t turns[RACED];

/* Each CPU counts under the lock of one frame or another, if it gets that. */
static void race(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < RACERS_ROUNDS; i++) {
		unsigned number = (i + host_cpu()) % RACED;
		struct scheme_page *page = pin_at(number);

		if (!page)
			return;
		if (scheme_trylock(scheme, page) == 0) {
			guarded[number]++;
			atomic_fetch_add(&turns[number], 1);
			holds_eq(scheme_unlock(scheme, page), 0);
		}
		scheme_unpin(scheme, page, i % 2 ? SCHEME_CLEAN : SCHEME_WRITTEN);
	}
}

/* On all CPUs at once no pin is lost, and a lock lets one in at a time. */
TEST(schemes, cpus_meet_in_pages)
{
	ground_take(MEMORY_DRAM);
	for (size_t i = 0; i < nr_schemes; i++) {
		uint64_t sum = 0;

		/* Each CPU keeps some of the pool at hand. */
		scheme = ground_begin(schemes[i], FRAMES, POOL * host_cpus());
		memset(guarded, 0, sizeof(guarded));
		memset((void *)turns, 0, sizeof(turns));
		host_on_each_cpu(race, NULL);
		for (unsigned number = 0; number < RACED; number++) {
			holds_eq(guarded[number], atomic_load(&turns[number]));
			sum += guarded[number];
		}
		holds((sum > 0) == has(SCHEME_LOCKS));
		holds_eq(all_pins(), 0);
	}
}
