/* SPDX-License-Identifier: BSD-2-Clause */
/* What is special about the schemes with a descriptor for each frame, and about the one with none.
 */
#include <errno.h>
#include <string.h>

#include "mm/schemes/flat.h"
#include "mm/schemes/page_less.h"
#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum { FRAMES = 64, MANY = 1000 };

/* A descriptor has 64 bytes, from the beginning, whether or not anybody does I/O. */
TEST(schemes_flat, takes_64_bytes_a_frame)
{
	struct scheme_setup tib = {.start = pfn(0), .frames = ((uint64_t)1 << 40) / PAGE_SIZE};
	struct scheme_needs needs;

	scheme_needs(&flat_scheme, &tib, &needs);
	expect_eq(needs.dram_bytes, ((uint64_t)16 << 30) + 64);
	expect_eq(needs.dram_bytes_most, needs.dram_bytes);
	expect_eq(needs.medium_bytes, 0);
}

/* A frame that holds as many pins as fit takes no more, and loses none. */
TEST(schemes_flat, full_count_is_refused)
{
	struct scheme_page *page;
	struct scheme *scheme;
	struct flat_page *flat;

	ground_take(MEMORY_DRAM);
	scheme = ground_begin(&flat_scheme, FRAMES, 0);
	require(scheme_pin(scheme, scheme->start, &page) == 0);
	flat = flat_page(scheme, scheme->start);
	atomic_fetch_add(&flat->word, (FRAME_PINS_MAX - 1) * FRAME_ONE_PIN);
	for (unsigned i = 0; i < 2; i++)
		expect_eq(scheme_pin(scheme, scheme->start, &page), -EOVERFLOW);
	expect_eq(scheme_pins(scheme, scheme->start), FRAME_PINS_MAX);
	scheme_unpin(scheme, page, SCHEME_CLEAN);
	expect_eq(scheme_pin(scheme, scheme->start, &page), 0);
}

/* Every store to a descriptor is counted, and what changes nothing is none. */
TEST(schemes_flat, changes_are_counted)
{
	struct scheme_page *page;
	struct scheme *scheme;

	ground_take(MEMORY_DRAM);
	scheme = ground_begin(&flat_scheme, FRAMES, 0);
	expect_eq(flat_changes(scheme), 0);
	require(scheme_pin(scheme, scheme->start, &page) == 0);
	expect_eq(flat_changes(scheme), 1);
	expect_eq(scheme_trylock(scheme, page), 0);
	expect_eq(scheme_trylock(scheme, page), -EBUSY);
	expect_eq(flat_changes(scheme), 2);
	expect_eq(scheme_mark_dirty(scheme, page), 0);
	expect_eq(scheme_mark_dirty(scheme, page), 0);
	expect_eq(scheme_unlock(scheme, page), 0);
	expect_eq(flat_changes(scheme), 4);
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
	expect_eq(flat_changes(scheme), 5);
	/* A pin that is refused was stored and taken back. */
	expect_eq(scheme_poison(scheme, scheme->start), 0);
	expect_eq(scheme_pin(scheme, scheme->start, &page), -EIO);
	expect_eq(flat_changes(scheme), 8);
	expect_eq(scheme_pins(scheme, scheme->start), 0);
}

/*
 * Without descriptors a pin leaves no trace: the pages of two users of a frame are the same, and
 * not a byte that the scheme has is another than before. So nobody, whatever code is written, can
 * tell from it that there is one user, two or none: not to serialise them, not to count them, not
 * to keep the frame from being freed, and not to know that one of them wrote.
 */
TEST(schemes_page_less, pin_leaves_no_trace)
{
	struct scheme_page *first, *second;
	struct scheme before;
	struct scheme *scheme;

	ground_take(MEMORY_DRAM);
	scheme = ground_begin(&page_less_scheme, FRAMES, 0);
	memcpy(&before, scheme, sizeof(before));
	for (unsigned i = 0; i < MANY; i++) {
		pfn_t frame = pfn_add(scheme->start, test_random_below(FRAMES));

		require(scheme_pin(scheme, frame, &first) == 0);
		require(scheme_pin(scheme, frame, &second) == 0);
		expect(first == second);
		expect((uintptr_t)first & PAGE_LESS_DEVICE);
		scheme_unpin(scheme, first, SCHEME_WRITTEN);
		expect(memcmp(&before, scheme, sizeof(before)) == 0);
	}
}

/* Whatever it describes, it takes the bytes of the instance and no other. */
TEST(schemes_page_less, takes_no_metadata)
{
	struct scheme_setup most = {.start = pfn(0), .frames = PFN_LIMIT};
	struct scheme_needs needs;

	scheme_needs(&page_less_scheme, &most, &needs);
	expect_eq(needs.dram_bytes_most, sizeof(struct scheme));
	expect_eq(needs.medium_bytes, 0);
}
