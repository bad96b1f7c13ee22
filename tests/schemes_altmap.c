/* SPDX-License-Identifier: BSD-2-Clause */
/* What descriptors store, and where: nothing in the data, and on the medium all that is counted. */
#include "mm/schemes/altmap.h"

#include <errno.h>
#include <string.h>

#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum { FRAMES = PAGES_PER_AREA, POOL = 16, OPERATIONS = 300 };

static struct scheme *scheme;

/* Pins, locks and notes, as I/O has them. Returns how many changes a descriptor sees. */
static unsigned use_frames(void)
{
	unsigned changes = 0;

	for (unsigned i = 0; i < OPERATIONS; i++) {
		pfn_t frame = pfn_add(scheme->start, test_random_below(scheme->frames));
		struct scheme_page *page;

		require(scheme_pin(scheme, frame, &page) == 0);
		changes += 2;
		if (i % 3 == 0 && scheme_trylock(scheme, page) == 0) {
			(void)scheme_unlock(scheme, page);
			changes += 2;
		}
		if (i % 5 == 0) {
			(void)scheme_mark_dirty(scheme, page);
			(void)scheme_clear_dirty(scheme, page);
			changes += 2;
		}
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	}
	return changes;
}

/* No scheme keeps anything of its own in the data: not a byte of it is another after I/O. */
TEST(schemes_altmap, data_is_left_alone)
{
	ground_take(MEMORY_DRAM);
	for (size_t i = 0; i < nr_schemes; i++) {
		const uint8_t *data;
		size_t bytes;

		ground_end();
		memset(ground_virt(ground_start()), 0x5a, AREA_SIZE);
		scheme = ground_begin(schemes[i], FRAMES, POOL);
		data = ground_virt(scheme->start);
		bytes = scheme->frames * PAGE_SIZE;
		(void)use_frames();
		if (data[0] != 0x5a || memcmp(data, data + 1, bytes - 1) != 0)
			fail("%s: stores to the data", scheme->ops->name);
	}
}

/* The descriptors are in the run itself and describe what is left of it; no frame is
 * reserved that is not needed. */
TEST(schemes_altmap, takes_from_the_run)
{
	struct scheme_needs needs;
	struct scheme none;

	for (uint64_t frames = 1; frames < 1000; frames++) {
		struct scheme_setup setup = {.start = pfn(0), .frames = frames};
		uint64_t taken;

		scheme_needs(&altmap_scheme, &setup, &needs);
		taken = needs.medium_bytes / PAGE_SIZE;
		/* One frame has descriptors for 64. */
		expect(taken * 65 >= frames && (taken - 1) * 65 < frames);
		if (frames == 1)
			expect(scheme_begin(&altmap_scheme, &setup, &none) == NULL);
	}
	expect(needs.dram_bytes < 100);
}

static void expect_wear(enum memory_kind kind)
{
	struct scheme_usage before, after;
	unsigned changes;

	ground_take(kind);
	scheme = ground_begin(&altmap_scheme, FRAMES, 0);
	scheme_usage(scheme, &before);
	/* What was there is cleared, and that is all. */
	expect_eq(before.medium_stores, 0);
	expect_eq(before.medium_written, before.medium_bytes);
	changes = use_frames();
	scheme_usage(scheme, &after);
	expect_eq(after.medium_stores, changes);
	expect_eq(after.medium_written - before.medium_written, 8 * changes);
}

/* Each change of a descriptor is one store of 8 bytes to the medium, and is counted. */
TEST(schemes_altmap, stores_to_the_medium_are_counted)
{
	expect_wear(MEMORY_DRAM);
}

/* The same in persistent memory that may be written, where the count means wear. */
TEST(schemes_altmap, works_in_persistent_memory)
{
	expect_wear(MEMORY_PERSISTENT);
}

/* Who keeps descriptors in DRAM stores nothing to the medium. */
TEST(schemes_altmap, others_do_not_wear)
{
	ground_take(MEMORY_DRAM);
	for (size_t i = 0; i < nr_schemes; i++) {
		struct scheme_usage usage;

		scheme = ground_begin(schemes[i], FRAMES, POOL);
		(void)use_frames();
		scheme_usage(scheme, &usage);
		if (usage.medium_bytes == 0)
			expect_eq(usage.medium_stores + usage.medium_written, 0);
	}
}
