/* SPDX-License-Identifier: BSD-2-Clause */
/* What persistence costs, in instructions. The kind of memory makes no difference to their number.
 */
#include "kernel/registers.h" /* not for a process: there is nothing to count in one */
#include "mm/host.h"
#include "mm/persist.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

static char *target;
static const char *source;

static void copy4k(void)
{
	persist_copy(target, source, PAGE_SIZE);
}

/* As long, but with a head and a tail. */
static void copy4k_unaligned(void)
{
	persist_copy(target + 1, source, PAGE_SIZE);
}

static void copy64(void)
{
	persist_copy(target, source, CACHE_LINE);
}

static void set4k(void)
{
	persist_set(target, 0x5a, PAGE_SIZE);
}

static void flush4k(void)
{
	persist_flush(target, PAGE_SIZE);
}

static void drain(void)
{
	persist_drain(target);
}

static void publish(void)
{
	persist_publish((uint64_t *)target, 1);
}

static const struct figure figures[] = {
	{.operation = count_nothing},
	{.name = "copy4k", .operation = copy4k},
	{.name = "copy4k_unaligned", .operation = copy4k_unaligned},
	{.name = "copy64", .operation = copy64},
	{.name = "set4k", .operation = set4k},
	{.name = "flush4k", .operation = flush4k},
	{.name = "drain", .operation = drain},
	{.name = "publish", .operation = publish},
};

/* The primitives; copy and set without the drain that makes them durable. */
TEST(cost, persist)
{
	count_needs_clock();
	target = host_virt(pfn_to_phys(test_take(MEMORY_DRAM, AREA_SIZE)));
	source = target + AREA_SIZE / 2 + PAGE_SIZE;
	count(figures, ARRAY_SIZE(figures));
}
