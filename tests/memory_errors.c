/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine checks that are raised on request: what they take out of use, and who goes on. */
#include "drivers/pmem_disk.h"
#include "kernel/machine_check.h"
#include "mm/bad_lines.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/disk.h"
#include "tests/harness/frame_chain.h"
#include "tests/harness/memory.h"
#include "tests/inject.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static lines_t line_in_frame(phys_t line)
{
	return lines_holding(line.addr % PAGE_SIZE, CACHE_LINE);
}

/* A corrected error raises nothing, is found on whichever CPU it is, and costs no memory. */
TEST(memory_errors, corrected_ones_are_found)
{
	pfn_t area = take_area_to_lose(MEMORY_DRAM);

	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		inject_and_wait(INJECT_CORRECTED, cpu, pfn_to_phys(area), CACHE_LINE);
	expect(bad_lines_of(area) == 0);
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(can_be_pinned(area));
}

static void expect_lost_alone(pfn_t area, pfn_t lost)
{
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		pfn_t frame = pfn_add(area, i);

		expect_eq(test_look(frame).size, PAGE_SIZE);
		expect_eq(can_be_pinned(frame), !pfn_eq(frame, lost));
	}
}

static void lose_a_line(pfn_t area)
{
	phys_t line = random_line(area);

	inject_and_wait(INJECT_SCRUBBED, 0, line, CACHE_LINE);
	expect(bad_lines_of(phys_to_pfn(line)) == line_in_frame(line));
	expect_lost_alone(area, phys_to_pfn(line));
	repair_area(area);
}

/* A line that a scrub lost takes one frame out of use, and its area is split for it. */
TEST(memory_errors, scrubbed_line_costs_one_frame)
{
	need_injection();
	with_each_kind(lose_a_line);
}

/* An error that is known to a page only costs all of its lines. */
TEST(memory_errors, coarse_address_costs_all_lines)
{
	phys_t line = random_line(take_area_to_lose(MEMORY_DRAM));

	inject_and_wait(INJECT_SCRUBBED, 0, line, PAGE_SIZE);
	expect(bad_lines_of(phys_to_pfn(line)) == LINES_ALL);
}

/* While an area is pinned it is out of use in whole; then only the bad frame is. */
TEST(memory_errors, pinned_area_waits_for_its_pins)
{
	pfn_t area = take_area_to_lose(MEMORY_DRAM);
	struct page *page = test_pin(area);
	phys_t line = random_line(area);

	inject_and_wait(INJECT_SCRUBBED, 0, line, CACHE_LINE);
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(!can_be_pinned(area));
	page_unpin(page);
	expect_lost_alone(area, phys_to_pfn(line));
}

/* A frame that goes bad while it is free is not handed out, though all memory is. */
TEST(memory_errors, bad_frame_is_not_handed_out)
{
	struct frame_chain chain = {.room = frames_free(MEMORY_DRAM)};
	pfn_t area, frame;
	bool found = false;
	phys_t line;

	need_injection();
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	line = random_line(area);
	inject_and_wait(INJECT_SCRUBBED, 0, line, CACHE_LINE);
	while (frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0) {
		found |= pfn_eq(pfn_area(frame), area);
		expect(!pfn_eq(frame, phys_to_pfn(line)));
		frame_chain_push(&chain, frame, PAGE_SIZE);
	}
	frame_chain_free(&chain);
	expect(found);
	frame_alloc_flush();
	repair_area(area);
}

/* An error where no region is takes nothing out of use, and the run goes on. */
TEST(memory_errors, unmanaged_memory_is_only_reported)
{
	need_injection();
	inject_and_wait(INJECT_SCRUBBED, 0, phys(0x1000), CACHE_LINE);
	expect_str(page_map_check(), NULL);
}

static void do_nothing(void *unused)
{
	(void)unused;
}

/* One error that every CPU is told of stops none of them, and is handled once. */
TEST(memory_errors, every_cpu_may_be_told)
{
	uint64_t before = machine_check_count(MACHINE_OPTIONAL);
	phys_t line = random_line(take_area_to_lose(MEMORY_DRAM));

	inject_and_wait(INJECT_SCRUBBED_FOR_ALL, host_cpus() - 1, line, CACHE_LINE);
	host_on_each_cpu(do_nothing, NULL);
	expect_eq(machine_check_count(MACHINE_OPTIONAL), before + 1);
	expect(bad_lines_of(phys_to_pfn(line)) == line_in_frame(line));
}

/* --- Errors that somebody reads --- */

/*
 * The copy that met the error says how far it came, and what it copied is right. The last bytes of
 * the line are none of its words, so that it is never at its end already.
 */
