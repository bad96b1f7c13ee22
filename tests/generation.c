/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pattern that is there again after the next boot. Each run finds what the last one left in the
 * memory that write= permits, and writes the next generation over it, page by page, each durable
 * before the next one begins. So whenever a run is cut off, memory has pages of the new generation,
 * at most one page that is part new and part old, and pages of the old one, in this order.
 *
 * What was there before is lost, and one boot alone shows nothing, so this suite runs only where
 * tests= spells out its name. tests/tools/test_generation.py boots it again and again.
 */
#include <string.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#define MAGIC UINT64_C(0x6e6f69746172656e) /* "neration" */

/* The first page of a region. */
struct header {
	uint64_t magic;
	uint64_t start; /* where the region was, or addresses in the pattern would be others */
	uint64_t end;
	uint64_t generation; /* that is whole; 0: none. Published when it is */
};

enum page_state {
	PAGE_NEW,   /* of the generation after the one that is whole */
	PAGE_MIXED, /* each word of one or the other */
	PAGE_OLD,
	PAGE_LOST, /* a word is of neither */
};

static struct header *header_of(const struct region *region)
{
	return host_virt(pfn_to_phys(region->start));
}

/* Each word has a value of its own, and another one in each generation. */
static uint64_t pattern_word(uint64_t address, uint64_t generation)
{
	uint64_t word = (address + generation) * UINT64_C(0x9e3779b97f4a7c15);

	return word ^ (generation << 32) ^ word >> 29;
}

static void write_frame(pfn_t frame, uint64_t generation)
{
	phys_t start = pfn_to_phys(frame);
	struct page *page = page_pin(frame);
	char *to = host_virt(start);
	uint64_t words[64];

	require(page != NULL);
	for (size_t at = 0; at < PAGE_SIZE; at += sizeof(words)) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			words[i] = pattern_word(start.addr + at + i * sizeof(*words), generation);
		persist_copy(to + at, words, sizeof(words));
	}
	persist_drain(to);
	page_mark_dirty(page);
	page_unpin(page);
}

static enum page_state look_at_frame(pfn_t frame, uint64_t generation)
{
	phys_t start = pfn_to_phys(frame);
	const uint64_t *words = host_virt(start);
	size_t old = 0, new = 0, nr = PAGE_SIZE / sizeof(*words);

	for (size_t i = 0; i < nr; i++) {
		uint64_t address = start.addr + i * sizeof(*words);

		if (words[i] == pattern_word(address, generation)) {
			old++;
		} else if (words[i] == pattern_word(address, generation + 1)) {
			new ++;
		} else {
			fail("the word at %#llx is %#llx, expected %#llx of generation %llu or "
			     "%#llx of the next: what was made durable there is lost",
			     (unsigned long long)address, (unsigned long long)words[i],
			     (unsigned long long)pattern_word(address, generation),
			     (unsigned long long)generation,
			     (unsigned long long)pattern_word(address, generation + 1));
			return PAGE_LOST;
		}
	}
	return old == nr ? PAGE_OLD : new == nr ? PAGE_NEW : PAGE_MIXED;
}

/* New pages, at most one that is mixed, old pages; and says where the new ones end. False: no. */
static bool verify(const struct region *region, uint64_t generation)
{
	enum page_state state, before = PAGE_NEW;
	bool cut = false;
	pfn_t border = pfn_add(region->start, 1);

	for (pfn_t frame = border; pfn_before(frame, region->end); frame = pfn_add(frame, 1)) {
		progress(pfn_distance(region->start, frame), region_frames(region),
			 "page verified");
		state = look_at_frame(frame, generation);
		if (state == PAGE_LOST)
			return false;
		if (state < before || (state == PAGE_MIXED && before == PAGE_MIXED)) {
			fail("%s: the page at %#llx has words of generation %llu, and pages before "
			     "it are older",
			     region->name, (unsigned long long)pfn_to_phys(frame).addr,
			     (unsigned long long)generation + 1);
			return false;
		}
		cut |= state != PAGE_OLD;
		if (state == PAGE_NEW)
			border = pfn_add(frame, 1);
		before = state;
	}
	if (!cut)
		note("%s: generation %llu is whole", region->name, (unsigned long long)generation);
	else
		note("%s: generation %llu was being replaced at %#llx", region->name,
		     (unsigned long long)generation, (unsigned long long)pfn_to_phys(border).addr);
	return true;
}

static void write_generation(const struct region *region, uint64_t generation)
{
	note("%s: writes generation %llu", region->name, (unsigned long long)generation);
	for (pfn_t frame = pfn_add(region->start, 1); pfn_before(frame, region->end);
	     frame = pfn_add(frame, 1)) {
		write_frame(frame, generation);
		progress(pfn_distance(region->start, frame), region_frames(region), "page written");
	}
	persist_publish(&header_of(region)->generation, generation);
	note("%s: generation %llu is written", region->name, (unsigned long long)generation);
}

static bool has_generation(const struct region *region)
{
	const struct header *header = header_of(region);

	return header->magic == MAGIC && header->start == pfn_to_phys(region->start).addr &&
	       header->end == pfn_to_phys(region->end).addr && header->generation != 0;
}

/* A header without a generation; until it has one, the pattern is not looked at. */
static void begin(const struct region *region)
{
	struct header header = {
		.magic = MAGIC,
		.start = pfn_to_phys(region->start).addr,
		.end = pfn_to_phys(region->end).addr,
	};

	note("%s: no generation is there, so the first one is written", region->name);
	persist_publish(&header_of(region)->generation, 0);
	persist_copy(header_of(region), &header, offsetof(struct header, generation));
	persist_drain(header_of(region));
}

/* What the last boot made durable is there, and gets a successor. */
TEST(generation, lasts_until_the_next_boot)
{
	const struct region *region = NULL;

	while ((region = next_writable(region))) {
		struct page *page = page_pin(region->start);
		uint64_t generation = 0;
		bool intact = true;

		require(page != NULL);
		if (has_generation(region)) {
			generation = header_of(region)->generation;
			intact = verify(region, generation);
		} else {
			begin(region);
		}
		/* What is lost is left for whoever wants to look at it. */
		if (intact)
			write_generation(region, generation + 1);
		page_mark_dirty(page);
		page_unpin(page);
	}
}
