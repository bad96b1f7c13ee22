/* SPDX-License-Identifier: BSD-2-Clause */
/* Persistent memory that turns out to be bad while it is read, and how writing repairs it. */
#include "drivers/block.h"
#include "drivers/btt_state.h"
#include "drivers/pmem_disk.h"
#include "drivers/pmem_io.h"
#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/persist.h"
#include "tests/btt_case.h"
#include "tests/harness/disk.h"
#include "tests/harness/memory.h"
#include "tests/host/crash_states.h"
#include "tests/host/damage.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum { UNIT = 256 };

static pfn_t area;
static phys_t start;
static char buffer[2 * PAGE_SIZE];

static void leave(void *unused)
{
	(void)unused;
	pmem_set_repair(NULL, 0);
	damage_end();
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(bad_lines_remove(pfn_add(area, i), LINES_ALL), 0);
	expect_eq(page_collapse(area), 0);
}

/* An area full of 'o', for old. */
static void begin(void)
{
	area = test_take(MEMORY_PERSISTENT, AREA_SIZE);
	start = pfn_to_phys(area);
	test_cleanup(leave, NULL);
	memset(host_virt(start), 'o', AREA_SIZE);
}

static bool all_are(const char *bytes, char byte, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (bytes[i] != byte)
			return false;
	return true;
}

static int write_new(uint64_t at, size_t bytes)
{
	memset(buffer, 'n', bytes);
	return pmem_write(phys_add(start, at), buffer, bytes);
}

static void expect_readable(uint64_t at, size_t bytes, char byte)
{
	memset(buffer, 0, bytes);
	expect_eq(pmem_read(phys_add(start, at), buffer, bytes), 0);
	expect(all_are(buffer, byte, bytes));
}

/* The first read meets the damage and fails; the next one fails without touching it. */
TEST(pmem_damage, is_met_once)
{
	begin();
	damage(phys_add(start, 5 * PAGE_SIZE + 1024), DAMAGE_UNTIL_STORED);
	expect_eq(pmem_read(phys_add(start, 5 * PAGE_SIZE), buffer, 2048), -EIO);
	expect(all_are(buffer, 'o', 1024));
	expect_eq(damage_met(), 1);
	expect_eq(pmem_read(phys_add(start, 5 * PAGE_SIZE), buffer, 2048), -EIO);
	expect_eq(damage_met(), 1);
	expect_readable(5 * PAGE_SIZE, 1024, 'o');
	expect_readable(5 * PAGE_SIZE + 1536, 512, 'o');
}

/* A second damage in a frame that is out of use already is met and noted, too. */
TEST(pmem_damage, is_found_in_a_frame_out_of_use)
{
	begin();
	expect_eq(bad_lines_add(start, 1), 0);
	damage(phys_add(start, 2048), DAMAGE_UNTIL_STORED);
	expect_eq(pmem_read(phys_add(start, 2048), buffer, 512), -EIO);
	expect_eq(damage_met(), 1);
	expect(bad_lines_of(area) == ((lines_t)1 << 32 | 1));
}

/* A line that is stored in whole, and can be read then, is good, and so is its frame. */
TEST(pmem_damage, store_of_a_line_repairs_it)
{
	begin();
	damage(start, DAMAGE_UNTIL_STORED);
	expect_eq(pmem_read(start, buffer, 512), -EIO);
	expect_eq(write_new(0, CACHE_LINE), 0);
	expect(bad_lines_of(area) == 0);
	expect_readable(0, CACHE_LINE, 'n');
	expect_readable(CACHE_LINE, PAGE_SIZE, 'o');
}

/* One that cannot be read after the store stays bad, and the write says so. */
TEST(pmem_damage, store_that_repairs_nothing_fails)
{
	begin();
	damage(start, DAMAGE_UNTIL_REPAIRED);
	expect_eq(pmem_read(start, buffer, 512), -EIO);
	expect_eq(write_new(0, 512), -EIO);
	expect(bad_lines_of(area) == 1);
	expect_eq(pmem_read(start, buffer, 512), -EIO);
}

/* A part of a bad line is not stored to; its neighbours in the sector can be written. */
TEST(pmem_damage, part_of_a_bad_line_is_not_written)
{
	begin();
	damage(phys_add(start, 64), DAMAGE_UNTIL_STORED);
	expect_eq(pmem_read(start, buffer, 512), -EIO);
	expect_eq(write_new(65, 63), -EIO);
	expect_eq(write_new(0, 127), -EIO);
	expect(all_are(host_virt(start), 'o', CACHE_LINE));
	expect_eq(write_new(0, 64), 0);
	expect_eq(write_new(128, 8), 0);
	expect(bad_lines_of(area) == 2);
	expect_eq(write_new(1, 256), 0);
	expect(bad_lines_of(area) == 0);
}

