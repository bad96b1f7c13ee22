/* SPDX-License-Identifier: BSD-2-Clause */
/* All CPUs work at the same time, each for itself, and what they share stays whole. */
#include "mm/barrier.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 200, ROUNDS_OF_ALL = 64, FRAMES = 100, BLOCKS = 50, LINES = 4 };

/*
 * How often CPUs meet at a barrier. While one has not come all others wait busily, and in an
 * emulator they take the machine from it: many CPUs meet less often.
 */
static unsigned rounds(void)
{
	return host_cpus() < ROUNDS_OF_ALL / 2 ? ROUNDS_OF_ALL / host_cpus() : 2;
}

/* How often each CPU was there. */
static struct {
	struct barrier barrier;
	atomic_uint visits[HOST_CPUS_MAX];
} visitors;

static void count_visit(void *unused)
{
	(void)unused;
	atomic_fetch_add(&visitors.visits[host_cpu()], 1);
}

static void meet_and_count(void *unused)
{
	barrier_wait(&visitors.barrier);
	count_visit(unused);
}

static void expect_visits(unsigned each)
{
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		if (atomic_load(&visitors.visits[cpu]) != (cpu < host_cpus() ? each : 0))
			fail("CPU %u worked %u times", cpu, atomic_load(&visitors.visits[cpu]));
}

/* The test itself runs on CPU 0. */
TEST(cpus, tests_run_on_the_first)
{
	expect_eq(host_cpu(), 0);
	expect(host_cpus() >= 1 && host_cpus() <= HOST_CPUS_MAX);
}

/* Work given to all is done once by each, and is done when the call returns. */
TEST(cpus, each_works_once)
{
	memset(&visitors, 0, sizeof(visitors));
	host_on_each_cpu(count_visit, NULL);
	expect_visits(1);
}

/* They work at the same time: each one waits there for all others. */
TEST(cpus, all_work_at_the_same_time)
{
	memset(&visitors, 0, sizeof(visitors));
	barrier_init(&visitors.barrier, host_cpus());
	host_on_each_cpu(meet_and_count, NULL);
	expect_visits(1);
}

/* No call is lost, and none is served twice, however fast they follow each other. */
TEST(cpus, work_again_and_again)
{
	memset(&visitors, 0, sizeof(visitors));
	for (unsigned i = 0; i < CALLS; i++)
		host_on_each_cpu(count_visit, NULL);
	expect_visits(CALLS);
}

/* What one CPU stored before a barrier, every other one reads after it. */
struct meeting {
	struct barrier barrier;
	unsigned round[HOST_CPUS_MAX]; /* that each CPU is in; plain, since the barrier orders it */
};

static void go_round_by_round(void *arg)
{
	struct meeting *meeting = arg;

	for (unsigned round = 1; round <= rounds(); round++) {
		meeting->round[host_cpu()] = round;
		barrier_wait(&meeting->barrier);
		for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
			expect_eq(meeting->round[cpu], round);
		barrier_wait(&meeting->barrier);
	}
}

/* Nobody passes a barrier before all have come. */
TEST(cpus, barrier_lets_nobody_ahead)
{
	static struct meeting meeting;

	barrier_init(&meeting.barrier, host_cpus());
	host_on_each_cpu(go_round_by_round, &meeting);
}

static void keep_errno(void *arg)
{
	int mine = (int)host_cpu() + 1;

	errno = mine;
	barrier_wait(arg);
	expect_eq(errno, mine);
	barrier_wait(arg);
}

/* The C library's state is each CPU's own. */
TEST(cpus, errno_is_per_cpu)
{
	struct barrier barrier;

	barrier_init(&barrier, host_cpus());
	host_on_each_cpu(keep_errno, &barrier);
}

static void take_and_give_back(void *arg)
{
	pfn_t frames[FRAMES];
	size_t nr = 0;

	barrier_wait(arg);
	while (nr < FRAMES && frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[nr]) == 0) {
		memset(test_virt(frames[nr], 0), (int)host_cpu(), PAGE_SIZE);
		nr++;
	}
	expect_eq(nr, FRAMES);
	for (size_t i = 0; i < nr; i++) {
		const uint8_t *bytes = test_virt(frames[i], 0);

		expect_eq(bytes[0], (uint8_t)host_cpu());
		expect_eq(bytes[PAGE_SIZE - 1], (uint8_t)host_cpu());
		expect_eq(frame_free(frames[i], PAGE_SIZE), 0);
	}
}

/* No frame is given to two CPUs, and all come back. */
TEST(cpus, share_the_frame_allocator)
{
	struct barrier barrier;

	barrier_init(&barrier, host_cpus());
	for (unsigned i = 0; i < rounds(); i++)
		host_on_each_cpu(take_and_give_back, &barrier);
}

struct pinned {
	struct barrier barrier;
	pfn_t area;
};

static void pin_area(void *arg)
{
	struct pinned *pinned = arg;
	struct page *page;

	barrier_wait(&pinned->barrier);
	for (unsigned i = 0; i < FRAMES; i++) {
		page = page_pin(pfn_add(pinned->area, i));
		expect(page != NULL);
		if (!page)
			continue;
		expect_eq(page_size(page), AREA_SIZE);
		page_unpin(page);
	}
}

/* Pins of one page by all CPUs are all counted, and all undone. */
TEST(cpus, pin_the_same_page)
{
	struct pinned pinned = {.area = test_take(MEMORY_DRAM, AREA_SIZE)};
	uint64_t before = page_map_pins();

	barrier_init(&pinned.barrier, host_cpus());
	host_on_each_cpu(pin_area, &pinned);
	expect_eq(page_map_pins(), before);
	expect_eq(page_split(pinned.area), 0);
	expect_eq(page_collapse(pinned.area), 0);
}

static void use_malloc(void *arg)
{
	char *blocks[BLOCKS];
	char text[32];

	barrier_wait(arg);
	for (unsigned i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(sizeof(text) + i);
		expect(blocks[i] != NULL);
		if (blocks[i])
			snprintf(blocks[i], sizeof(text), "CPU %u, block %u", host_cpu(), i);
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		snprintf(text, sizeof(text), "CPU %u, block %u", host_cpu(), i);
		expect_str(blocks[i], text);
		free(blocks[i]);
	}
}

/* No piece of memory is given to two CPUs, and texts are made on all of them at once. */
TEST(cpus, share_the_c_library)
{
	struct barrier barrier;

	barrier_init(&barrier, host_cpus());
	for (unsigned i = 0; i < rounds(); i++)
		host_on_each_cpu(use_malloc, &barrier);
}

static void say_who(void *arg)
{
	barrier_wait(arg);
	for (unsigned line = 1; line <= LINES; line++)
		note("CPU %u has line %u of %u for itself", host_cpu(), line, LINES);
}

/* Each may write to the report. */
TEST(cpus, have_lines_of_their_own)
{
	struct barrier barrier;

	barrier_init(&barrier, host_cpus());
	host_on_each_cpu(say_who, &barrier);
}
