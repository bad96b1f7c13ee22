/* SPDX-License-Identifier: BSD-2-Clause */
/* What callers of mm/ do wrong is a panic that names the call and the frame. */
#include "mm/page_map.h"
#include "tests/harness/memory.h"
#include "tests/host/apart.h"
#include "tests/test.h"

static pfn_t area;

static void unpin_twice(void)
{
	struct page *page = test_pin(area);

	page_unpin(page);
	page_unpin(page);
}

static void unpin_what_was_split(void)
{
	struct page *page = pfn_to_page(area);

	require(page_split(area) == 0);
	page_unpin(page);
}

static void unpin_what_nobody_has(void)
{
	page_unpin((struct page *)(PAGE_SIZE << PAGE_HANDLE_SIZE_SHIFT | (PFN_LIMIT - 1)));
}

static void lock_without_a_pin(void)
{
	(void)!page_trylock(pfn_to_page(area));
}

static void unlock_twice(void)
{
	struct page *page = test_pin(area);

	require(page_trylock(page));
	page_unlock(page);
	page_unlock(page);
}

/* A page is used only by whoever has a pin on it. */
TEST(panic, names_the_misuse_of_a_page)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	expect_panic_apart(unpin_twice, "page_unpin: the page at 0x");
	expect_panic_apart(unpin_what_was_split, "page_unpin: no page of 2097152 bytes starts at");
	expect_panic_apart(unpin_what_nobody_has, "page_unpin: no page of 4096 bytes starts at");
	expect_panic_apart(lock_without_a_pin, "page_trylock: the page at 0x");
	expect_panic_apart(unlock_twice, "page_unlock: the page at 0x");
}

static void count_what_is_not_described(void)
{
	atomic_store(area_word(area), WORD_ABSENT);
	(void)frames_free(MEMORY_DRAM);
}

/* The allocator does not go on with a map that lacks a frame of its region. */
TEST(panic, names_the_frame_without_a_descriptor)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	expect_panic_apart(count_what_is_not_described, "has no descriptor");
}
