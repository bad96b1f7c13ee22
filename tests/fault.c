/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests that go wrong on purpose, each in a way of its own: they prove that a run with such a test
 * ends red. They run only where tests= spells out the name of this suite.
 */
#include "kernel/layout.h"
#include "kernel/power.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

/* What the compiler cannot know to be a null pointer. */
static uint8_t *volatile nothing = NULL;

/* An expectation does not hold. */
TEST(fault, fails)
{
	expect(nothing != NULL);
}

/* A requirement does not hold: nothing after it runs. */
TEST(fault, leaves)
{
	require(nothing != NULL);
	host_panic("went on after a requirement that does not hold");
}

/* It says that it cannot be done here. */
TEST(fault, skips)
{
	skip("on purpose");
}

/* It fails before it says that it cannot be done: that is a failure. */
TEST(fault, fails_and_skips)
{
	expect(nothing != NULL);
	skip("on purpose");
}

/* It keeps a pin. */
TEST(fault, leaks_pin)
{
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);

	require(page_pin(frame) != NULL);
}

/* It keeps a frame. */
TEST(fault, leaks_frame)
{
	pfn_t frame;

	require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) == 0);
}

/* It never ends. */
TEST(fault, hangs)
{
	for (;;)
		__asm__ volatile("pause");
}

/* It stores through a null pointer. */
TEST(fault, crashes)
{
	*nothing = 1;
}

/* It stores to the kernel's code. */
TEST(fault, writes_text)
{
	*(volatile uint8_t *)(uintptr_t)kernel_text_start = 0;
}

/* It stores to persistent memory that is not to be written. */
TEST(fault, writes_protected_memory)
{
	const struct region *region = next_region(NULL, MEMORY_PERSISTENT);

	while (region && region->writable)
		region = next_region(region, MEMORY_PERSISTENT);
	if (!region)
		skip("there is no persistent memory but what may be written");
	*(volatile uint8_t *)host_virt(pfn_to_phys(region->start)) = 0;
}

/* Deeper than any stack, whatever the compiler makes of it. */
static unsigned descend(volatile unsigned depth)
{
	volatile char room[512] = {0};

	return depth == 0 ? 0 : descend(depth - 1) + (unsigned)room[depth % sizeof(room)];
}

/* It fills the stack. */
TEST(fault, overflows_stack)
{
	expect_eq(descend(UINT32_MAX), 0);
}

/* It meets a broken invariant. */
TEST(fault, panics)
{
	host_panic("on purpose, %d times", 1);
}

/* It ends the machine with the status of a good run, in the middle of the report. */
TEST(fault, leaves_the_machine)
{
	power_exit(EXIT_QEMU, RUN_PASSED);
}

/* The last CPU does something, while the others wait for it. */
static void on_another_cpu(void (*fn)(void *))
{
	if (host_cpus() == 1)
		skip("there is one CPU only");
	host_on_each_cpu(fn, NULL);
}

static bool is_another_cpu(void)
{
	return host_cpu() == host_cpus() - 1;
}

static void fail_there(void *unused)
{
	(void)unused;
	expect(!is_another_cpu());
}

/* An expectation does not hold on another CPU. */
TEST(fault, fails_on_another_cpu)
{
	on_another_cpu(fail_there);
}

static void leave_there(void *unused)
{
	(void)unused;
	require(!is_another_cpu());
}

/* Another CPU wants to leave the test, which only the first one can. */
TEST(fault, leaves_on_another_cpu)
{
	on_another_cpu(leave_there);
}

static void crash_there(void *unused)
{
	(void)unused;
	if (is_another_cpu())
		*nothing = 1;
}

/* Another CPU stores through a null pointer. */
TEST(fault, crashes_on_another_cpu)
{
	on_another_cpu(crash_there);
}

static void overflow_there(void *unused)
{
	(void)unused;
	if (is_another_cpu())
		expect_eq(descend(UINT32_MAX), 0);
}

/* Another CPU fills its stack. */
TEST(fault, overflows_stack_of_another_cpu)
{
	on_another_cpu(overflow_there);
}

static void hang_there(void *unused)
{
	(void)unused;
	if (!is_another_cpu())
		return;
	/* No call in here: in its first instruction the caller would be missing from a backtrace.
	 */
	for (;;)
		__asm__ volatile("pause");
}

/* Another CPU never ends. */
TEST(fault, hangs_on_another_cpu)
{
	on_another_cpu(hang_there);
}
