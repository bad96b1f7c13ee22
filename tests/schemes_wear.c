/* SPDX-License-Identifier: BSD-2-Clause */
/* Two levels on a medium that wears: which frames are bad is all that is stored there, and lasts.
 */
#include "mm/schemes/two_level_wear.h"

#include <errno.h>
#include <string.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/schemes/bad_record.h"
#include "tests/harness/memory.h"
#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum { FRAMES = PAGES_PER_AREA, A = 31, EACH = 4 };

static struct scheme *scheme;

static uint64_t *medium(void)
{
	return ground_virt(ground_start());
}

static pfn_t frame_at(uint64_t number)
{
	return pfn_add(scheme->start, number);
}

static struct scheme_usage usage(void)
{
	struct scheme_usage now;

	scheme_usage(scheme, &now);
	return now;
}

/* The record of an earlier test is not of interest. */
static void begin_without_record(enum memory_kind kind)
{
	ground_take(kind);
	memset(medium(), 0, PAGE_SIZE);
	scheme = ground_begin(&two_level_wear_scheme, FRAMES, 0);
	expect_eq(usage().medium_written, PAGE_SIZE + 8);
}

/* After a restart the page map knows of no bad frame. */
static void restart(void)
{
	ground_end();
	for (uint64_t i = 0; i < FRAMES; i++)
		expect_eq(page_unpoison(pfn_add(ground_start(), i)), 0);
	ground_mend();
	scheme = ground_begin(&two_level_wear_scheme, FRAMES, 0);
	expect_eq(usage().medium_written, 0);
}

static bool is_out_of_use(uint64_t number)
{
	struct scheme_page *page;
	int error = scheme_pin(scheme, frame_at(number), &page);

	if (!error)
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	return error == -EIO;
}

static void expect_bad_frames_last(enum memory_kind kind)
{
	begin_without_record(kind);
	expect_eq(scheme_poison(scheme, frame_at(A)), 0);
	expect_eq(scheme_poison(scheme, frame_at(0)), 0);
	expect_eq(scheme_poison(scheme, frame_at(scheme->frames - 1)), 0);
	restart();
	for (uint64_t i = 0; i < scheme->frames; i++)
		expect(is_out_of_use(i) == (i == A || i == 0 || i == scheme->frames - 1));
	expect_eq(scheme_unpoison(scheme, frame_at(0)), 0);
	expect_eq(scheme_unpoison(scheme, frame_at(scheme->frames - 1)), 0);
	restart();
	for (uint64_t i = 0; i < scheme->frames; i++)
		expect(is_out_of_use(i) == (i == A));
	expect_eq(scheme_unpoison(scheme, frame_at(A)), 0);
	restart();
	expect(!is_out_of_use(A));
}

/* A later begin() takes the frames out of use that are bad, and no others. */
TEST(schemes_wear, bad_frames_last)
{
	expect_bad_frames_last(MEMORY_DRAM);
}

/* The same in persistent memory that may be written. */
TEST(schemes_wear, bad_frames_last_in_persistent_memory)
{
	expect_bad_frames_last(MEMORY_PERSISTENT);
}

/* What is known already stores nothing; what is new stores one word. */
TEST(schemes_wear, changes_are_one_word)
{
	begin_without_record(MEMORY_DRAM);
	expect_eq(scheme_poison(scheme, frame_at(A)), 0);
	expect_eq(scheme_poison(scheme, frame_at(A)), 0);
	expect_eq(usage().medium_stores, 1);
	expect_eq(scheme_unpoison(scheme, frame_at(A + 1)), 0);
	expect_eq(usage().medium_stores, 1);
	expect_eq(scheme_unpoison(scheme, frame_at(A)), 0);
	expect_eq(usage().medium_stores, 2);
	expect_eq(usage().medium_written, PAGE_SIZE + 8 + 2 * 8);
	ground_mend();
}

/* A shorter run leaves alone what the record says of frames behind it. */
TEST(schemes_wear, other_frames_stay_recorded)
{
	begin_without_record(MEMORY_DRAM);
	expect_eq(scheme_poison(scheme, frame_at(300)), 0);
	ground_end();
	expect_eq(page_unpoison(frame_at(300)), 0);
	ground_mend();
	scheme = ground_begin(&two_level_wear_scheme, 200, 0);
	expect(test_look(frame_at(300)).size == AREA_SIZE);
	restart();
	expect(is_out_of_use(300));
	expect_eq(scheme_unpoison(scheme, frame_at(300)), 0);
	ground_mend();
}

static bool can_begin(void)
{
	static union {
		char bytes[8 * 1024];
		uint64_t words;
	} dram;
	struct scheme_setup setup = {ground_start(), FRAMES, 0};
	struct scheme_needs needs;

	scheme_needs(&two_level_wear_scheme, &setup, &needs);
	require(needs.given_bytes <= sizeof(dram));
	memset(&dram, 0, sizeof(dram));
	return scheme_begin(&two_level_wear_scheme, &setup, &dram) != NULL;
}

