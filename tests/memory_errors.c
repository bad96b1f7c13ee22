/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine checks that are raised on request: what they take out of use, and who goes on. */
#include "drivers/block.h"
#include "drivers/pmem_disk.h"
#include "drivers/pmem_io.h"
#include "kernel/machine_check.h"
#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/inject.h"
#include "tests/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* A request comes back within milliseconds, unless the host is busy. */
#define PATIENCE_NANOSECONDS 20000000000ull

static pfn_t area;

static void leave(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(bad_lines_remove(pfn_add(area, i), LINES_ALL), 0);
	expect_eq(page_collapse(area), 0);
}

/* An area whose frames go bad, whole and in use again afterwards. */
static pfn_t take_area(enum memory_kind kind)
{
	need_injection();
	area = test_take(kind, AREA_SIZE);
	test_cleanup(leave, NULL);
	return area;
}

static phys_t line_of(pfn_t frame, unsigned line)
{
	return phys_add(pfn_to_phys(frame), line * (uint64_t)CACHE_LINE);
}

static pfn_t random_frame(void)
{
	return pfn_add(area, test_random_below(PAGES_PER_AREA));
}

static unsigned random_line(void)
{
	return (unsigned)test_random_below(LINES_PER_PAGE);
}

static void look_into_banks(void *unused)
{
	(void)unused;
	machine_check_poll();
}

/* Until so many errors of this severity were noted since the start. */
static void wait_for(enum machine_severity severity, uint64_t count)
{
	uint64_t start = host_nanoseconds();

	while (machine_check_count(severity) < count) {
		if (host_nanoseconds() - start > PATIENCE_NANOSECONDS) {
			fail("no %s error within %llu s of the request",
			     machine_severity_name(severity), PATIENCE_NANOSECONDS / 1000000000);
			return;
		}
		if (severity == MACHINE_CORRECTED)
			host_on_each_cpu(look_into_banks, NULL);
	}
}

static void inject_and_wait(enum injection kind, enum machine_severity severity, unsigned cpu,
			    phys_t address, size_t bytes)
{
	uint64_t before = machine_check_count(severity);

	inject(kind, cpu, address, bytes);
	wait_for(severity, before + 1);
}

static bool can_be_pinned(pfn_t frame)
{
	struct page *page = page_pin(frame);

	if (page)
		page_unpin(page);
	return page != NULL;
}

/* A corrected error raises nothing, is found on whichever CPU it is, and costs no memory. */
TEST(memory_errors, corrected_ones_are_found)
{
	take_area(MEMORY_DRAM);
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		inject_and_wait(INJECT_CORRECTED, MACHINE_CORRECTED, cpu, pfn_to_phys(area),
				CACHE_LINE);
	expect(bad_lines_of(area) == 0);
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(can_be_pinned(area));
}

static void lose_a_line(pfn_t start)
{
	pfn_t frame;
	unsigned line;

	area = start;
	frame = random_frame();
	line = random_line();
	inject_and_wait(INJECT_SCRUBBED, MACHINE_OPTIONAL, 0, line_of(frame, line), CACHE_LINE);
	expect(bad_lines_of(frame) == (lines_t)1 << line);
	for (size_t i = 0; i < PAGES_PER_AREA; i++) {
		pfn_t each = pfn_add(area, i);

		expect_eq(test_look(each).size, PAGE_SIZE);
		expect_eq(can_be_pinned(each), !pfn_eq(each, frame));
	}
	leave(NULL);
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
	pfn_t frame;

	take_area(MEMORY_DRAM);
	frame = random_frame();
	inject_and_wait(INJECT_SCRUBBED, MACHINE_OPTIONAL, 0, line_of(frame, random_line()),
			PAGE_SIZE);
	expect(bad_lines_of(frame) == LINES_ALL);
}

/* While an area is pinned it is out of use in whole; then only the bad frame is. */
TEST(memory_errors, pinned_area_waits_for_its_pins)
{
	pfn_t frame;
	struct page *page;

	take_area(MEMORY_DRAM);
	page = test_pin(area);
	frame = random_frame();
	inject_and_wait(INJECT_SCRUBBED, MACHINE_OPTIONAL, 0, line_of(frame, 0), CACHE_LINE);
	expect_eq(test_look(area).size, AREA_SIZE);
	expect(!can_be_pinned(area));
	page_unpin(page);
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(can_be_pinned(pfn_add(area, i)), !pfn_eq(pfn_add(area, i), frame));
}

