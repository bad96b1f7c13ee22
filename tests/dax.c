/* SPDX-License-Identifier: BSD-2-Clause */
/* Direct access to a disk's memory: what is given, what is held meanwhile, and what is bad. */
#include "drivers/dax.h"

#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum { AREAS = 2 };

static pfn_t start;
static struct pmem_disk disk;
static struct dax_range range;

static void leave(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < AREAS * PAGES_PER_AREA; i++)
		expect_eq(bad_lines_remove(pfn_add(start, i), LINES_ALL), 0);
	for (size_t i = 0; i < AREAS; i++)
		expect_eq(page_collapse(pfn_add(start, i * PAGES_PER_AREA)), 0);
}

/* A disk of two whole areas of the first region that has them. */
static void begin(void)
{
	const struct region *region = NULL;

	do {
		region = next_region(region, MEMORY_PERSISTENT);
		if (!region)
			skip(next_region(NULL, MEMORY_PERSISTENT)
				     ? "no persistent region has two areas"
				     : "the machine has no persistent memory");
		start = pfn(align_up(region->start.n, PAGES_PER_AREA));
	} while (pfn_before(region->end, pfn_add(start, AREAS * PAGES_PER_AREA)));
	require(pmem_disk_create(&disk, "pmem", start, pfn_add(start, AREAS * PAGES_PER_AREA)) ==
		0);
	test_cleanup(leave, NULL);
}

static void make_bad(uint64_t offset)
{
	require(bad_lines_add(phys_add(pfn_to_phys(start), offset), 1) == 0);
}

/* dax_begin() and what it gives from `offset` on, in bytes, or its error. */
static long give(uint64_t offset, size_t bytes)
{
	int error = dax_begin(&disk, offset, bytes, &range);

	if (error)
		return error;
	expect_eq(range.start.addr, pfn_to_phys(start).addr + offset);
	return (long)range.bytes;
}

static void expect_given(uint64_t offset, size_t bytes, long expected)
{
	long given = give(offset, bytes);

	expect_eq(given, expected);
	if (given > 0)
		dax_end(&range);
}

/* All of a good disk is given at once, by one pin for each area, which it holds until the end. */
TEST(dax, whole_areas_cost_one_pin_each)
{
	begin();
	require(give(0, AREAS * AREA_SIZE) == AREAS * AREA_SIZE);
	expect_eq(test_look(start).pins, 1);
	expect_eq(test_look(pfn_add(start, PAGES_PER_AREA)).pins, 1);
	expect_eq(page_split(start), -EBUSY);
	dax_end(&range);
	expect_eq(test_look(start).pins, 0);
	expect_eq(test_look(pfn_add(start, PAGES_PER_AREA)).pins, 0);
}

/* A range begins at any page and crosses areas, whole and split ones. */
TEST(dax, range_crosses_areas)
{
	begin();
	require(page_split(start) == 0);
	require(give(AREA_SIZE - 3 * PAGE_SIZE, 5 * PAGE_SIZE) == 5 * PAGE_SIZE);
	expect_eq(test_look(pfn_add(start, PAGES_PER_AREA - 4)).pins, 0);
	expect_eq(test_look(pfn_add(start, PAGES_PER_AREA - 3)).pins, 1);
	expect_eq(test_look(pfn_add(start, PAGES_PER_AREA + 2)).pins, 1);
	dax_end(&range);
}

/* What is given is the disk's memory: a load there reads its bytes. */
TEST(dax, given_memory_is_the_disk)
{
	begin();
	require(give(PAGE_SIZE, PAGE_SIZE) == PAGE_SIZE);
	expect(host_virt(range.start) == test_virt(start, PAGE_SIZE));
	dax_end(&range);
}

/* Only whole pages of the disk are given, and those past its end are not. */
TEST(dax, only_whole_pages_are_given)
{
	begin();
	expect_given(1, PAGE_SIZE, -EINVAL);
	expect_given(SECTOR_SIZE, PAGE_SIZE, -EINVAL);
	expect_given(0, SECTOR_SIZE, -EINVAL);
	expect_given(0, 0, -EINVAL);
	expect_given(AREAS * AREA_SIZE, PAGE_SIZE, -ERANGE);
	expect_given(align_down(UINT64_MAX, PAGE_SIZE), PAGE_SIZE, -ERANGE);
	expect_given(AREAS * AREA_SIZE - PAGE_SIZE, align_down(SIZE_MAX, PAGE_SIZE), PAGE_SIZE);
}

/* A range that begins bad is refused; one that goes bad later ends before that page. */
TEST(dax, bad_pages_are_not_given)
{
	begin();
	make_bad(5 * PAGE_SIZE + 640);
	make_bad(AREA_SIZE);
	expect_given(5 * PAGE_SIZE, PAGE_SIZE, -EIO);
	expect_given(AREA_SIZE, AREA_SIZE, -EIO);
	expect_given(0, AREAS * AREA_SIZE, 5 * PAGE_SIZE);
	expect_given(4 * PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE);
	expect_given(4 * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE);
	expect_given(6 * PAGE_SIZE, AREAS * AREA_SIZE, AREA_SIZE - 6 * PAGE_SIZE);
	expect_given(AREA_SIZE + PAGE_SIZE, AREA_SIZE, AREA_SIZE - PAGE_SIZE);
}

/* A page that was repaired is given again. */
TEST(dax, repaired_pages_are_given)
{
	begin();
	make_bad(0);
	make_bad(CACHE_LINE);
	expect_eq(bad_lines_remove(start, 1), 0);
	expect_given(0, PAGE_SIZE, -EIO);
	expect_eq(bad_lines_remove(start, 2), 0);
	expect_given(0, PAGE_SIZE, PAGE_SIZE);
}

/* What goes bad while it is given stays so until the end, and is given to nobody else. */
TEST(dax, given_pages_may_go_bad)
{
	struct dax_range other;

	begin();
	require(give(0, AREA_SIZE) == AREA_SIZE);
	make_bad(9 * PAGE_SIZE);
	expect_eq(dax_begin(&disk, 0, PAGE_SIZE, &other), -EIO);
	expect_eq(test_look(start).pins, 1);
	dax_end(&range);
	expect_given(0, AREA_SIZE, 9 * PAGE_SIZE);
	expect_given(10 * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE);
}
