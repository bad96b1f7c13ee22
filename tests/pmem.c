/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent memory by the CPU: stores, stores around the cache, flushes, and patterns over all
 * of it that write= permits. What was there is lost.
 */
#include <string.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

enum { MARGIN = 2 * CACHE_LINE, LONGEST = 5 * CACHE_LINE };

/* The byte that a position holds while nobody stored to it. */
static unsigned char background(size_t position)
{
	return (unsigned char)(0xa5 ^ position);
}

static unsigned char foreground(size_t position)
{
	return (unsigned char)(position * 7 + 1);
}

/* What stores bytes [0, length) of foreground() at `to`. */
typedef void (*store_t)(unsigned char *to, size_t length);

static void by_copy(unsigned char *to, size_t length)
{
	unsigned char source[LONGEST];

	for (size_t i = 0; i < length; i++)
		source[i] = foreground(i);
	persist_copy(to, source, length);
}

static void by_single_stores(unsigned char *to, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((volatile unsigned char *)to)[i] = foreground(i);
	persist_flush(to, length);
}

/* One store in a window of background: its bytes are all there and its neighbours are as before. */
static void check_store(unsigned char *window, size_t offset, size_t length, store_t store)
{
	size_t end = MARGIN + offset + length + MARGIN;

	for (size_t i = 0; i < end; i++)
		window[i] = background(i);
	store(window + MARGIN + offset, length);
	persist_fence();
	for (size_t i = 0; i < end; i++) {
		bool stored = i >= MARGIN + offset && i < MARGIN + offset + length;
		unsigned char expected = stored ? foreground(i - MARGIN - offset) : background(i);

		if (window[i] != expected)
			fail("offset %zu length %zu: byte %zu is %#x, expected %#x (%s)", offset,
			     length, i, window[i], expected, stored ? "stored" : "neighbour");
	}
}

/* Every offset in a cache line with every length up to LONGEST. */
static void check_alignments(unsigned char *window, store_t store)
{
	for (size_t offset = 0; offset < CACHE_LINE; offset++)
		for (size_t length = 0; length <= LONGEST - CACHE_LINE; length++)
			check_store(window, offset, length, store);
}

static void in_every_writable_region(store_t store)
{
	const struct region *region = NULL;

	while ((region = next_writable(region))) {
		struct page *page = page_pin(region->start);

		require(page != NULL);
		check_alignments(host_virt(pfn_to_phys(region->start)), store);
		page_mark_dirty(page);
		page_unpin(page);
	}
}

/* Ordinary stores arrive, wherever they begin and end, and touch nothing else. */
TEST(pmem, stores_at_every_alignment)
{
	in_every_writable_region(by_single_stores);
}

static void use_the_best(void *unused)
{
	(void)unused;
	persist_init();
}

/* So they do with each instruction that the CPU can flush with, not only with the best. */
TEST(pmem, stores_by_every_flush_instruction)
{
	test_cleanup(use_the_best, NULL);
	for (unsigned which = FLUSH_CLFLUSH; which <= FLUSH_CLWB; which++) {
		const char *name = flush_instruction_name((enum flush_instruction)which);

		if (!persist_use((enum flush_instruction)which))
			continue;
		note("%s", name);
		expect_str(flush_instruction_name(persist_instruction()), name);
		in_every_writable_region(by_single_stores);
	}
}

/* The same of the persistent copy, with every head and tail that its 8-byte stores leave. */
TEST(pmem, copy_at_every_alignment)
{
	in_every_writable_region(by_copy);
}

static void by_set(unsigned char *to, size_t length)
{
	persist_set(to, 0xc3, length);
	for (size_t i = 0; i < length; i++)
		expect_eq(to[i], 0xc3);
	by_copy(to, length);
}

/* The same of the persistent set. */
TEST(pmem, set_at_every_alignment)
{
	in_every_writable_region(by_set);
}