/* Frames that are taken and not given back yet, linked through themselves; 0: no more. */
static void give_back(pfn_t last)
{
	while (last.n) {
		pfn_t next = *(pfn_t *)test_virt(last, 0);

		expect_eq(frame_free(last, PAGE_SIZE), 0);
		last = next;
	}
}

/* A frame that goes bad while it is free is not handed out, though all memory is. */
TEST(memory_errors, bad_frame_is_not_handed_out)
{
	pfn_t last = pfn(0), frame, bad;
	bool found = false;

	need_injection();
	require(frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area) == 0);
	require(frame_free(area, AREA_SIZE) == 0);
	test_cleanup(leave, NULL);
	bad = random_frame();
	inject_and_wait(INJECT_SCRUBBED, MACHINE_OPTIONAL, 0, line_of(bad, 0), CACHE_LINE);
	while (frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0) {
		found |= pfn_eq(pfn_area(frame), area);
		expect(!pfn_eq(frame, bad));
		*(pfn_t *)test_virt(frame, 0) = last;
		last = frame;
	}
	give_back(last);
	expect(found);
}

/* An error where no region is takes nothing out of use, and the run goes on. */
TEST(memory_errors, unmanaged_memory_is_only_reported)
{
	need_injection();
	inject_and_wait(INJECT_SCRUBBED, MACHINE_OPTIONAL, 0, phys(0x1000), CACHE_LINE);
	expect_str(page_map_check(), NULL);
}

/* One error that every CPU is told of stops none of them, and is handled once. */
TEST(memory_errors, every_cpu_may_be_told)
{
	uint64_t optional = machine_check_count(MACHINE_OPTIONAL);
	pfn_t frame;

	take_area(MEMORY_DRAM);
	frame = random_frame();
	inject_and_wait(INJECT_SCRUBBED_FOR_ALL, MACHINE_OPTIONAL, host_cpus() - 1,
			line_of(frame, 3), CACHE_LINE);
	host_on_each_cpu(look_into_banks, NULL);
	expect_eq(machine_check_count(MACHINE_OPTIONAL), optional + 1);
	expect(bad_lines_of(frame) == 8);
}

/* --- Errors that somebody reads --- */

static bool out_of_patience(uint64_t start)
{
	return host_nanoseconds() - start > PATIENCE_NANOSECONDS;
}

/* Reads a frame until that fails, as has been asked for. */
static int read_until_error(phys_t in_frame)
{
	char frame[PAGE_SIZE];
	uint64_t start = host_nanoseconds();
	int error;

	do
		error = pmem_read(phys(align_down(in_frame.addr, PAGE_SIZE)), frame, sizeof(frame));
	while (!error && !out_of_patience(start));
	return error;
}

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

	take_area(MEMORY_PERSISTENT);
	line = line_of(random_frame(), random_line());
	for (size_t i = 0; i < BYTES; i++)
		from[i] = (char)(i + 1);
	persist_copy(host_virt(line), from, BYTES);
	inject(INJECT_READ, 0, line, CACHE_LINE);
	start = host_nanoseconds();
	do {
		memset(to, 0, BYTES);
		read = host_read(to, host_virt(line), BYTES);
	} while (read == BYTES && !out_of_patience(start));
	require(read < BYTES);
	expect_eq(read % 8, 0);
	expect(memcmp(to, from, read) == 0);
	for (size_t i = read; i < BYTES; i++)
		expect_eq(to[i], 0);
	expect_eq(machine_check_count(MACHINE_REQUIRED), before + 1);
	expect(bad_lines_of(phys_to_pfn(line)) == lines_holding(line.addr % PAGE_SIZE, CACHE_LINE));
}

static struct pmem_disk disk;

static int disk_does(enum block_operation operation, uint64_t sector, size_t sectors, pfn_t memory)
{
	struct bio_piece piece = {pfn_to_page(memory), 0, sectors * SECTOR_SIZE};
	struct bio bio = {
		.operation = operation,
		.sector = sector,
		.pieces = &piece,
		.nr_pieces = 1,
	};

	return block_execute(&disk.device, &bio);
}