/* Firmware repairs whole units, and what was written is there then. */
TEST(pmem_damage, firmware_repairs_units)
{
	begin();
	pmem_set_repair(damage_repair, UNIT);
	damage(phys_add(start, 3 * UNIT + 64), DAMAGE_UNTIL_REPAIRED);
	damage(phys_add(start, 5 * UNIT + 128), DAMAGE_UNTIL_REPAIRED);
	expect_eq(pmem_read(start, buffer, 4 * UNIT), -EIO);
	expect_eq(pmem_read(phys_add(start, 4 * UNIT), buffer, 4 * UNIT), -EIO);
	expect_eq(write_new(3 * UNIT, UNIT - 64), -EIO);
	expect_eq(write_new(2 * UNIT + 64, 4 * UNIT - 64), 0);
	expect(bad_lines_of(area) == 0);
	expect_readable(0, 2 * UNIT + 64, 'o');
	expect_readable(2 * UNIT + 64, 4 * UNIT - 64, 'n');
	expect_readable(6 * UNIT, 2 * UNIT, 'o');
}

static int fail_to_repair(phys_t unit, size_t bytes)
{
	(void)unit, (void)bytes;
	return -EIO;
}

/* When firmware cannot repair, the write fails and the lines stay bad, readable or not. */
TEST(pmem_damage, failed_repair_fails_the_write)
{
	begin();
	pmem_set_repair(fail_to_repair, UNIT);
	damage(start, DAMAGE_UNTIL_STORED);
	expect_eq(pmem_read(start, buffer, 512), -EIO);
	expect_eq(write_new(0, 512), -EIO);
	expect(bad_lines_of(area) == 1);
}

/* --- What is written is bad. --- */

static pfn_t source;

static void heal_source(void *unused)
{
	(void)unused;
	damage_end();
	expect_eq(bad_lines_remove(source, LINES_ALL), 0);
	expect_eq(page_collapse(source), 0);
}

/* A page of DRAM, in which bytes 512 to 575 are bad. */
static void take_bad_source(void)
{
	source = test_take(MEMORY_DRAM, AREA_SIZE);
	test_cleanup(heal_source, NULL);
	damage(phys_add(pfn_to_phys(source), 512), DAMAGE_UNTIL_STORED);
}

/* A write from bad memory fails as that, and nothing is said to be bad of where it goes. */
TEST(pmem_damage, bad_source_fails_the_write)
{
	begin();
	take_bad_source();
	expect_eq(pmem_write(start, test_virt(source, 0), PAGE_SIZE), -EFAULT);
	expect(bad_lines_of(area) == 0);
	expect(bad_lines_of(source) == 1 << 8);
	expect_eq(pmem_write(start, test_virt(source, 576), 512), 0);
	/* Nor is what was bad before called good. */
	require(bad_lines_add(start, 1) == 0);
	expect_eq(pmem_write(start, test_virt(source, 512), 512), -EFAULT);
	expect(bad_lines_of(area) == 1);
}

/* A disk fails the bio, as it does for each reason. */
TEST(pmem_damage, bad_source_fails_the_bio)
{
	static struct pmem_disk disk;
	struct bio_piece piece;

	begin();
	take_bad_source();
	require(pmem_disk_create(&disk, "pmem", area, pfn_add(area, PAGES_PER_AREA)) == 0);
	piece = (struct bio_piece){pfn_to_page(source), 0, PAGE_SIZE};
	expect_eq(disk_execute(&disk.device, BLOCK_WRITE, 8, piece), -EIO);
	expect_eq(damage_met(), 1);
}

/* A BTT fails the sector, which stays what it was, and loses no lane by that. */
TEST(pmem_damage, bad_source_costs_no_lane)
{
	struct bio_piece piece;

	btt_case_begin(BTT_VERSION_2_0, SECTOR_SIZE);
	require(btt_case_stamp(3, 1) == 0);
	take_bad_source();
	piece = (struct bio_piece){pfn_to_page(source), 512, SECTOR_SIZE};
	expect_eq(disk_execute(&btt_case.device, BLOCK_WRITE, 3, piece), -EIO);
	expect_eq(damage_met(), 1);
	btt_case_expect(3, 1);
	for (uint32_t lane = 0; lane < BTT_LANES; lane++)
		expect(!btt_case.state->arenas[0].lanes[lane].given_up);
	expect_eq(btt_case_stamp(3, 2), 0);
	btt_case_expect(3, 2);
	btt_case_expect_sound(0);
}

/* --- And the power. --- */

static struct trace trace;

/* The content may be what it was, and the power may fail now. */
static int repair_and_keep(phys_t unit, size_t bytes)
{
	(void)unit, (void)bytes;
	trace_promise(1);
	return 0;
}

static void write_line(void *unused)
{
	(void)unused;
	expect_eq(write_new(0, CACHE_LINE), 0);
}

static const char *judge_line(const unsigned char *medium, uint64_t promise)
{
	return promise && !all_are((const char *)medium, 'n', CACHE_LINE)
		       ? "a line is repaired whose new content is not durable"
		       : NULL;
}

/* What firmware repairs holds the new data already, or a power failure would bring back the old. */
TEST(pmem_damage, data_is_durable_before_the_repair)
{
	struct crash_search search = {
		.trace = &trace, .domain = PERSISTENCE_MEMORY_CONTROLLER, .judge = judge_line};

	begin();
	require(bad_lines_add(start, 1) == 0);
	pmem_set_repair(repair_and_keep, CACHE_LINE);
	trace.nr_lines = 0;
	trace_watch(&trace, host_virt(start), CACHE_LINE);
	trace_run(&trace, write_line, NULL);
	crash_search(&search);
	expect(search.states >= 256); /* each choice of eight words */
	expect_str(search.first, NULL);
}
