/* SPDX-License-Identifier: BSD-2-Clause */
/* PRP entries and lists, followed as a controller follows them. */
#include "drivers/nvme_prp.h"
#include "tests/test.h"

#include <string.h>

enum { LIST_ENTRIES = 4 * NVME_PRPS_PER_PAGE, PAGES_MAX = 1100 };

/* Where the controller sees the list, and what it finds in memory that is nobody's. */
#define LIST_AT 0x7000000000ULL
#define NOBODY  0xdeadbeefdeadbeefULL

static uint64_t list[LIST_ENTRIES];

/* The bytes that are named, in pieces that end with their pages. */
static struct segment found[PAGES_MAX];
static size_t nr_found;

static void find(uint64_t start, size_t *left)
{
	size_t length = PAGE_SIZE - start % PAGE_SIZE;

	if (length > *left)
		length = *left;
	require(nr_found < PAGES_MAX);
	found[nr_found++] = (struct segment){phys(start), length};
	*left -= length;
}

/* The list that prp2 points to. */
static void follow_list(uint64_t at, size_t left)
{
	while (left > 0) {
		size_t index = (at - LIST_AT) / sizeof(list[0]);

		require(at >= LIST_AT && index < LIST_ENTRIES);
		expect_eq(list[index] % PAGE_SIZE, 0);
		if ((index + 1) % NVME_PRPS_PER_PAGE == 0 && left > PAGE_SIZE) {
			at = list[index];
			continue;
		}
		find(list[index], &left);
		at += sizeof(list[0]);
	}
}

static void follow(const union nvme_data *data, size_t bytes)
{
	size_t left = bytes;

	nr_found = 0;
	find(data->prp1, &left);
	if (left == 0)
		expect_eq(data->prp2, 0);
	else if (left <= PAGE_SIZE)
		find(data->prp2, &left);
	else
		follow_list(data->prp2, left);
}

/* Builds for the segments, and compares what is named with them, page by page. */
static void check(const struct segment *segments, size_t nr)
{
	union nvme_data data;
	size_t bytes = 0;
	size_t room;
	size_t at = 0;

	for (size_t i = 0; i < nr; i++)
		bytes += segments[i].length;
	room = nvme_prp_list_bytes(bytes) / sizeof(list[0]);
	require(room < LIST_ENTRIES);
	for (size_t i = 0; i < LIST_ENTRIES; i++)
		list[i] = NOBODY;
	nvme_prp_build(segments, nr, list, phys(LIST_AT), &data);
	expect(list[room] == NOBODY);
	follow(&data, bytes);
	for (size_t i = 0; i < nr; i++) {
		uint64_t start = segments[i].start.addr;
		uint64_t end = start + segments[i].length;

		while (start < end) {
			require(at < nr_found);
			if (found[at].start.addr != start)
				fail("segment %zu: %#llx is named, expected %#llx", i,
				     (unsigned long long)found[at].start.addr,
				     (unsigned long long)start);
			start += found[at++].length;
		}
		require(start == end);
	}
	expect_eq(at, nr_found);
}

static void check_run(uint64_t start, size_t length)
{
	const struct segment segment = {phys(start), length};

	check(&segment, 1);
}

/* Data within one page or two needs no list: the second entry is an address, or nothing. */
TEST(nvme_prp, command_names_two_pages)
{
	const struct segment within = {phys(0x5000), PAGE_SIZE};
	const struct segment across = {phys(0x5e00), 0x400};
	union nvme_data data;

	nvme_prp_build(&within, 1, list, phys(LIST_AT), &data);
	expect_eq(data.prp1, 0x5000);
	expect_eq(data.prp2, 0);
	nvme_prp_build(&across, 1, list, phys(LIST_AT), &data);
	expect_eq(data.prp1, 0x5e00);
	expect_eq(data.prp2, 0x6000);
}

/* From the third page on there is a list. */
TEST(nvme_prp, list_names_the_rest)
{
	const struct segment segment = {phys(0x5004), 2 * PAGE_SIZE};
	union nvme_data data;

	nvme_prp_build(&segment, 1, list, phys(LIST_AT), &data);
	expect_eq(data.prp1, 0x5004);
	expect(data.prp2 == LIST_AT);
	expect_eq(list[0], 0x6000);
	expect_eq(list[1], 0x7000);
}

/* Data may begin at any dword of a page and end at any. */
TEST(nvme_prp, any_start_and_length)
{
	for (uint64_t offset = 0; offset < PAGE_SIZE; offset += 4 + 4 * test_random_below(8))
		for (size_t length = 512; length <= 5 * PAGE_SIZE; length += 512)
			check_run(0x200000000 + offset, length);
}

/* Lists that end with their page, one entry before it and one after, for one to three pages. */
TEST(nvme_prp, lists_at_the_ends_of_their_pages)
{
	for (size_t pages = 1; pages <= 2; pages++) {
		/* One page is named by the command; all pages of a list but the last point on. */
		size_t most = 1 + pages * (NVME_PRPS_PER_PAGE - 1) + 1;

		for (size_t more = 0; more < 4; more++) {
			size_t length = (most - 2 + more) * PAGE_SIZE;

			check_run(0x40000000, length);
			check_run(0x40000000 + 4, length);
			check_run(0x40000000 + PAGE_SIZE - 4, length);
		}
	}
}

/* The last entry of a page of the list is data where nothing follows, and else leads on. */
TEST(nvme_prp, last_entry_leads_on_only_if_there_is_more)
{
	const struct segment full = {phys(0x40000000), 513 * PAGE_SIZE};
	const struct segment more = {phys(0x40000000), 514 * PAGE_SIZE};
	union nvme_data data;

	nvme_prp_build(&full, 1, list, phys(LIST_AT), &data);
	expect_eq(list[511], 0x40000000 + 512 * PAGE_SIZE);
	expect_eq(nvme_prp_list_bytes(full.length),
		  2 * PAGE_SIZE); /* it might begin within a page */
	expect_eq(nvme_prp_list_bytes(full.length - PAGE_SIZE), PAGE_SIZE);
	nvme_prp_build(&more, 1, list, phys(LIST_AT), &data);
	expect(list[511] == LIST_AT + PAGE_SIZE);
	expect_eq(list[512], 0x40000000 + 512 * PAGE_SIZE);
	expect_eq(list[513], 0x40000000 + 513 * PAGE_SIZE);
}

/* Segments that meet at pages: the first begins within one, the last ends within one. */
TEST(nvme_prp, segments_that_meet_at_pages)
{
	struct segment segments[64];

	for (unsigned round = 0; round < 200; round++) {
		size_t nr = 1 + test_random_below(ARRAY_SIZE(segments));
		uint64_t offset = 4 * test_random_below(PAGE_SIZE / 4);

		for (size_t i = 0; i < nr; i++)
			segments[i] = (struct segment){
				phys((1 + test_random_below(1 << 20)) * AREA_SIZE),
				(1 + test_random_below(16)) * PAGE_SIZE,
			};
		segments[0].start = phys_add(segments[0].start, offset);
		segments[0].length -= offset;
		if (nr > 1 || segments[0].length > 512)
			segments[nr - 1].length -=
				512 * test_random_below(8) % segments[nr - 1].length;
		check(segments, nr);
	}
}