/*
 * The disk fails the sector that was being read, again without touching it, and none beside it; a
 * write makes it good, and its frame may be pinned again.
 */
TEST(memory_errors, disk_fails_one_sector)
{
	enum { SECTORS_PER_PAGE = PAGE_SIZE / SECTOR_SIZE };
	uint64_t before = machine_check_count(MACHINE_REQUIRED), start, sector;
	pfn_t memory;
	int error;

	take_area(MEMORY_PERSISTENT);
	memory = test_take(MEMORY_DRAM, PAGE_SIZE);
	sector = test_random_below(AREA_SIZE / SECTOR_SIZE);
	require(pmem_disk_create(&disk, "pmem", area, pfn_add(area, PAGES_PER_AREA)) == 0);
	inject(INJECT_READ, 0, phys_add(pfn_to_phys(area), sector * SECTOR_SIZE), CACHE_LINE);
	start = host_nanoseconds();
	do
		error = disk_does(BLOCK_READ, sector, 1, memory);
	while (!error && !out_of_patience(start));
	expect_eq(error, -EIO);
	expect_eq(disk_does(BLOCK_READ, sector, 1, memory), -EIO);
	expect_eq(machine_check_count(MACHINE_REQUIRED), before + 1);
	for (uint64_t each = align_down(sector, SECTORS_PER_PAGE), i = 0; i < SECTORS_PER_PAGE; i++)
		expect_eq(disk_does(BLOCK_READ, each + i, 1, memory),
			  each + i == sector ? -EIO : 0);
	expect(!can_be_pinned(pfn_add(area, sector / SECTORS_PER_PAGE)));
	expect_eq(disk_does(BLOCK_WRITE, sector, 1, memory), 0);
	expect_eq(disk_does(BLOCK_READ, sector, 1, memory), 0);
	expect(can_be_pinned(pfn_add(area, sector / SECTORS_PER_PAGE)));
}

/* --- Hundreds of them, while all CPUs work --- */

enum { ROUNDS = 200 };

/* What CPU 0 tells another CPU, and hears back. */
enum order {
	ORDER_WORK,
	ORDER_READ, /* the frame of `target`, until that fails */
	ORDER_READING,
	ORDER_FAILED,
	ORDER_LEAVE,
};

static struct worker {
	_Atomic(enum order) order;
	atomic_uint steps; /* of its work */
	phys_t target;
	int error;
	uint64_t random;
} workers[HOST_CPUS_MAX];

static uint64_t draw(struct worker *worker, uint64_t limit)
{
	worker->random = worker->random * 6364136223846793005 + 1442695040888963407;
	return (worker->random >> 33) % limit;
}

/* Whatever others do to the area that errors come to; all of it may fail. */
static void work(struct worker *worker)
{
	char sector[SECTOR_SIZE];
	pfn_t frame = pfn_add(area, draw(worker, PAGES_PER_AREA));
	struct page *page;
	int error = 0;

	switch (draw(worker, 4)) {
	case 0:
		error = page_split(area);
		break;
	case 1:
		error = page_collapse(area);
		break;
	case 2:
		page = page_pin(frame);
		if (page) {
			page_mark_dirty(page);
			page_unpin(page);
		}
		break;
	default:
		error = pmem_read(pfn_to_phys(frame), sector, sizeof(sector));
	}
	if (error && error != -EBUSY && error != -EIO)
		fail("CPU %u: error %d of work around bad memory", host_cpu(), error);
}

static void obey(struct worker *worker)
{
	enum order order = ORDER_WORK;

	while (order != ORDER_LEAVE) {
		order = atomic_load(&worker->order);
		if (order == ORDER_WORK) {
			work(worker);
			atomic_fetch_add(&worker->steps, 1);
		} else if (order == ORDER_READ) {
			atomic_store(&worker->order, ORDER_READING);
			worker->error = read_until_error(worker->target);
			atomic_store(&worker->order, ORDER_FAILED);
		} else {
			__builtin_ia32_pause();
		}
	}
}

static void await_order(struct worker *worker, enum order order)
{
	while (atomic_load(&worker->order) != order)
		__builtin_ia32_pause();
}

