/* SPDX-License-Identifier: BSD-2-Clause */
/* Page descriptors: what holds of one page, whole and split, in every kind of memory. */
#include "mm/page.h"

#include <errno.h>

#include "mm/frame_alloc.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

static void split(pfn_t area)
{
	require(page_split(area) == 0);
}

static void collapse(pfn_t area)
{
	require(page_collapse(area) == 0);
}

static void whole_area_is_one_page(pfn_t area)
{
	struct page *page = pfn_to_page(area);

	expect_eq(page_size(page), AREA_SIZE);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		require(pfn_to_page(pfn_add(area, i)) == page);
	expect(pfn_eq(page_to_pfn(page), area));
}

/* A whole area is one page of 2 MiB, whichever of its frames one asks for. */
TEST(page, whole_area_is_one_page)
{
	with_each_kind(whole_area_is_one_page);
}

static void split_keeps_every_frame(pfn_t area)
{
	split(area);
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		struct page *page = pfn_to_page(pfn_add(area, i));

		expect_eq(page_size(page), PAGE_SIZE);
		expect(pfn_eq(page_to_pfn(page), pfn_add(area, i)));
	}
	collapse(area);
	whole_area_is_one_page(area);
}

/* Splitting an area changes the size of its pages and nothing else; collapsing restores it. */
TEST(page, split_keeps_every_frame)
{
	with_each_kind(split_keeps_every_frame);
}

/* The CPU refuses to follow what is not canonical: bits 63 to 47 are not all alike. */
static bool is_canonical(const struct page *page)
{
	intptr_t address = (intptr_t)page;

	return (intptr_t)((uintptr_t)address << 16) >> 16 == address;
}

static void handle_is_no_address(pfn_t area)
{
	expect(!is_canonical(pfn_to_page(area)));
	split(area);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect(!is_canonical(pfn_to_page(pfn_add(area, i))));
	collapse(area);
}

/* Who follows a handle is caught at once, whatever the page and its size. */
TEST(page, handle_is_no_address)
{
	expect(is_canonical(NULL));
	with_each_kind(handle_is_no_address);
}

/* Asking for a size that the area has already is no error. */
TEST(page, split_and_collapse_are_idempotent)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	expect_eq(page_collapse(area), 0);
	split(area);
	expect_eq(page_split(area), 0);
	collapse(area);
}

static void pin_keeps_the_size(pfn_t area)
{
	struct page *page = test_pin(pfn_add(area, 17));

	expect_eq(page_size(page), AREA_SIZE);
	expect_eq(page_split(area), -EBUSY);
	page_unpin(page);

	split(area);
	page = test_pin(pfn_add(area, 511));
	expect_eq(page_size(page), PAGE_SIZE);
	expect_eq(page_collapse(area), -EBUSY);
	page_unpin(page);
	collapse(area);
}

/* While a page is pinned it is neither split nor collapsed. */
TEST(page, pin_keeps_the_size)
{
	with_each_kind(pin_keeps_the_size);
}

/* A pinned page cannot be given back; when the last pin goes it can. */
TEST(page, pin_keeps_the_page)
{
	struct page *page;
	pfn_t frame;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
	page = test_pin(frame);
	expect_eq(frame_free(frame, PAGE_SIZE), -EBUSY);
	expect_eq(test_look(frame).pins, 1);
	page_unpin(page);
	expect_eq(frame_free(frame, PAGE_SIZE), 0);
}

/* Every pin counts, on the page that it was taken on. */
TEST(page, pins_are_counted)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	for (unsigned i = 1; i < 1000; i++)
		expect(page_pin(pfn_add(area, i % PAGES_PER_AREA)) == page);
	expect_eq(test_look(area).pins, 1000);
	for (unsigned i = 0; i < 1000; i++)
		page_unpin(page);
	expect_eq(test_look(area).pins, 0);
}

/* The hint that a frame will be pinned changes nothing, whatever the frame. */
TEST(page, prefetch_is_only_a_hint)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	page_prefetch(area);
	split(area);
	page_prefetch(pfn_add(area, 9));
	collapse(area);
	page_prefetch(pfn(0));
	page_prefetch(pfn(PFN_LIMIT));
	page_prefetch(pfn(UINT64_MAX));
	expect_eq(test_look(area).pins, 0);
}

/* At PAGE_PINS_MAX the next pin is refused; the count never wraps. */
TEST(page, pins_saturate)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	for (unsigned i = 1; i < PAGE_PINS_MAX; i++)
		if (!page_pin(area))
			fail("pin %u of %u was refused", i + 1, PAGE_PINS_MAX);
	expect(page_pin(area) == NULL);
	expect_eq(test_look(area).pins, PAGE_PINS_MAX);
	for (unsigned i = 0; i < PAGE_PINS_MAX; i++)
		page_unpin(page);
	expect_eq(test_look(area).pins, 0);
}

