/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame allocator and what is not its own: memory that others hold, or that nobody has. */
#include <errno.h>

#include "mm/frame_alloc.h"
#include "mm/page_map.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

/* Memory is not taken back as an area that begins elsewhere, nor a frame of a free area. */
TEST(alloc, unaligned_frees_are_refused)
{
	pfn_t area;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	expect_eq(frame_free(pfn_add(area, 1), AREA_SIZE), -EINVAL);
	expect_eq(frame_free(area, AREA_SIZE), 0);
	frame_alloc_flush();
	expect_eq(frame_free(pfn_add(area, 1), PAGE_SIZE), -EINVAL);
}

/* What is pinned stays allocated, in whatever size it is given back. */
TEST(alloc, pinned_memory_is_not_given_back)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	expect_eq(frame_free(area, AREA_SIZE), -EBUSY);
	expect_eq(frame_free(pfn_add(area, 1), PAGE_SIZE), -EBUSY);
	for (unsigned i = 1; i < PAGE_PINS_MAX; i++)
		require(page_pin(area) == page);
	expect_eq(frame_free(area, AREA_SIZE), -EBUSY);
	for (unsigned i = 0; i < PAGE_PINS_MAX; i++)
		page_unpin(page);
	require(page_split(area) == 0);
	page = test_pin(pfn_add(area, 1));
	expect_eq(frame_free(area, AREA_SIZE), -EBUSY);
	expect_eq(frame_free(pfn_add(area, 1), PAGE_SIZE), -EBUSY);
	page_unpin(page);
	expect(test_look(area).allocated);
}

/* The frames of one row, and what takes the rest of it into use. */
static struct page *row_pins[PAGES_PER_ROW];

static void pin_row(pfn_t row)
{
	for (size_t i = 0; i < PAGES_PER_ROW; i++)
		row_pins[i] = page_pin(pfn_add(row, i));
}

static void unpin_row(void)
{
	for (size_t i = 0; i < PAGES_PER_ROW; i++)
		if (row_pins[i])
			page_unpin(row_pins[i]);
}

/* Frames at hand that somebody pinned meanwhile are not handed out. */
TEST(alloc, pinned_frames_at_hand_are_passed_over)
{
	pfn_t first, second;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &first) == 0);
	pin_row(pfn(first.n & ~(uint64_t)(PAGES_PER_ROW - 1)));
	page_unpin(row_pins[first.n % PAGES_PER_ROW]);
	row_pins[first.n % PAGES_PER_ROW] = NULL;
	require(frame_free(first, PAGE_SIZE) == 0);
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &second), 0);
	expect(pfn_eq(first, second));
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &second), 0);
	expect((first.n ^ second.n) >= PAGES_PER_ROW);
	unpin_row();
	expect_eq(frame_free(first, PAGE_SIZE), 0);
	expect_eq(frame_free(second, PAGE_SIZE), 0);
	frame_alloc_flush();
	(void)!page_collapse(first);
}

/* The last frame of a row at hand, too, is left to whoever pinned it. */
TEST(alloc, pinned_anchor_is_passed_over)
{
	enum { FRAMES_MAX = 4096 };
	static pfn_t frames[FRAMES_MAX];
	size_t nr = 0, of_row = 0;
	uint64_t missing = 0;
	struct page *page;
	pfn_t other;

	/* Rows that are in use in part come first; then one of which all but the last is had. */
	while (of_row < PAGES_PER_ROW - 1) {
		require(nr < FRAMES_MAX &&
			frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[nr]) == 0);
		if (nr == 0 || frames[nr].n / PAGES_PER_ROW != frames[nr - 1].n / PAGES_PER_ROW) {
			of_row = 0;
			missing = PAGES_PER_ROW * (PAGES_PER_ROW - 1) / 2;
		}
		of_row++;
		missing -= frames[nr++].n % PAGES_PER_ROW;
	}
	page = test_pin(pfn(frames[nr - 1].n / PAGES_PER_ROW * PAGES_PER_ROW + missing));
	expect_eq(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &other), 0);
	expect(!pfn_eq(other, page_to_pfn(page)));
	page_unpin(page);
	expect_eq(frame_free(other, PAGE_SIZE), 0);
	while (nr > 0)
		expect_eq(frame_free(frames[--nr], PAGE_SIZE), 0);
	frame_alloc_flush();
	(void)!page_collapse(page_to_pfn(page));
}

/* An area at hand that somebody pinned meanwhile is not handed out. */
TEST(alloc, pinned_area_at_hand_is_passed_over)
{
	struct page *page;
	pfn_t first, second;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &first) == 0);
	require(frame_free(first, AREA_SIZE) == 0);
	page = test_pin(first);
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &second) == 0);
	expect(!pfn_eq(first, second));
	page_unpin(page);
	expect_eq(frame_free(second, AREA_SIZE), 0);
}

/* Nor is one of another node than was asked for. */
TEST(alloc, area_at_hand_of_another_node_is_passed_over)
{
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		const struct region *region = NULL;

		while ((region = next_region(region, (enum memory_kind)kind))) {
			pfn_t area;

			if (region_bytes(region) < 2 * AREA_SIZE)
				continue;
			/* The second time the first region's is at hand. */
			for (int i = 0; i < 2; i++) {
				require(frame_alloc(region->kind, region->node, AREA_SIZE, &area) ==
					0);
				expect_eq(pfn_to_region(area)->node, region->node);
				expect_eq(frame_free(area, AREA_SIZE), 0);
			}
		}
	}
}

/* An area at hand becomes free though others split it, or hold a page of it. */
TEST(alloc, area_at_hand_is_given_back_in_any_size)
{
	pfn_t area;
	struct page *page;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	require(page_split(area) == 0);
	frame_alloc_flush();
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(!test_look(area).allocated);

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	require(page_split(area) == 0);
	page = test_pin(pfn_add(area, 5));
	frame_alloc_flush();
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect(!test_look(pfn_add(area, i)).allocated);
	page_unpin(page);
	expect_eq(page_collapse(area), 0);
}

/* The allocator's own calls, too, know the frames that nobody has. */
TEST(alloc, frames_that_nobody_has_are_refused)
{
	pfn_t nowhere = pfn(PFN_LIMIT - PAGES_PER_AREA);

	if (area_word(nowhere))
		skip("this machine has memory up to the limit");
	expect(page_allocate_area(nowhere) != 0);
	expect_eq(page_row_hint(nowhere), 0);
	expect(!page_area_hint(nowhere));
}

/* Bytes for one region of DRAM that begins at 0. */
static size_t state_for(uint64_t frames)
{
	const struct region region = {.start = pfn(0), .end = pfn(frames)};

	return frame_alloc_size(&region, 1);
}

/* A CPU keeps more rows at hand where there is more memory, up to a limit; then two bits an area.
 */
TEST(alloc, state_grows_with_memory)
{
	const uint64_t gib = 1 << 18, tib = gib << 10;

	expect(state_for(gib) < state_for(64 * gib));
	expect_eq(state_for(33 * tib) - state_for(32 * tib), tib / PAGES_PER_AREA * 2 / 8);
}