/* A CPU reads the line's frame while it goes bad. */
static int read_on(unsigned cpu, phys_t line)
{
	struct worker *worker = &workers[cpu];

	if (cpu == 0) {
		inject(INJECT_READ, cpu, line, CACHE_LINE);
		return read_until_error(line);
	}
	worker->target = line;
	atomic_store(&worker->order, ORDER_READ);
	await_order(worker, ORDER_READING);
	inject(INJECT_READ, cpu, line, CACHE_LINE);
	await_order(worker, ORDER_FAILED);
	atomic_store(&worker->order, ORDER_WORK);
	return worker->error;
}

/*
 * Nobody reads the line that goes bad. When a CPU was told, it may still be within the handler,
 * where the next machine check would shut it down: not after two more steps of its work.
 */
static void scrub_on(unsigned cpu, phys_t line)
{
	struct worker *worker = &workers[cpu];
	unsigned steps;

	inject_and_wait(INJECT_SCRUBBED, MACHINE_OPTIONAL, cpu, line, CACHE_LINE);
	steps = atomic_load(&worker->steps);
	while (cpu != 0 && atomic_load(&worker->steps) - steps < 2)
		__builtin_ia32_pause();
}

/* The sector cannot be read, its frame not be pinned; a write makes both good. */
static void check_and_repair(phys_t sector, phys_t line)
{
	uint64_t met = machine_check_count(MACHINE_REQUIRED);
	char bytes[SECTOR_SIZE];

	expect(bad_lines_of(phys_to_pfn(line)) == lines_holding(line.addr % PAGE_SIZE, CACHE_LINE));
	expect(!can_be_pinned(phys_to_pfn(line)));
	expect_eq(pmem_read(sector, bytes, sizeof(bytes)), -EIO);
	expect_eq(machine_check_count(MACHINE_REQUIRED), met);
	memset(bytes, (int)line.addr, sizeof(bytes));
	expect_eq(pmem_write(sector, bytes, sizeof(bytes)), 0);
	memset(bytes, 0, sizeof(bytes));
	expect_eq(pmem_read(sector, bytes, sizeof(bytes)), 0);
	expect_eq((unsigned char)bytes[SECTOR_SIZE - 1], line.addr & 0xff);
}

static void direct(void)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		phys_t line = line_of(random_frame(), random_line());
		phys_t sector = phys(align_down(line.addr, SECTOR_SIZE));
		unsigned cpu = (unsigned)test_random_below(host_cpus());

		if (test_random_below(2))
			expect_eq(read_on(cpu, line), -EIO);
		else
			scrub_on(cpu, line);
		check_and_repair(sector, line);
		machine_check_report();
		progress(round, ROUNDS, "error");
	}
	for (unsigned cpu = 1; cpu < host_cpus(); cpu++)
		atomic_store(&workers[cpu].order, ORDER_LEAVE);
}

static void take_part(void *unused)
{
	(void)unused;
	if (host_cpu() == 0)
		direct();
	else
		obey(&workers[host_cpu()]);
}

/* Hundreds of errors at random places, on random CPUs, while the others split, collapse, pin and
 * read the same area: each is contained and repaired. */
TEST(memory_errors, hundreds_are_contained)
{
	uint64_t before =
		machine_check_count(MACHINE_REQUIRED) + machine_check_count(MACHINE_OPTIONAL);

	take_area(MEMORY_PERSISTENT);
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++) {
		workers[cpu].random = test_random();
		atomic_store(&workers[cpu].order, ORDER_WORK);
	}
	host_on_each_cpu(take_part, NULL);
	expect_eq(machine_check_count(MACHINE_REQUIRED) + machine_check_count(MACHINE_OPTIONAL) -
			  before,
		  ROUNDS);
	measure("contained", ROUNDS, "errors");
}

/* --- What no code can go on after: see tests/fault.c --- */

/* Begins with the instruction that reads, which is where what was asked for comes. */
_Noreturn void read_for_ever(const void *);

__asm__(".type read_for_ever, @function\n"
	"read_for_ever:\n\t"
	"movq (%rdi), %rax\n\t"
	"jmp read_for_ever\n\t"
	".size read_for_ever, . - read_for_ever");

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

/* The CPU says that its own state is not to be trusted. */
TEST(fault, has_a_corrupt_cpu)
{
	meet(INJECT_CORRUPT);
}