/* One holder at a time, and a lock does not outlive its page. */
TEST(page, lock_serialises)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	expect(page_trylock(page));
	expect(!page_trylock(page));
	expect(test_look(area).locked);
	expect_eq(page_split(area), -EBUSY);
	page_unlock(page);
	expect(page_trylock(page));
	page_unlock(page);
	page_unpin(page);
}

/* What was written is remembered until somebody takes the note away. */
TEST(page, dirty_is_noted_once)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	expect(!page_clear_dirty(page));
	page_mark_dirty(page);
	page_mark_dirty(page);
	expect(test_look(area).dirty);
	expect(page_clear_dirty(page));
	expect(!page_clear_dirty(page));
	page_unpin(page);
}

/* A dirty area splits into dirty pages; one dirty page makes the collapsed area dirty. */
TEST(page, dirty_survives_a_change_of_size)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	page_mark_dirty(page);
	page_unpin(page);
	split(area);
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		expect(test_look(pfn_add(area, i)).dirty);
		page = test_pin(pfn_add(area, i));
		if (i != 300)
			expect(page_clear_dirty(page));
		page_unpin(page);
	}
	collapse(area);
	expect(test_look(area).dirty);
}

/* So it is with pages that nobody allocated. */
TEST(page, dirty_free_page_makes_its_area_dirty)
{
	struct page *page;
	pfn_t area;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	frame_alloc_flush();
	split(area);
	page = test_pin(pfn_add(area, 100));
	page_mark_dirty(page);
	page_unpin(page);
	collapse(area);
	page = test_pin(area);
	expect(page_clear_dirty(page));
	page_unpin(page);
}

/* A split hands the owner to all pages; pages of different owners do not collapse. */
TEST(page, owner_survives_a_change_of_size)
{
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page = test_pin(area);

	page_set_owner(page, 0xdeadbeef);
	page_unpin(page);
	split(area);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(test_look(pfn_add(area, i)).owner, 0xdeadbeef);

	page = test_pin(pfn_add(area, 99));
	page_set_owner(page, 1);
	page_unpin(page);
	expect_eq(page_collapse(area), -EBUSY);
	page = test_pin(pfn_add(area, 99));
	page_set_owner(page, 0xdeadbeef);
	page_unpin(page);
	collapse(area);
	expect_eq(test_look(area).owner, 0xdeadbeef);
}

/* An area that is allocated in part does not collapse; when its last frame is free it is whole. */
TEST(page, free_and_allocated_pages_do_not_collapse)
{
	pfn_t area;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		expect_eq(test_look(area).size, i == 0 ? AREA_SIZE : PAGE_SIZE);
		require(frame_free(pfn_add(area, i), PAGE_SIZE) == 0);
		frame_alloc_flush();
		expect_eq(page_collapse(area), i == PAGES_PER_AREA - 1 ? 0 : -EBUSY);
	}
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(!test_look(area).allocated);
}

/* A list of regions that is broken is refused before anything is touched. */
TEST(page, broken_regions_are_refused)
{
	const struct region backwards[] = {{.start = pfn(512), .end = pfn(0)}};

	expect_eq(page_map_init(backwards, 1, NULL), -EINVAL);
}

/* The frames just outside of every region cannot be had by any call. */
TEST(page, frames_outside_of_regions_are_absent)
{
	struct page_info info;
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		pfn_t outside[] = {pfn(regions[i].start.n - 1), regions[i].end};

		for (size_t k = 0; k < ARRAY_SIZE(outside); k++) {
			if (pfn_to_region(outside[k]))
				continue;
			expect(pfn_to_page(outside[k]) == NULL);
			expect(page_pin(outside[k]) == NULL);
			expect_eq(page_look(outside[k], &info), -ENOENT);
			expect_eq(page_split(outside[k]), -ENOENT);
			expect_eq(page_collapse(outside[k]), -ENOENT);
			expect_eq(page_poison(outside[k]), -ENOENT);
			expect_eq(page_unpoison(outside[k]), -ENOENT);
		}
	}
	expect(pfn_to_page(pfn(PFN_LIMIT)) == NULL);
	expect(pfn_to_page(pfn(UINT64_MAX >> PAGE_SHIFT)) == NULL);
}

/* An area that its region does not fill is split for good, and its frames work as any other. */
TEST(page, ragged_areas_stay_split)
{
	size_t nr, ragged = 0;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		pfn_t ends[] = {regions[i].start, pfn(regions[i].end.n - 1)};

		for (size_t k = 0; k < ARRAY_SIZE(ends); k++) {
			pfn_t area = pfn_area(ends[k]);

			if (pfn_to_region(area) == pfn_to_region(pfn_add(area, PAGES_PER_AREA - 1)))
				continue;
			ragged++;
			expect_eq(test_look(ends[k]).size, PAGE_SIZE);
			expect_eq(page_collapse(ends[k]), -EINVAL);
			page_unpin(test_pin(ends[k]));
		}
	}
	if (ragged == 0)
		skip("every region of this machine begins and ends with an area");
}

