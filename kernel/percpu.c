/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/percpu.h"

#include "kernel/layout.h"
#include "kernel/paging.h"
#include "kernel/registers.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"

#include <string.h>

static struct percpu boot_cpu;
static struct percpu *cpus[HOST_CPUS_MAX] = {&boot_cpu};
static atomic_uint nr_cpus = 1;
static size_t nr_areas; /* of CPU_AREAS that are used */

static void init(struct percpu *cpu)
{
	cpu->self = cpu;
	_REENT_INIT_PTR(&cpu->reent);
}

void percpu_init(void)
{
	init(&boot_cpu);
	stacks_of_boot_cpu(boot_cpu.stacks);
	percpu_load(&boot_cpu);
}

void percpu_load(struct percpu *cpu)
{
	wrmsr(MSR_GS_BASE, (uint64_t)cpu);
}

/* Puts memory behind a range of addresses. */
static bool back(uintptr_t start, uintptr_t end)
{
	pfn_t frame;

	for (uintptr_t virt = start; virt < end; virt += PAGE_SIZE)
		if (frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame) ||
		    paging_map(virt, pfn_to_phys(frame), PAGE_SIZE, MAPPING_WRITE))
			return false;
	return true;
}

/* The stacks, each above its guard page, and then the struct itself. */
struct percpu *percpu_create(void)
{
	struct stack stacks[STACKS];
	uintptr_t virt = CPU_AREAS + nr_areas * CPU_AREA_SIZE;
	uintptr_t end = stacks_place(virt, stacks);
	struct percpu *cpu = (struct percpu *)end;

	_Static_assert(sizeof(*cpu) <= PAGE_SIZE, "one page is set aside for it");
	if (nr_areas == HOST_CPUS_MAX)
		return NULL;
	nr_areas++;
	for (int id = 0; id < STACKS; id++)
		if (!back(stacks[id].bottom, stacks[id].top))
			return NULL;
	if (!back(end, end + PAGE_SIZE))
		return NULL;
	memset(cpu, 0, PAGE_SIZE);
	init(cpu);
	memcpy(cpu->stacks, stacks, sizeof(stacks));
	return cpu;
}

void percpu_add(struct percpu *cpu)
{
	cpus[cpu->number] = cpu;
	atomic_store(&nr_cpus, cpu->number + 1);
}

unsigned percpu_count(void)
{
	return atomic_load(&nr_cpus);
}

struct percpu *percpu_get(unsigned number)
{
	return cpus[number];
}