/* A published flag has its value, and what came before it is in place. */
TEST(pmem, publish_stores_the_flag)
{
	const struct region *region = next_writable(NULL);
	struct page *page = page_pin(region->start);
	uint64_t *record = host_virt(pfn_to_phys(region->start));

	require(page != NULL);
	persist_copy(record, "persist", 8);
	persist_publish(&record[1], 0x600d600d600d600d);
	expect(memcmp(record, "persist", 8) == 0);
	expect(record[1] == 0x600d600d600d600d);
	page_mark_dirty(page);
	page_unpin(page);
}

/* What a device is said to have written is as it was, and so is what is beside it. */
TEST(pmem, dma_changes_nothing)
{
	const struct region *region = next_writable(NULL);
	struct page *page = page_pin(region->start);
	unsigned char *bytes = host_virt(pfn_to_phys(region->start));

	require(page != NULL);
	for (size_t i = 0; i < LONGEST; i++)
		bytes[i] = foreground(i);
	persist_dma(bytes + 1, LONGEST - CACHE_LINE);
	for (size_t i = 0; i < LONGEST; i++)
		expect_eq(bytes[i], foreground(i));
	page_mark_dirty(page);
	page_unpin(page);
}

/* The last byte of a region is as good as the first. */
TEST(pmem, ends_of_a_region_hold_data)
{
	const struct region *region = NULL;

	while ((region = next_writable(region))) {
		pfn_t last = pfn(region->end.n - 1);
		struct page *page = page_pin(last);
		unsigned char *bytes = host_virt(pfn_to_phys(last));

		require(page != NULL);
		persist_set(bytes, 0x11, PAGE_SIZE);
		persist_copy(bytes + PAGE_SIZE - 1, "\x99", 1);
		persist_fence();
		expect_eq(bytes[PAGE_SIZE - 1], 0x99);
		expect_eq(bytes[PAGE_SIZE - 2], 0x11);
		page_mark_dirty(page);
		page_unpin(page);
	}
}

/* --- Patterns over everything --- */

/*
 * A pattern gives every 8-byte word of physical memory its own value, so that a word that landed
 * at another address is told from one that lost a bit: the multiplier is odd.
 */
struct pattern {
	uint64_t multiplier;
	uint64_t seed;
	uint64_t flip;
};

static uint64_t pattern_word(struct pattern pattern, uint64_t address)
{
	return (address * pattern.multiplier + pattern.seed) ^ pattern.flip;
}

static void write_page(const struct page *page, struct pattern pattern)
{
	phys_t start = pfn_to_phys(page_to_pfn(page));
	char *to = host_virt(start);
	uint64_t words[512 / sizeof(uint64_t)];

	for (size_t at = 0; at < page_size(page); at += sizeof(words)) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			words[i] = pattern_word(pattern, start.addr + at + i * sizeof(*words));
		persist_copy(to + at, words, sizeof(words));
	}
	persist_fence();
}

static void verify_page(const struct page *page, struct pattern pattern)
{
	phys_t start = pfn_to_phys(page_to_pfn(page));
	const uint64_t *words = host_virt(start);

	for (size_t i = 0; i < page_size(page) / sizeof(*words); i++) {
		uint64_t address = start.addr + i * sizeof(*words);
		uint64_t expected = pattern_word(pattern, address);

		if (words[i] != expected) {
			fail("%s: the word at %#llx is %#llx, expected %#llx, differs in %#llx",
			     pfn_to_region(page_to_pfn(page))->name, (unsigned long long)address,
			     (unsigned long long)words[i], (unsigned long long)expected,
			     (unsigned long long)(words[i] ^ expected));
			return;
		}
	}
}

/* What is done to each page of the permitted memory, and what it was. */
typedef void (*visit_t)(const struct page *, struct pattern);

static uint64_t permitted_bytes(void)
{
	const struct region *region = NULL;
	uint64_t bytes = 0;

	while ((region = next_writable(region)))
		bytes += region_bytes(region);
	return bytes;
}

