/* SPDX-License-Identifier: BSD-2-Clause */
/* Regions: what holds of the machine's list, and how a broken list is told. */
#include "mm/region.h"

#include <string.h>

#include "mm/memory_map.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

/* The list that the page map was made from is sorted, without overlaps, and below the limit. */
TEST(region, list_is_sound)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	expect_str(region_list_check(regions, nr), NULL);
	expect(nr > 0);
}

/* A machine that runs this has DRAM. */
TEST(region, there_is_dram)
{
	expect(next_region(NULL, MEMORY_DRAM) != NULL);
}

/* Regions are named after their kind and numbered by address, without gaps. */
TEST(region, names_follow_addresses)
{
	static const char *const prefixes[MEMORY_KINDS] = {"dram", "pmem"};

	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		const struct region *region = NULL;

		for (unsigned number = 0; (region = next_region(region, (enum memory_kind)kind));
		     number++) {
			char digits[12] = "";
			size_t at = sizeof(digits) - 1;
			unsigned rest = number;

			do
				digits[--at] = (char)('0' + rest % 10);
			while ((rest /= 10) != 0);
			expect(strncmp(region->name, prefixes[kind], 4) == 0);
			expect_str(region->name + 4, digits + at);
		}
	}
}

/* The first and the last frame of a region are in it; the frames beside them are not. */
TEST(region, is_half_open)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		expect(region_find(regions, nr, regions[i].start) == &regions[i]);
		expect(region_find(regions, nr, pfn(regions[i].end.n - 1)) == &regions[i]);
		expect(region_find(regions, nr, pfn(regions[i].start.n - 1)) != &regions[i]);
		expect(region_find(regions, nr, regions[i].end) != &regions[i]);
	}
}

static struct region run(uint64_t start, uint64_t end)
{
	return (struct region){.start = pfn(start), .end = pfn(end)};
}

/* Every way in which a list can be unusable is noticed. */
TEST(region, broken_lists_are_refused)
{
	const struct region empty[] = {run(8, 8)};
	const struct region backwards[] = {run(9, 8)};
	const struct region unsorted[] = {run(16, 24), run(8, 12)};
	const struct region overlapping[] = {run(8, 17), run(16, 24)};
	const struct region too_high[] = {run(8, PFN_LIMIT + 1)};

	expect(region_list_check(empty, 1) != NULL);
	expect(region_list_check(backwards, 1) != NULL);
	expect(region_list_check(unsorted, 2) != NULL);
	expect(region_list_check(overlapping, 2) != NULL);
	expect(region_list_check(too_high, 1) != NULL);
}

/* Neighbours, gaps and an end at the limit are fine. */
TEST(region, sound_lists_are_accepted)
{
	const struct region list[] = {run(1, 8), run(8, 9), run(4096, PFN_LIMIT)};

	expect_str(region_list_check(list, ARRAY_SIZE(list)), NULL);
	expect_str(region_list_check(list, 0), NULL);
}

/* Any frame is found in its region, or in none, in lists of every length. */
TEST(region, find_agrees_with_a_scan)
{
	struct region list[9];

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = run(10 * i + 3, 10 * i + 3 + test_random_below(8));
	for (size_t nr = 0; nr <= ARRAY_SIZE(list); nr++) {
		for (uint64_t frame = 0; frame < 100; frame++) {
			const struct region *expected = NULL;

			for (size_t i = 0; i < nr; i++)
				if (region_holds(&list[i], pfn(frame)))
					expected = &list[i];
			expect(region_find(list, nr, pfn(frame)) == expected);
		}
	}
}

/* Kinds, domains and types have words for the report, and so has what firmware made up. */
TEST(region, numbers_have_words)
{
	static const struct {
		uint32_t type;
		const char *name;
	} types[] = {
		{MEMORY_TYPE_RAM, "ram"},
		{MEMORY_TYPE_RESERVED, "reserved"},
		{MEMORY_TYPE_ACPI, "acpi"},
		{MEMORY_TYPE_NVS, "nvs"},
		{MEMORY_TYPE_BAD, "bad"},
		{MEMORY_TYPE_PMEM, "pmem"},
		{MEMORY_TYPE_PRAM, "pram"},
		{MEMORY_TYPE_UEFI_RESERVED, "uefi-reserved"},
		{0, "unknown"},
		{UINT32_MAX, "unknown"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		expect_str(memory_type_name(types[i].type), types[i].name);
	expect_str(memory_kind_name(MEMORY_DRAM), "dram");
	expect_str(memory_kind_name(MEMORY_PERSISTENT), "persistent");
	expect_str(persistence_domain_name(PERSISTENCE_MEMORY_CONTROLLER), "memory-controller");
	expect_str(persistence_domain_name(PERSISTENCE_CPU_CACHE), "cpu-cache");
	expect_str(persistence_domain_name(PERSISTENCE_UNKNOWN), "unknown");
	expect_str(persistence_domain_name((enum persistence_domain)99), "unknown");
}
