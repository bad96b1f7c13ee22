/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA at its smallest: what a pin promises to a device, and what becomes of a device that breaks
 * its own promises. A transfer takes 100 ms, so that there are few, and time to look meanwhile.
 */
#include "drivers/edu.h"

#include <errno.h>
#include <string.h>

#include "drivers/pci_regs.h"
#include "kernel/time.h"
#include "mm/pin_range.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#define LONG_NS  2000000000ull
#define SHORT_NS 1000000ull

/* Longer than a transfer that nobody stopped. */
#define SETTLED_NS 300000000ull

static struct edu *device(void)
{
	struct edu *edu = edu_next(NULL);

	if (!edu)
		skip("the machine has no edu device");
	return edu;
}

/* An area that the device reaches. */
static pfn_t take(struct edu *edu, enum memory_kind kind)
{
	pfn_t area;

	area = test_take(kind, AREA_SIZE);
	if (kind == MEMORY_PERSISTENT && !pfn_to_region(area)->writable)
		skip("no persistent memory may be written; write=all or write=NAME permits it");
	if (pfn_to_phys(area).addr >= edu_reach(edu).addr)
		skip("the device does not reach %s memory", memory_kind_name(kind));
	return area;
}

static struct segment in_area(pfn_t area, size_t offset, size_t length)
{
	return (struct segment){phys_add(pfn_to_phys(area), offset), length};
}

static void *virt(struct segment segment)
{
	return test_virt(phys_to_pfn(segment.start), segment.start.addr % PAGE_SIZE);
}

static void fill(struct segment segment)
{
	uint8_t *bytes = virt(segment);

	for (size_t i = 0; i < segment.length; i++)
		bytes[i] = (uint8_t)test_random();
}

/* The identification was looked at when it was found; here is that it computes. */
TEST(edu, registers)
{
	struct edu *edu = device();
	uint32_t expected = 1, found;

	expect(edu_complements(edu, 0));
	expect(edu_complements(edu, 0x12345678));
	expect(edu_complements(edu, 0xfffffffe));
	for (uint32_t i = 0; i <= 12; i++) {
		expected *= i ? i : 1;
		require(edu_factorial(edu, i, &found) == 0);
		expect_eq(found, expected);
	}
}

/* What the device reads in one place it writes to another, and not a byte more. */
static void copy(enum memory_kind from, enum memory_kind to, bool split)
{
	enum { GUARD = 64 };

	struct edu *edu = device();
	pfn_t first = take(edu, from), second = take(edu, to);
	struct segment source = in_area(first, 0x12345, 3001);
	struct segment target = in_area(second, 0x54321, 3001);
	struct segment around = in_area(second, 0x54321 - GUARD, 3001 + 2 * GUARD);
	struct page *pages[2];

	if (split)
		require(page_split(first) == 0 && page_split(second) == 0);
	fill(source);
	memset(virt(around), 0x5a, around.length);
	pages[0] = test_pin(phys_to_pfn(source.start));
	pages[1] = test_pin(phys_to_pfn(target.start));
	expect_eq(page_size(pages[0]), split ? PAGE_SIZE : AREA_SIZE);
	expect_eq(edu_transfer(edu, EDU_FROM_MEMORY, &source, 1), 0);
	expect_eq(edu_transfer(edu, EDU_TO_MEMORY, &target, 1), 0);
	page_unpin(pages[0]);
	page_unpin(pages[1]);
	expect(memcmp(virt(source), virt(target), source.length) == 0);
	for (size_t i = 0; i < GUARD; i++) {
		const uint8_t *bytes = virt(around);

		expect(bytes[i] == 0x5a && bytes[around.length - 1 - i] == 0x5a);
	}
}

TEST(edu, dram_whole)
{
	copy(MEMORY_DRAM, MEMORY_DRAM, false);
}

TEST(edu, dram_split)
{
	copy(MEMORY_DRAM, MEMORY_DRAM, true);
}

TEST(edu, persistent_whole)
{
	copy(MEMORY_DRAM, MEMORY_PERSISTENT, false);
	copy(MEMORY_PERSISTENT, MEMORY_DRAM, false);
}

TEST(edu, persistent_split)
{
	copy(MEMORY_PERSISTENT, MEMORY_PERSISTENT, true);
}

