/* SPDX-License-Identifier: BSD-2-Clause */
/* What one CPU does to a BTT while another one is in the middle of reading a sector. */
#include <errno.h>
#include <stdatomic.h>

#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/btt_case.h"
#include "tests/host/damage.h"

enum { SECTOR = 128, SECTOR_BYTES = 512, PATIENCE_NS = 50000000 };

static phys_t place; /* of the sector's first block */

static void begin(void)
{
	btt_case_begin(BTT_VERSION_2_0, SECTOR_BYTES);
	place = phys_add(pfn_to_phys(btt_place.start), BTT_INFO_BYTES + SECTOR * SECTOR_BYTES);
}

/* --- A read that fails. --- */

static void leave(void *unused)
{
	(void)unused;
	damage_end();
	btt_case_close();
	expect_eq(bad_lines_remove(phys_to_pfn(place), LINES_ALL), 0);
	expect_eq(page_collapse(phys_to_pfn(place)), 0);
}

static void write_the_sector(void)
{
	expect_eq(btt_case_stamp(SECTOR, 2), 0);
}

/* A sector that was written while it was read in vain is not said to be bad. */
TEST(btt_reader, written_sector_is_not_marked)
{
	unsigned char data[SECTOR_BYTES];

	begin();
	test_cleanup(leave, NULL);
	damage(place, DAMAGE_UNTIL_STORED);
	damage_meanwhile(place, write_the_sector);
	expect_eq(btt_case_read(SECTOR, data), -EIO);
	expect_eq(damage_met(), 1);
	btt_case_expect(SECTOR, 2);
}

/* --- A read that takes long. --- */

static atomic_bool reading, is_free, overwritten;

/* The reader's CPU, in the middle of the block. */
static void wait_for_the_writer(void)
{
	uint64_t start;

	atomic_store(&reading, true);
	while (!atomic_load(&is_free))
		__builtin_ia32_pause();
	start = host_nanoseconds();
	while (!atomic_load(&overwritten) && host_nanoseconds() - start < PATIENCE_NS)
		__builtin_ia32_pause();
	expect(!atomic_load(&overwritten));
}

/* The first write leaves the block that is read to the CPU's lane, and the second one wants it. */
static void read_and_write(void *unused)
{
	unsigned char data[SECTOR_BYTES];

	(void)unused;
	if (host_cpu() == 0)
		expect_eq(btt_case_read(SECTOR, data), 0);
	if (host_cpu() != 1)
		return;
	while (!atomic_load(&reading))
		__builtin_ia32_pause();
	expect_eq(btt_case_stamp(SECTOR, 2), 0);
	atomic_store(&is_free, true);
	expect_eq(btt_case_stamp(SECTOR, 3), 0);
	atomic_store(&overwritten, true);
}

/* A block that somebody reads is not written, though it is free; and is, when the read is over. */
TEST(btt_reader, reader_is_waited_for)
{
	require(host_cpus() >= 2);
	begin();
	atomic_store(&reading, false);
	atomic_store(&is_free, false);
	atomic_store(&overwritten, false);
	damage_meanwhile(place, wait_for_the_writer);
	host_on_each_cpu(read_and_write, NULL);
	expect(atomic_load(&overwritten));
	btt_case_expect(SECTOR, 3);
}
