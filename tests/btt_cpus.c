/* SPDX-License-Identifier: BSD-2-Clause */
/* Several CPUs read and write a BTT at the same time. */
#include "drivers/btt_state.h"
#include "tests/btt_case.h"
#include "tests/test.h"

enum { SHARED_SECTORS = 40, ROUNDS = 3000 };

/* A sector of one write: word i is (sector << 40 | CPU << 32 | number) + i. */
static void fill_words(uint64_t *words, uint64_t sector, uint32_t number)
{
	uint64_t first = sector << 40 | (uint64_t)host_cpu() << 32 | number;

	for (size_t i = 0; i < 512 / sizeof(*words); i++)
		words[i] = first + i;
}

static void expect_one_write(const uint64_t *words, uint64_t sector)
{
	for (size_t i = 0; i < 512 / sizeof(*words); i++)
		if (words[i] != words[0] + i || words[i] >> 40 != sector) {
			fail("sector %llu: word 0 is %#llx, word %zu is %#llx",
			     (unsigned long long)sector, (unsigned long long)words[0], i,
			     (unsigned long long)words[i]);
			return;
		}
}

static uint64_t numbers[HOST_CPUS_MAX]; /* state of each CPU's random numbers */

static uint64_t next_number(void)
{
	uint64_t *state = &numbers[host_cpu()];

	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static void write_and_read(void *unused)
{
	uint64_t words[512 / sizeof(uint64_t)];

	(void)unused;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t sector = next_number() % SHARED_SECTORS;

		if (next_number() % 2) {
			fill_words(words, sector, i);
			expect_eq(btt_case_write(sector, words), 0);
		} else {
			expect_eq(btt_case_read(sector, words), 0);
			expect_one_write(words, sector);
		}
	}
}

static void stress(void)
{
	uint64_t words[512 / sizeof(uint64_t)];

	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		numbers[cpu] = test_random();
	for (uint64_t sector = 0; sector < SHARED_SECTORS; sector++) {
		fill_words(words, sector, 0);
		require(btt_case_write(sector, words) == 0);
	}
	host_on_each_cpu(write_and_read, NULL);
	btt_case_open(BTT_READ_ONLY);
	expect_eq(btt_case.recovered, 0);
	for (uint64_t sector = 0; sector < SHARED_SECTORS; sector++) {
		expect_eq(btt_case_read(sector, words), 0);
		expect_one_write(words, sector);
	}
}

/* All CPUs at once read and write a few sectors: each is of one write at any time. */
TEST(btt, sectors_are_whole_for_all_cpus)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	stress();
	btt_case_expect_sound(0);
}

/* Makes an arena that has few lanes of one that has many: the other blocks are nobody's. */
static void leave_lanes(uint32_t lanes)
{
	for (unsigned i = 0; i < 2; i++) {
		struct btt_info *info = i ? btt_case_copy(0) : btt_case_info(0);

		info->lanes = lanes;
		info->blocks = info->sectors + lanes;
		info->checksum = btt_info_checksum(info);
	}
}

/* So is each when there are fewer lanes than CPUs. */
TEST(btt, lanes_are_shared)
{
	btt_case_begin(BTT_VERSION_2_0, 512);
	leave_lanes(1);
	btt_case_open(BTT_READ_WRITE);
	expect_eq(btt_case.state->arenas[0].info.geometry.lanes, 1);
	stress();
	btt_case_expect_sound(0);
}

/* CPU 0 reads one sector, all others write it without a break. */
static void read_under_writes(void *unused)
{
	uint64_t words[512 / sizeof(uint64_t)];

	(void)unused;
	for (uint32_t i = 0; i < 4 * ROUNDS; i++) {
		if (host_cpu() == 0) {
			expect_eq(btt_case_read(7, words), 0);
			expect_one_write(words, 7);
		} else {
			fill_words(words, 7, i);
			expect_eq(btt_case_write(7, words), 0);
		}
	}
}

/* A block is not written again while somebody reads it. */
TEST(btt, readers_are_waited_for)
{
	uint64_t words[512 / sizeof(uint64_t)];

	btt_case_begin(BTT_VERSION_2_0, 512);
	fill_words(words, 7, 0);
	require(btt_case_write(7, words) == 0);
	host_on_each_cpu(read_under_writes, NULL);
	btt_case_expect_sound(0);
}