/* Any bit of a record that is another, and any word that is lost or in another's place, is seen. */
TEST(schemes_wear, damage_is_refused)
{
	static uint64_t good[BAD_RECORD_WORDS];

	begin_without_record(MEMORY_DRAM);
	expect_eq(scheme_poison(scheme, frame_at(A)), 0);
	expect_eq(scheme_unpoison(scheme, frame_at(A)), 0);
	ground_mend();
	ground_end();
	memcpy(good, medium(), sizeof(good));
	require(can_begin());
	for (size_t word = 0; word < BAD_RECORD_WORDS; word++) {
		size_t other = word ^ 1;

		for (unsigned bit = 0; bit < 64; bit++) {
			medium()[word] = good[word] ^ (uint64_t)1 << bit;
			if (can_begin())
				fail("bit %u of word %zu is another, and it is taken", bit, word);
			medium()[word] = good[word];
		}
		medium()[word] = 0;
		expect(!can_begin());
		medium()[word] = good[other];
		medium()[other] = good[word];
		expect(!can_begin());
		medium()[word] = good[word];
		medium()[other] = good[other];
	}
	expect(can_begin());
	expect(memcmp(good, medium(), sizeof(good)) == 0);
}

/* A record without its magic is told from what has a few good slots by chance. */
TEST(schemes_wear, records_are_known_without_magic)
{
	static uint64_t good[BAD_RECORD_WORDS];

	begin_without_record(MEMORY_DRAM);
	ground_end();
	memcpy(good, medium(), sizeof(good));
	for (size_t slots = 0; slots < 8; slots++) {
		memset(medium(), 0, PAGE_SIZE);
		memcpy(medium() + 1, good + 1, slots * sizeof(good[0]));
		expect_eq(can_begin(), slots <= 3);
		expect_eq(medium()[0] == BAD_RECORD_MAGIC, slots <= 3);
	}
}

/* What was never a record, or never became one, is made one anew. */
TEST(schemes_wear, other_contents_are_no_record)
{
	ground_take(MEMORY_DRAM);
	for (unsigned i = 0; i < 100; i++) {
		for (size_t word = 0; word < BAD_RECORD_WORDS; word++)
			medium()[word] = i < 2 ? -(uint64_t)i : test_random();
		expect(can_begin());
		expect(medium()[0] == BAD_RECORD_MAGIC);
	}
	/* The power failed while it was made: some slots are there. */
	for (size_t word = 0; word < BAD_RECORD_WORDS; word += 3)
		medium()[word] = 0;
	medium()[0] = BAD_RECORD_MAKING;
	expect(can_begin());
	expect(medium()[0] == BAD_RECORD_MAGIC);
}

static struct bad_record record;

/* As many frames as there are slots are known; one more is refused, and there is room afterwards.
 */
TEST(schemes_wear, records_fill_up)
{
	uint64_t frame;

	ground_take(MEMORY_DRAM);
	memset(medium(), 0, PAGE_SIZE);
	require(bad_record_begin(&record, medium()) == 0);
	for (uint64_t i = 0; i < BAD_RECORD_SLOTS; i++)
		expect_eq(bad_record_add(&record, i == 7 ? PFN_LIMIT - 1 : i), 0);
	expect_eq(bad_record_add(&record, 5), 0);
	expect_eq(bad_record_add(&record, 7), -ENOSPC);
	bad_record_remove(&record, PFN_LIMIT - 1);
	expect_eq(bad_record_add(&record, 7), 0);
	require(bad_record_begin(&record, medium()) == 0);
	for (size_t slot = 1; slot <= BAD_RECORD_SLOTS; slot++)
		expect(bad_record_frame(&record, slot, &frame) && frame < BAD_RECORD_SLOTS);
	memset(medium(), 0, PAGE_SIZE);
}

static void poison_and_heal(void *unused)
{
	uint64_t first = 8 + (uint64_t)EACH * host_cpu();

	(void)unused;
	for (uint64_t i = first; i < first + EACH; i++)
		expect_eq(scheme_poison(scheme, frame_at(i)), 0);
	for (uint64_t i = first + 1; i < first + EACH; i++)
		expect_eq(scheme_unpoison(scheme, frame_at(i)), 0);
	expect_eq(scheme_poison(scheme, frame_at(0)), 0);
}

/* Of what CPUs find and repair at the same time nothing is lost or twice in the record. */
TEST(schemes_wear, cpus_share_a_record)
{
	unsigned cpus = host_cpus() < 64 ? host_cpus() : 64;
	uint64_t stores;

	if (host_cpus() > cpus)
		skip("there are more CPUs than frames for them");
	begin_without_record(MEMORY_DRAM);
	host_on_each_cpu(poison_and_heal, NULL);
	stores = (2 * EACH - 1) * (uint64_t)cpus + 1;
	expect_eq(usage().medium_stores, stores);
	restart();
	expect(is_out_of_use(0));
	for (uint64_t i = 0; i < (uint64_t)EACH * cpus; i++)
		expect(is_out_of_use(8 + i) == (i % EACH == 0));
	for (uint64_t i = 0; i < scheme->frames; i++)
		expect_eq(scheme_unpoison(scheme, frame_at(i)), 0);
	ground_mend();
}
