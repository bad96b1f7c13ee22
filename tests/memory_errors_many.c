/* SPDX-License-Identifier: BSD-2-Clause */
/* Hundreds of memory errors, while all CPUs work on and beside the memory that goes bad. */
#include "drivers/pmem_disk.h"
#include "drivers/pmem_io.h"
#include "kernel/machine_check.h"
#include "mm/bad_lines.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/disk.h"
#include "tests/harness/memory.h"
#include "tests/inject.h"
#include "tests/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { ROUNDS = 200 };

static pfn_t area;
static struct pmem_disk disk; /* beside it */

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
	pfn_t memory; /* a frame of its own */
} workers[HOST_CPUS_MAX];

static uint64_t draw(struct worker *worker, uint64_t limit)
{
	worker->random = worker->random * 6364136223846793005 + 1442695040888963407;
	return (worker->random >> 33) % limit;
}

/* Writes sectors of the disk, each CPU its own, and reads them again. */
static int use_disk(struct worker *worker)
{
	uint64_t sector =
		draw(worker, AREA_SIZE / SECTOR_SIZE / HOST_CPUS_MAX) * HOST_CPUS_MAX + host_cpu();
	struct bio_piece piece = {pfn_to_page(worker->memory), 0, SECTOR_SIZE};
	unsigned char *bytes = test_virt(worker->memory, 0);
	unsigned char byte = (unsigned char)draw(worker, 256);
	int error;

	memset(bytes, byte, SECTOR_SIZE);
	error = disk_execute(&disk.device, BLOCK_WRITE, sector, piece);
	memset(bytes, ~byte, SECTOR_SIZE);
	if (!error)
		error = disk_execute(&disk.device, BLOCK_READ, sector, piece);
	for (size_t i = 0; i < SECTOR_SIZE && !error; i++)
		if (bytes[i] != byte)
			error = -EILSEQ;
	return error;
}

/* Whatever others do to the area that errors come to; all of it may fail. */
static void work(struct worker *worker)
{
	char sector[SECTOR_SIZE];
	pfn_t frame = pfn_add(area, draw(worker, PAGES_PER_AREA));
	struct page *page;
	int error = 0;

	switch (draw(worker, 5)) {
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
	case 3:
		error = pmem_read(pfn_to_phys(frame), sector, sizeof(sector));
		break;
	default:
		error = use_disk(worker);
		if (error)
			fail("CPU %u: error %d of a disk beside bad memory", host_cpu(), error);
		return;
	}
	if (error && error != -EBUSY && error != -EIO)
		fail("CPU %u: error %d of work around bad memory", host_cpu(), error);
}

/* Reads a frame until that fails, as has been asked for. */
static int read_until_error(phys_t in_frame)
{
	char frame[PAGE_SIZE];
	uint64_t start = host_nanoseconds();
	int error;

	do
		error = pmem_read(phys(align_down(in_frame.addr, PAGE_SIZE)), frame, sizeof(frame));
	while (!error && !injection_is_late(start));
	return error;
}

static void obey(struct worker *worker)
{
	enum order order = ORDER_WORK;

	if (frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &worker->memory)) {
		fail("CPU %u has no memory to work with", host_cpu());
		return;
	}
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
	expect_eq(frame_free(worker->memory, PAGE_SIZE), 0);
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

	inject_and_wait(INJECT_SCRUBBED, cpu, line, CACHE_LINE);
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
		phys_t line = random_line(area);
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

/*
 * Hundreds of errors at random places, on random CPUs, while the others split, collapse, pin and
 * read the same area and use a disk beside it: each is contained and repaired.
 */
TEST(memory_errors, hundreds_are_contained)
{
	uint64_t before =
		machine_check_count(MACHINE_REQUIRED) + machine_check_count(MACHINE_OPTIONAL);

	pfn_t beside;

	area = take_area_to_lose(MEMORY_PERSISTENT);
	beside = test_take(MEMORY_PERSISTENT, AREA_SIZE);
	require(pmem_disk_create(&disk, "pmem", beside, pfn_add(beside, PAGES_PER_AREA)) == 0);
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