TEST(memory_errors, copy_says_how_far_it_came)
{
	enum { BYTES = CACHE_LINE - 1 };
	uint64_t before = machine_check_count(MACHINE_REQUIRED), start;
	char from[BYTES], to[BYTES];
	phys_t line;
	size_t read;

	line = random_line(take_area_to_lose(MEMORY_PERSISTENT));
	for (size_t i = 0; i < BYTES; i++)
		from[i] = (char)(i + 1);
	persist_copy(host_virt(line), from, BYTES);
	inject(INJECT_READ, 0, line, CACHE_LINE);
	start = host_nanoseconds();
	do {
		memset(to, 0, BYTES);
		read = host_read(to, host_virt(line), BYTES);
	} while (read == BYTES && !injection_is_late(start));
	require(read < BYTES);
	expect_eq(read % 8, 0);
	expect(memcmp(to, from, read) == 0);
	for (size_t i = read; i < BYTES; i++)
		expect_eq(to[i], 0);
	expect_eq(machine_check_count(MACHINE_REQUIRED), before + 1);
	expect(bad_lines_of(phys_to_pfn(line)) == lines_holding(line.addr % PAGE_SIZE, CACHE_LINE));
}

static struct pmem_disk disk;

static int disk_sector(enum block_operation operation, uint64_t sector, pfn_t memory)
{
	struct bio_piece piece = {pfn_to_page(memory), 0, SECTOR_SIZE};

	return disk_execute(&disk.device, operation, sector, piece);
}

/*
 * The disk fails the sector that was being read, again without touching it, and none beside it; a
 * write makes it good, and its frame may be pinned again.
 */
TEST(memory_errors, disk_fails_one_sector)
{
	enum { SECTORS_PER_PAGE = PAGE_SIZE / SECTOR_SIZE };
	uint64_t before = machine_check_count(MACHINE_REQUIRED), start, sector;
	pfn_t area, memory;
	int error;

	area = take_area_to_lose(MEMORY_PERSISTENT);
	memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	sector = test_random_below(AREA_SIZE / SECTOR_SIZE);
	require(pmem_disk_create(&disk, "pmem", area, pfn_add(area, PAGES_PER_AREA)) == 0);
	inject(INJECT_READ, 0, phys_add(pfn_to_phys(area), sector * SECTOR_SIZE), CACHE_LINE);
	start = host_nanoseconds();
	do
		error = disk_sector(BLOCK_READ, sector, memory);
	while (!error && !injection_is_late(start));
	expect_eq(error, -EIO);
	expect_eq(disk_sector(BLOCK_READ, sector, memory), -EIO);
	expect_eq(machine_check_count(MACHINE_REQUIRED), before + 1);
	for (uint64_t each = align_down(sector, SECTORS_PER_PAGE), i = 0; i < SECTORS_PER_PAGE; i++)
		expect_eq(disk_sector(BLOCK_READ, each + i, memory), each + i == sector ? -EIO : 0);
	expect(!can_be_pinned(pfn_add(area, sector / SECTORS_PER_PAGE)));
	expect_eq(disk_sector(BLOCK_WRITE, sector, memory), 0);
	expect_eq(disk_sector(BLOCK_READ, sector, memory), 0);
	expect(can_be_pinned(pfn_add(area, sector / SECTORS_PER_PAGE)));
}

/* Begins with the instruction that reads, which is where what was asked for comes. */
_Noreturn void read_for_ever(const void *);

__asm__(".type read_for_ever, @function\n"
	"read_for_ever:\n\t"
	"movq (%rdi), %rax\n\t"
	"jmp read_for_ever\n\t"
	".size read_for_ever, . - read_for_ever");

static void read_on(void *at)
{
	read_for_ever(at);
}

/* Code that may do without what it reads is left where it met the error, as if it had returned. */
TEST(memory_errors, contained_code_is_left)
{
	uint64_t before = machine_check_count(MACHINE_REQUIRED);
	phys_t line = random_line(take_area_to_lose(MEMORY_DRAM));
	const char *at = host_virt(line);

	inject_at(INJECT_READ, (uintptr_t)read_for_ever, 0, line, CACHE_LINE);
	expect_eq(host_contain(read_on, host_virt(line), at - 64, 65), -EIO);
	expect_eq(machine_check_count(MACHINE_REQUIRED), before + 1);
	expect(bad_lines_of(phys_to_pfn(line)) == line_in_frame(line));
	expect_eq(host_contain(do_nothing, NULL, at, CACHE_LINE), 0);
}

/* --- What no code can go on after: see tests/fault.c --- */

static void meet(enum injection kind)
{
	phys_t address;

	need_injection();
	address = phys_add(pfn_to_phys(test_take(MEMORY_PERSISTENT, AREA_SIZE)), 0x3240);
	inject_at(kind, (uintptr_t)read_for_ever, 0, address, CACHE_LINE);
	read_for_ever(host_virt(address));
}

/* It reads bad memory by an instruction that cannot do without. */
TEST(fault, reads_bad_memory)
{
	meet(INJECT_READ);
}

/* So does code that was said to do without other memory, but not without this. */
TEST(fault, reads_bad_memory_elsewhere)
{
	phys_t address;

	need_injection();
	address = phys_add(pfn_to_phys(test_take(MEMORY_PERSISTENT, AREA_SIZE)), 0x3240);
	inject_at(INJECT_READ, (uintptr_t)read_for_ever, 0, address, CACHE_LINE);
	(void)!host_contain(read_on, host_virt(address), (char *)host_virt(address) + CACHE_LINE,
			    PAGE_SIZE);
}

/* The CPU says that its own state is not to be trusted. */
TEST(fault, has_a_corrupt_cpu)
{
	meet(INJECT_CORRUPT);
}