/* Every frame of every region is described, by a page that contains it. */
TEST(page, every_frame_is_described)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		pfn_t frame = regions[i].start;

		while (pfn_before(frame, regions[i].end)) {
			struct page_info info = test_look(frame);

			if (!pfn_eq(info.start, frame))
				fail("the page of %#llx starts at %#llx",
				     (unsigned long long)pfn_to_phys(frame).addr,
				     (unsigned long long)pfn_to_phys(info.start).addr);
			frame = pfn_add(info.start, info.size >> PAGE_SHIFT);
		}
		expect(pfn_eq(frame, regions[i].end));
	}
}

static size_t map_bytes(uint64_t start, uint64_t end, uint64_t start2, uint64_t end2)
{
	const struct region regions[] = {
		{.start = pfn(start), .end = pfn(end)},
		{.start = pfn(start2), .end = pfn(end2)},
	};

	return page_map_size(regions, start2 == end2 ? 1 : 2);
}

/*
 * A map needs 8 bytes per GiB of addresses, 4 KiB per GiB with memory in it, 4 KiB per ragged area,
 * and some tables to begin with. What neighbours share is counted once.
 */
TEST(page, size_of_a_map_is_exact)
{
	const uint64_t gib = 1 << 18, tib = gib << 10;
	size_t base = map_bytes(0, PAGES_PER_AREA, 0, 0);

	expect_eq(map_bytes(0, gib, 0, 0), base);
	expect_eq(map_bytes(0, gib + PAGES_PER_AREA, 0, 0), base + PAGE_SIZE);
	expect_eq(map_bytes(0, tib, 0, 0), base + 1023 * PAGE_SIZE + PAGE_SIZE);
	expect_eq(map_bytes(0, PAGES_PER_AREA + 1, 0, 0), base + PAGE_SIZE);
	expect_eq(map_bytes(1, PAGES_PER_AREA + 1, 0, 0), base + 2 * PAGE_SIZE);
	expect_eq(map_bytes(1, 2, 0, 0), base + PAGE_SIZE);
	expect_eq(map_bytes(0, 700, 700, 2 * PAGES_PER_AREA), base + PAGE_SIZE);
	expect_eq(map_bytes(0, PAGES_PER_AREA, PAGES_PER_AREA, gib), base);
}

/* A pin on a whole area costs no descriptor; a split costs one table of 4 KiB. */
TEST(page, metadata_is_accounted_for)
{
	struct page_map_usage before, pinned, split_once;
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct page *page;

	page_map_usage(&before);
	page = test_pin(area);
	page_map_usage(&pinned);
	page_unpin(page);
	split(area);
	page_map_usage(&split_once);
	collapse(area);
	expect_eq(pinned.table_bytes, before.table_bytes);
	expect_eq(split_once.table_bytes, before.table_bytes + PAGE_SIZE);
	expect_eq(before.area_bytes % PAGE_SIZE, 0);
	expect(before.area_bytes >= before.areas * 8);
}

/*
 * Random operations on one area against a model of what each page must be. 512 counts of pins,
 * which a whole area keeps in the first.
 */
struct model {
	unsigned pins[PAGES_PER_AREA];
	bool split;
};

static unsigned total_pins(const struct model *model)
{
	unsigned sum = 0;

	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		sum += model->pins[i];
	return sum;
}

static void random_step(struct model *model, pfn_t area)
{
	size_t i = test_random_below(PAGES_PER_AREA);
	size_t slot = model->split ? i : 0;
	pfn_t frame = pfn_add(area, i);

	switch (test_random_below(8)) {
	case 0:
		expect_eq(page_split(frame), !model->split && model->pins[0] ? -EBUSY : 0);
		model->split |= model->pins[0] == 0;
		break;
	case 1:
		expect_eq(page_collapse(frame), model->split && total_pins(model) ? -EBUSY : 0);
		model->split &= total_pins(model) != 0;
		break;
	case 2:
	case 3:
	case 4:
		expect(page_pin(frame) == pfn_to_page(frame));
		model->pins[slot]++;
		break;
	default:
		if (model->pins[slot] == 0)
			break;
		page_unpin(pfn_to_page(frame));
		model->pins[slot]--;
		break;
	}
	expect_eq(test_look(frame).pins, model->pins[model->split ? i : 0]);
	expect_eq(test_look(frame).size, model->split ? PAGE_SIZE : AREA_SIZE);
}

static void random_operations(pfn_t area)
{
	static struct model model;

	model = (struct model){0};
	for (unsigned step = 0; step < 20000; step++) {
		random_step(&model, area);
		/* Now and then everything is let go, so that both sizes get their turn. */
		if (step % 100 != 99)
			continue;
		for (size_t i = 0; i < PAGES_PER_AREA; i++)
			for (; model.pins[i]; model.pins[i]--)
				page_unpin(pfn_to_page(pfn_add(area, i)));
	}
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		for (; model.pins[i]; model.pins[i]--)
			page_unpin(pfn_to_page(pfn_add(area, i)));
	collapse(area);
}

/* Pins, splits and collapses in random order do what a simple model says. */
TEST(page, random_operations_match_a_model)
{
	with_each_kind(random_operations);
}
