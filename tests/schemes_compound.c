/* SPDX-License-Identifier: BSD-2-Clause */
/* Compound pages: one head for 2 MiB, and as many tails as Linux keeps. */
#include "mm/schemes/compound.h"

#include <errno.h>
#include <string.h>

#include "mm/host.h"
#include "tests/test.h"

enum { AREAS = 4, START = 3 * PAGES_PER_AREA, FRAMES = AREAS * PAGES_PER_AREA, ROOM = 65536 };

/* Descriptors are all that is touched: the run that they describe need not be there. */
static const struct scheme_setup setup = {.start = {START}, .frames = FRAMES};
static char dram[ROOM] __attribute__((aligned(PAGE_SIZE)));

static const struct variant {
	const struct scheme_ops *ops;
	unsigned kept; /* of an area's descriptors */
} variants[] = {{&compound_scheme, 128}, {&compound_hvo_scheme, 64}};

static struct scheme *begin(const struct variant *variant)
{
	struct scheme_needs needs;
	struct scheme *scheme;

	scheme_needs(variant->ops, &setup, &needs);
	require(needs.dram_bytes <= sizeof(dram));
	memset(dram, 0, sizeof(dram));
	scheme = scheme_begin(variant->ops, &setup, dram);
	require(scheme != NULL);
	return scheme;
}

/* Of 1 TiB they take what Linux takes: two frames of descriptors for 2 MiB, or one. */
TEST(schemes_compound, takes_what_linux_takes)
{
	struct scheme_setup tib = {.start = pfn(0), .frames = ((uint64_t)1 << 40) / PAGE_SIZE};
	struct scheme_needs needs;

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		scheme_needs(variants[i].ops, &tib, &needs);
		expect_eq(needs.dram_bytes, ((uint64_t)variants[i].kept << 25) + 64);
		expect_eq(needs.dram_bytes_most, needs.dram_bytes);
		expect_eq(needs.medium_bytes, 0);
	}
}

/* Every frame has a descriptor that leads to the head of its area; no more are kept than said, and
 * nothing lies behind them. */
TEST(schemes_compound, tails_lead_to_their_head)
{
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		struct scheme *scheme = begin(&variants[i]);
		struct scheme_usage usage;

		scheme_usage(scheme, &usage);
		for (uint64_t frame = 0; frame < FRAMES; frame++) {
			pfn_t area = pfn_add(scheme->start, align_down(frame, PAGES_PER_AREA));
			struct flat_page *first = compound_page(scheme, area);
			struct flat_page *page =
				compound_page(scheme, pfn_add(scheme->start, frame));

			expect(page - first >= 0 && page - first < variants[i].kept);
			expect(frame % PAGES_PER_AREA >= variants[i].kept ||
			       page == first + frame % PAGES_PER_AREA);
			expect(compound_head(page) == first);
			expect((char *)(page + 1) <= dram + usage.dram_bytes);
			expect(scheme_find(scheme, pfn_add(scheme->start, frame)) ==
			       flat_handle(first));
		}
	}
}

static struct scheme_range range_of(struct scheme *scheme, uint64_t first, uint64_t frames)
{
	static struct segment segment;

	return (struct scheme_range){.start = pfn_add(scheme->start, first),
				     .frames = frames,
				     .segments = &segment,
				     .max_segments = 1};
}

/* A range changes each head once, whatever it has of its area, and no other. */
TEST(schemes_compound, ranges_pin_heads)
{
	/* The first and the last frame, and the areas that they are in. */
	static const unsigned ranges[][4] = {
		{0, 511, 0, 0},     {511, 512, 0, 1}, {512, 1023, 1, 1},  {100, 100, 0, 0},
		{1535, 1535, 2, 2}, {1, 2047, 0, 3},  {1024, 1536, 2, 3},
	};

	for (size_t i = 0; i < ARRAY_SIZE(variants) * ARRAY_SIZE(ranges); i++) {
		struct scheme *scheme = begin(&variants[i % ARRAY_SIZE(variants)]);
		const unsigned *of = ranges[i / ARRAY_SIZE(variants)];
		struct scheme_range range = range_of(scheme, of[0], of[1] - of[0] + 1);

		for (unsigned changes = 1; changes <= 2; changes++) {
			if (changes == 1)
				expect_eq(scheme_pin_range(scheme, &range), 0);
			else
				scheme_unpin_range(scheme, &range, SCHEME_WRITTEN);
			for (unsigned area = 0; area < AREAS; area++) {
				pfn_t frame = pfn_add(scheme->start, area * PAGES_PER_AREA + 7);
				struct flat_page *head =
					compound_head(compound_page(scheme, frame));
				bool in = area >= of[2] && area <= of[3];
				uint64_t word = atomic_load(&head->word);

				expect_eq(frame_word_changes(word), in ? changes : 0);
				expect_eq(scheme_pins(scheme, frame), in && changes == 1);
				expect_eq(!!(word & FRAME_DIRTY), in && changes == 2);
			}
		}
	}
}

/* A bad frame takes its 2 MiB out of use, and a range that has some of them; another area does not
 * know of it. Repair of any frame brings all back. */
TEST(schemes_compound, bad_frames_cost_an_area)
{
	struct scheme *scheme = begin(&variants[0]);
	struct scheme_range range = range_of(scheme, 200, 700);
	struct scheme_page *page;

	expect_eq(scheme_poison(scheme, pfn_add(scheme->start, 600)), 0);
	expect_eq(scheme_pin(scheme, pfn_add(scheme->start, 512), &page), -EIO);
	expect_eq(scheme_pin(scheme, pfn_add(scheme->start, 1023), &page), -EIO);
	expect_eq(scheme_pin_range(scheme, &range), -EIO);
	expect_eq(scheme_pins(scheme, scheme->start), 0);
	expect_eq(scheme_pin(scheme, pfn_add(scheme->start, 511), &page), 0);
	expect_eq(scheme_unpoison(scheme, pfn_add(scheme->start, 601)), 0);
	expect_eq(scheme_pin(scheme, pfn_add(scheme->start, 512), &page), 0);
	expect_eq(scheme_page_size(scheme, page), AREA_SIZE);
	expect_eq(scheme_page_to_pfn(scheme, page).n, START + 512);
}

/* A run that does not begin and end at 2 MiB has no compound pages. */
TEST(schemes_compound, runs_are_whole_areas)
{
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		struct scheme_setup late = {.start = {START + 1}, .frames = FRAMES};
		struct scheme_setup more = {.start = {START}, .frames = FRAMES + 1};

		expect(scheme_begin(variants[i].ops, &late, dram) == NULL);
		expect(scheme_begin(variants[i].ops, &more, dram) == NULL);
	}
}