/* Pins each page of a range in turn, whatever its size, and visits it. Returns the bytes. */
static uint64_t visit_range(pfn_t start, pfn_t end, visit_t visit, struct pattern pattern)
{
	pfn_t frame = start;

	while (pfn_before(frame, end)) {
		struct page *page = page_pin(frame);

		require(page != NULL);
		visit(page, pattern);
		page_mark_dirty(page);
		frame = pfn_add(page_to_pfn(page), page_size(page) >> PAGE_SHIFT);
		page_unpin(page);
	}
	return pfn_distance(start, end) << PAGE_SHIFT;
}

static void visit_everything(visit_t visit, struct pattern pattern)
{
	const struct region *region = NULL;
	uint64_t total = permitted_bytes(), done = 0;

	while ((region = next_writable(region))) {
		pfn_t frame = region->start;

		while (pfn_before(frame, region->end)) {
			pfn_t next = pfn_add(pfn_area(frame), PAGES_PER_AREA);

			if (pfn_before(region->end, next))
				next = region->end;
			done += visit_range(frame, next, visit, pattern);
			progress(done >> 20, total >> 20, "MiB");
			frame = next;
		}
	}
}

/* Writes all first and verifies all then, so that two addresses of one cell are noticed. */
static void check_pattern(struct pattern pattern)
{
	uint64_t started = host_nanoseconds(), written, verified;

	visit_everything(write_page, pattern);
	written = host_nanoseconds();
	visit_everything(verify_page, pattern);
	verified = host_nanoseconds();
	measure_rate("write", permitted_bytes(), written - started);
	measure_rate("verify", permitted_bytes(), verified - written);
}

/* Every word holds its own address, in whole areas: one pin for 2 MiB. */
TEST(pmem, address_pattern_in_whole_areas)
{
	check_pattern((struct pattern){.multiplier = 1});
}

/* And its complement: every bit has been both. */
TEST(pmem, complement_pattern_in_whole_areas)
{
	check_pattern((struct pattern){.multiplier = 1, .flip = UINT64_MAX});
}

static void collapse_all(void *unused)
{
	const struct region *region = NULL;

	(void)unused;
	while ((region = next_region(region, MEMORY_PERSISTENT)))
		for (pfn_t area = pfn_area(region->start); pfn_before(area, region->end);
		     area = pfn_add(area, PAGES_PER_AREA))
			if (page_collapse(area))
				continue; /* ragged; the balance tells of any other */
}

/* Neighbouring words differ in about half of their bits. */
static struct pattern random_pattern(void)
{
	return (struct pattern){.multiplier = 0x9e3779b97f4a7c15, .seed = test_random()};
}

/* The same in pages of 4 KiB, every area split: 512 pins for 2 MiB. */
TEST(pmem, random_pattern_in_split_areas)
{
	const struct region *region = NULL;

	test_cleanup(collapse_all, NULL);
	while ((region = next_writable(region)))
		for (pfn_t frame = region->start; pfn_before(frame, region->end);
		     frame = pfn_add(pfn_area(frame), PAGES_PER_AREA))
			require(page_split(frame) == 0);
	check_pattern(random_pattern());
}

/* Splitting and collapsing move no data. */
TEST(pmem, data_survives_a_change_of_size)
{
	const struct region *region = NULL;
	struct pattern pattern = random_pattern();

	next_writable(NULL);
	test_cleanup(collapse_all, NULL);
	visit_everything(write_page, pattern);
	while ((region = next_writable(region))) {
		pfn_t frame = region->start;

		for (; pfn_before(frame, region->end); frame = pfn_add(frame, PAGES_PER_AREA)) {
			pfn_t end = pfn_add(pfn_area(frame), PAGES_PER_AREA);

			require(page_split(frame) == 0);
			if (pfn_before(region->end, end))
				end = region->end;
			visit_range(frame, end, verify_page, pattern);
			progress(pfn_distance(region->start, frame), region_frames(region),
				 "frame");
		}
	}
}
