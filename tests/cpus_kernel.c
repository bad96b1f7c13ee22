/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel is the same on all CPUs: protected, on stacks of their own, and asleep when idle. */
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/percpu.h"
#include "kernel/registers.h"
#include "kernel/traps.h"
#include "mm/barrier.h"
#include "mm/host.h"
#include "mm/types.h"
#include "tests/probe.h"
#include "tests/test.h"

#include <stdlib.h>

enum { TRAPS = 100 };

static uint64_t flags(void)
{
	uint64_t value;

	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(value));
	return value;
}

static void check_area(void *unused)
{
	struct percpu *cpu = this_cpu();

	(void)unused;
	expect(cpu == percpu_get(host_cpu()));
	expect_eq(cpu->number, host_cpu());
	for (unsigned other = 0; other < host_cpus(); other++)
		expect(other == cpu->number || percpu_get(other)->apic_id != cpu->apic_id);
}

/* Each knows which one it is, and has a local APIC of its own. */
TEST(cpus, know_who_they_are)
{
	host_on_each_cpu(check_area, NULL);
}

static void check_stacks(void *unused)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const struct stack *work = stack_get(STACK_WORK);

	(void)unused;
	expect(stack_find(here) == work);
	for (int id = 0; id < STACKS; id++) {
		const struct stack *stack = stack_get((enum stack_id)id);

		expect(stack_find(stack->bottom) == stack);
		expect(probe_load((const char *)stack->guard) == PROBE_UNMAPPED);
		expect(probe_store((const char *)stack->bottom - 1) == PROBE_UNMAPPED);
		expect(probe_store((const char *)stack->bottom) == PROBE_WORKED);
		expect(probe_store((const char *)stack->top - 1) == PROBE_WORKED);
	}
}

/* Each has its own stacks, with a guard page below each one. */
TEST(cpus, have_stacks_of_their_own)
{
	host_on_each_cpu(check_stacks, NULL);
}

static void check_protections(void *unused)
{
	const struct cpu_features *features = cpu_features();

	(void)unused;
	expect(read_cr0() & CR0_WRITE_PROTECT);
	expect(!(read_cr0() & (CR0_CACHE_DISABLE | CR0_NOT_WRITE_THROUGH)));
	expect(rdmsr(MSR_EFER) & EFER_NO_EXECUTE);
	expect(!features->smep || read_cr4() & CR4_SMEP);
	expect(!features->smap || read_cr4() & CR4_SMAP);
	expect(!features->umip || read_cr4() & CR4_UMIP);
	expect(probe_store(check_protections) == PROBE_FORBIDDEN);
	expect(probe_store(NULL) == PROBE_UNMAPPED);
}

/* Each enforces what the page tables say, which are the same for all. */
TEST(cpus, are_all_protected)
{
	host_on_each_cpu(check_protections, NULL);
}

/* The image is mapped in small pages, so that changing one divides none. */
static char page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void permit_stores(void *unused)
{
	(void)unused;
	if (paging_protect((uintptr_t)page, PAGE_SIZE, MAPPING_WRITE))
		fail("the page cannot be made writable");
}

static void check_store(void *expected)
{
	expect(probe_store(page) == *(enum probe *)expected);
}

/* What CPU 0 changes of the mappings while the others sleep, they know when they wake. */
TEST(cpus, forget_what_was_mapped)
{
	enum probe works = PROBE_WORKED, forbidden = PROBE_FORBIDDEN;

	host_on_each_cpu(check_store, &works);
	test_cleanup(permit_stores, NULL);
	require(paging_protect((uintptr_t)page, PAGE_SIZE, MAPPING_READ) == 0);
	host_on_each_cpu(check_store, &forbidden);
	permit_stores(NULL);
	host_on_each_cpu(check_store, &works);
}

static void check_pat(void *pat)
{
	expect_eq(rdmsr(MSR_PAT), *(uint64_t *)pat);
}

/* Each caches memory in the same way. */
TEST(cpus, agree_on_caching)
{
	uint64_t pat = rdmsr(MSR_PAT);

	host_on_each_cpu(check_pat, &pat);
}

static void check_interrupts(void *unused)
{
	(void)unused;
	expect_eq((flags() & RFLAGS_INTERRUPTS) != 0, host_cpu() == 0);
}

/* The only CPU that is interrupted while it works is the first, by the watchdog. */
TEST(cpus, are_not_interrupted)
{
	host_on_each_cpu(check_interrupts, NULL);
	expect(flags() & RFLAGS_INTERRUPTS);
}

static void divide_by_zero(void *unused)
{
	(void)unused;
	__asm__ volatile("xorl %%ecx, %%ecx\n\tdivl %%ecx" : : "a"(1), "d"(0) : "ecx", "cc");
}

static void trap_often(void *arg)
{
	struct trap trap;

	barrier_wait(arg);
	for (unsigned i = 0; i < TRAPS; i++) {
		uintptr_t address = 8 + 8 * (uintptr_t)host_cpu();

		expect(probe_load((const char *)address) == PROBE_UNMAPPED);
		expect(trap_catch(divide_by_zero, NULL, &trap));
		expect_eq(trap.vector, TRAP_DIVIDE);
	}
}

/* Each catches its own traps, while the others catch theirs. */
TEST(cpus, catch_traps_of_their_own)
{
	struct barrier barrier;

	barrier_init(&barrier, host_cpus());
	host_on_each_cpu(trap_often, &barrier);
}
