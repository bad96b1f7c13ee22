/* SPDX-License-Identifier: BSD-2-Clause */
/* What can be read and written around bad lines of persistent memory. */
#include "drivers/pmem_io.h"

#include "drivers/block.h"
#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static pfn_t area;
static phys_t start;
static char buffer[2 * PAGE_SIZE];

static void give_area(void *unused)
{
	(void)unused;
	expect_eq(frame_free(area, AREA_SIZE), 0);
}

static void leave(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(bad_lines_remove(pfn_add(area, i), LINES_ALL), 0);
	expect_eq(page_collapse(area), 0);
}

/* An area of persistent memory that may be written, in which every sector is full of its own
 * number. */
static void begin(void)
{
	require(frame_alloc_area_in(next_writable(NULL), &area) == 0);
	test_cleanup(give_area, NULL);
	start = pfn_to_phys(area);
	test_cleanup(leave, NULL);
	for (size_t i = 0; i < AREA_SIZE / SECTOR_SIZE; i++)
		persist_set((char *)host_virt(start) + i * SECTOR_SIZE, (int)i, SECTOR_SIZE);
}

static int read_sectors(size_t first, size_t nr)
{
	int error;

	memset(buffer, 0xff, sizeof(buffer));
	error = pmem_read(phys_add(start, first * SECTOR_SIZE), buffer, nr * SECTOR_SIZE);
	for (size_t i = 0; i < nr * SECTOR_SIZE && !error; i++)
		if (buffer[i] != (char)(first + i / SECTOR_SIZE))
			fail("byte %zu of sector %zu is not its own", i % SECTOR_SIZE,
			     first + i / SECTOR_SIZE);
	return error;
}

static void make_bad(uint64_t offset, size_t bytes)
{
	require(bad_lines_add(phys_add(start, offset), bytes) == 0);
}

/* A sector with a bad line cannot be read; the seven others of its frame can. */
TEST(pmem_io, bad_sector_is_bad_alone)
{
	begin();
	make_bad(3 * SECTOR_SIZE + 64, 1);
	for (size_t i = 0; i < 16; i++)
		expect_eq(read_sectors(i, 1), i == 3 ? -EIO : 0);
	expect_eq(read_sectors(0, 3), 0);
	expect_eq(read_sectors(0, 4), -EIO);
	expect_eq(read_sectors(2, 8), -EIO);
	expect_eq(read_sectors(4, 12), 0);
}

/* Any byte of a bad sector counts as bad, those of its good lines too. */
TEST(pmem_io, bad_sector_is_bad_in_whole)
{
	begin();
	make_bad(SECTOR_SIZE, 1);
	expect_eq(pmem_read(phys_add(start, 2 * SECTOR_SIZE - 1), buffer, 1), -EIO);
	expect_eq(pmem_read(phys_add(start, 2 * SECTOR_SIZE), buffer, 1), 0);
	expect_eq(pmem_read(phys_add(start, 0), buffer, SECTOR_SIZE), 0);
	expect_eq(pmem_read(phys_add(start, 0), buffer, SECTOR_SIZE + 1), -EIO);
}

/* While an area is pinned, one bad line takes all of it out of use; I/O goes on around the sector.
 */
TEST(pmem_io, rest_of_a_pinned_area_can_be_used)
{
	struct page *page;

	begin();
	page = test_pin(area);
	make_bad(0, 1);
	expect(page_pin(pfn_add(area, 9)) == NULL);
	expect_eq(read_sectors(0, 1), -EIO);
	expect_eq(read_sectors(7, 9), 0);
	memset(buffer, 72, SECTOR_SIZE);
	expect_eq(pmem_write(phys_add(start, 72 * SECTOR_SIZE), buffer, SECTOR_SIZE), 0);
	expect_eq(read_sectors(72, 1), 0);
	page_unpin(page);
}

/* A page that has all the pins it can have is neither read nor written, for it cannot be held. */
TEST(pmem_io, page_without_a_pin_to_spare_is_refused)
{
	struct page *page = NULL;

	begin();
	for (uint32_t i = 0; i < PAGE_PINS_MAX; i++)
		require((page = page_pin(area)) != NULL);
	expect_eq(read_sectors(1, 1), -EIO);
	memset(buffer, 72, SECTOR_SIZE);
	expect_eq(pmem_write(phys_add(start, SECTOR_SIZE), buffer, SECTOR_SIZE), -EIO);
	for (uint32_t i = 0; i < PAGE_PINS_MAX; i++)
		page_unpin(page);
	expect_eq(read_sectors(1, 1), 0);
}

/* The first bad byte of a range is found, in whichever of its frames. */
TEST(pmem_io, first_bad_byte_is_found)
{
	phys_t bad = phys(0);

	begin();
	expect(!pmem_find_bad(start, AREA_SIZE, &bad));
	make_bad(4 * PAGE_SIZE + 1000, 1);
	make_bad(2 * PAGE_SIZE + 600, 1);
	expect(!pmem_find_bad(start, 2 * PAGE_SIZE + SECTOR_SIZE, &bad));
	require(pmem_find_bad(start, AREA_SIZE, &bad));
	expect_eq(bad.addr - start.addr, 2 * PAGE_SIZE + SECTOR_SIZE);
	require(pmem_find_bad(phys_add(start, 2 * PAGE_SIZE + 700), AREA_SIZE / 2, &bad));
	expect_eq(bad.addr - start.addr, 2 * PAGE_SIZE + 700);
	require(pmem_find_bad(phys_add(start, 3 * PAGE_SIZE), AREA_SIZE / 2, &bad));
	expect_eq(bad.addr - start.addr, 4 * PAGE_SIZE + SECTOR_SIZE);
}

/* A sector that is written in whole is good again; its frame is when all of its lines are. */
TEST(pmem_io, write_repairs_what_it_covers)
{
	begin();
	make_bad(2 * SECTOR_SIZE - 1, 2);
	memset(buffer, 1, SECTOR_SIZE);
	expect_eq(pmem_write(phys_add(start, SECTOR_SIZE), buffer, SECTOR_SIZE), 0);
	expect_eq(read_sectors(1, 1), 0);
	expect_eq(read_sectors(2, 1), -EIO);
	expect(page_pin(area) == NULL);
	memset(buffer, 2, SECTOR_SIZE);
	expect_eq(pmem_write(phys_add(start, 2 * SECTOR_SIZE), buffer, SECTOR_SIZE), 0);
	expect_eq(read_sectors(0, 8), 0);
	page_unpin(test_pin(area));
}