/* Runs of frames of a split area become segments, and these one after another in the buffer. */
static void batch(enum memory_kind kind)
{
	static const unsigned frames[] = {3, 4, 9, 100, 511};
	static const size_t lengths[] = {1000, 1, 900, 2000, 194};
	struct segment sources[5], targets[5];
	struct edu *edu = device();
	pfn_t area = take(edu, kind);
	size_t nr = 0;

	require(page_split(area) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		size_t pinned = 0;
		pfn_t frame = pfn_add(area, frames[i]);

		require(pin_range(frame, 1, &sources[i], &pinned, 1) == 0);
		sources[i].length = lengths[i];
		targets[i] = in_area(area, 200 * PAGE_SIZE + nr, lengths[i]);
		nr += lengths[i];
		fill(sources[i]);
	}
	expect_eq(nr, EDU_BYTES);
	require(pin_range(pfn_add(area, 200), 1, &targets[0], &(size_t){0}, 1) == 0);
	targets[0].length = nr;
	expect_eq(edu_transfer(edu, EDU_FROM_MEMORY, sources, ARRAY_SIZE(sources)), 0);
	expect_eq(edu_transfer(edu, EDU_TO_MEMORY, targets, 1), 0);
	for (size_t i = 0, at = 0; i < ARRAY_SIZE(frames); at += lengths[i++])
		expect(memcmp(virt(sources[i]), (char *)virt(targets[0]) + at, lengths[i]) == 0);
	memset(virt(sources[1]), 0, 1);
	expect_eq(edu_transfer(edu, EDU_FROM_MEMORY, targets, 1), 0);
	expect_eq(edu_transfer(edu, EDU_TO_MEMORY, sources, 2), 0);
	expect(memcmp(virt(sources[1]), (char *)virt(targets[0]) + lengths[0], lengths[1]) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		unpin_range(pfn_add(area, frames[i]), 1);
	unpin_range(pfn_add(area, 200), 1);
}

TEST(edu, segments_in_dram)
{
	batch(MEMORY_DRAM);
}

TEST(edu, segments_in_persistent_memory)
{
	batch(MEMORY_PERSISTENT);
}

/* While a transfer is under way its page is neither split, collapsed nor freed; later it is. */
static void transfer_and_disturb(enum memory_kind kind)
{
	struct edu *edu = device();
	pfn_t area = take(edu, kind);
	struct page *page = test_pin(area);

	require(edu_start(edu, EDU_TO_MEMORY, in_area(area, 0, 512), 0) == 0);
	expect_eq(page_split(area), -EBUSY);
	expect_eq(frame_free(area, AREA_SIZE), -EBUSY);
	expect_eq(edu_poll(edu), -EINPROGRESS);
	expect_eq(edu_wait(edu, LONG_NS), 0);
	page_unpin(page);
	require(page_split(area) == 0);
	page = test_pin(pfn_add(area, 77));
	require(edu_start(edu, EDU_TO_MEMORY, in_area(area, 77 * PAGE_SIZE, 512), 0) == 0);
	expect_eq(page_collapse(area), -EBUSY);
	expect_eq(frame_free(pfn_add(area, 77), PAGE_SIZE), -EBUSY);
	expect_eq(edu_poll(edu), -EINPROGRESS);
	expect_eq(edu_wait(edu, LONG_NS), 0);
	page_unpin(page);
	expect_eq(page_collapse(area), 0);
}

TEST(edu, pins_hold_in_dram)
{
	transfer_and_disturb(MEMORY_DRAM);
}

TEST(edu, pins_hold_in_persistent_memory)
{
	transfer_and_disturb(MEMORY_PERSISTENT);
}

/* Memory that the device is not known to reach is refused, to the last byte. */
TEST(edu, beyond_its_reach)
{
	struct edu *edu = device();
	phys_t reach = edu_reach(edu);
	const struct region *region = next_region(NULL, MEMORY_PERSISTENT);

	expect_eq(edu_start(edu, EDU_TO_MEMORY, (struct segment){reach, 1}, 0), -ERANGE);
	expect_eq(edu_start(edu, EDU_FROM_MEMORY, (struct segment){phys(reach.addr - 1), 2}, 0),
		  -ERANGE);
	expect_eq(edu_start(edu, EDU_TO_MEMORY, (struct segment){phys(UINT64_MAX), 2}, 0), -ERANGE);
	if (region && pfn_to_phys(region->start).addr >= reach.addr)
		expect_eq(edu_start(edu, EDU_TO_MEMORY, in_area(region->start, 0, 512), 0),
			  -ERANGE);
	expect_eq(edu_poll(edu), 0);
}

/* What does not fit into the buffer is refused, and so is a second transfer. */
TEST(edu, transfers_that_cannot_be)
{
	struct edu *edu = device();
	pfn_t area = take(edu, MEMORY_DRAM);
	struct page *page = test_pin(area);

	expect_eq(edu_start(edu, EDU_TO_MEMORY, in_area(area, 0, 0), 0), -EINVAL);
	expect_eq(edu_start(edu, EDU_TO_MEMORY, in_area(area, 0, EDU_BYTES + 1), 0), -EINVAL);
	expect_eq(edu_start(edu, EDU_TO_MEMORY, in_area(area, 0, EDU_BYTES), 1), -EINVAL);
	expect_eq(edu_start(edu, EDU_TO_MEMORY, in_area(area, 0, 1), EDU_BYTES), -EINVAL);
	expect_eq(edu_start(edu, EDU_TO_MEMORY, in_area(area, 0, 1), SIZE_MAX), -EINVAL);
	require(edu_start(edu, EDU_FROM_MEMORY, in_area(area, 0, 1), EDU_BYTES - 1) == 0);
	expect_eq(edu_start(edu, EDU_FROM_MEMORY, in_area(area, 0, 1), 0), -EBUSY);
	expect_eq(edu_wait(edu, LONG_NS), 0);
	page_unpin(page);
}

/*
 * After a transfer that ended badly, and may still be under way: memory stays as it was, also when
 * the device is taken into use again, and the device works.
 */
static void expect_stopped(struct edu *edu, struct segment memory)
{
	const uint8_t *bytes = virt(memory);

	expect_eq(edu_start(edu, EDU_TO_MEMORY, memory, 0), -ENODEV);
	require(edu_restart(edu) == 0);
	time_wait(SETTLED_NS);
	for (size_t i = 0; i < memory.length; i++)
		expect_eq(bytes[i], 0x5a);
	memset(virt(memory), 0x77, memory.length);
	expect_eq(edu_transfer(edu, EDU_FROM_MEMORY, &memory, 1), 0);
	memset(virt(memory), 0, memory.length);
	expect_eq(edu_transfer(edu, EDU_TO_MEMORY, &memory, 1), 0);
	expect_eq(bytes[memory.length - 1], 0x77);
}

/* A transfer whose time is over cannot write any more when its pins are returned. */
TEST(edu, timeout_stops_dma)
{
	struct edu *edu = device();
	pfn_t area = take(edu, MEMORY_DRAM);
	struct segment target = in_area(area, 4096, 64);
	struct page *page = test_pin(area);

	memset(virt(target), 0x5a, target.length);
	require(edu_start(edu, EDU_TO_MEMORY, target, 0) == 0);
	expect_eq(edu_wait(edu, SHORT_NS), -ETIMEDOUT);
	expect_stopped(edu, target);
	page_unpin(page);
}

/* Nor one of a device that is not there any more: its registers read as all ones. */
TEST(edu, device_that_goes_away)
{
	struct edu *edu = device();
	const unsigned command = offsetof(struct pci_header, command);
	pfn_t area = take(edu, MEMORY_DRAM);
	struct segment target = in_area(area, 4096, 64);
	struct page *page = test_pin(area);
	uint16_t on = pci_read16(edu_function(edu), command);

	memset(virt(target), 0x5a, target.length);
	require(edu_start(edu, EDU_TO_MEMORY, target, 0) == 0);
	pci_write16(edu_function(edu), command, on & (uint16_t)~PCI_COMMAND_MEMORY);
	expect_eq(edu_wait(edu, LONG_NS), -ENODEV);
	expect(!(pci_read16(edu_function(edu), command) & PCI_COMMAND_BUS_MASTER));
	expect_stopped(edu, target);
	page_unpin(page);
}
