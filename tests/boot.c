/* SPDX-License-Identifier: BSD-2-Clause */
/* What the boot leaves behind: the memory that is there, and who may do what with it. */
#include "drivers/btt_disks.h"
#include "kernel/cpu.h"
#include "kernel/layout.h"
#include "kernel/paging.h"
#include "kernel/registers.h"
#include "kernel/stack.h"
#include "kernel/traps.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/probe.h"
#include "tests/test.h"

#include <stdlib.h>

static const uint8_t code_in_rodata[] = {PROBE_CODE};
static uint8_t code_in_data[] = {PROBE_CODE};
static uint8_t cleared[3 * PAGE_SIZE];

/* The last byte of a range that ends here. */
static const char *last_byte(const char *end)
{
	return (const char *)((uintptr_t)end - 1);
}

/* Every region lies within the CPU's addresses and those of the direct map. */
TEST(boot, regions_are_within_reach)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		phys_t start = pfn_to_phys(regions[i].start);

		expect(cpu_has_physical(start, region_bytes(&regions[i])));
		expect(pfn_to_phys(regions[i].end).addr <= DIRECT_MAP_SIZE);
	}
}

/* Every byte of every region is mapped, and the first and the last one can be read. */
TEST(boot, regions_are_mapped_in_full)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);

	for (size_t i = 0; i < nr; i++) {
		const char *start = host_virt(pfn_to_phys(regions[i].start));
		uint64_t bytes = region_bytes(&regions[i]);

		expect_eq(paging_mapped((uintptr_t)start, bytes), bytes);
		expect(probe_load(start) == PROBE_WORKED);
		expect(probe_load(last_byte(start + bytes)) == PROBE_WORKED);
	}
}

/* A store to the kernel's code faults. */
TEST(boot, text_is_not_writable)
{
	expect(probe_store(kernel_text_start) == PROBE_FORBIDDEN);
	expect(probe_store(last_byte(kernel_text_end)) == PROBE_FORBIDDEN);
}

/* A store to the kernel's constants faults. */
TEST(boot, constants_are_not_writable)
{
	expect(probe_store(code_in_rodata) == PROBE_FORBIDDEN);
	expect(probe_store(kernel_rodata_start) == PROBE_FORBIDDEN);
	expect(probe_store(last_byte(kernel_rodata_end)) == PROBE_FORBIDDEN);
}

/* Code is executed from nowhere but the text: not from constants, data, stack or heap. */
TEST(boot, data_is_not_executable)
{
	uint8_t code_on_stack[] = {PROBE_CODE};
	uint8_t *code_in_heap = malloc(1);

	require(code_in_heap != NULL);
	test_cleanup(free, code_in_heap);
	*code_in_heap = PROBE_CODE;
	expect(probe_call(code_in_rodata) == PROBE_FORBIDDEN);
	expect(probe_call(code_in_data) == PROBE_FORBIDDEN);
	expect(probe_call(code_on_stack) == PROBE_FORBIDDEN);
	expect(probe_call(code_in_heap) == PROBE_FORBIDDEN);
}

/* Code is not executed from managed memory either. */
TEST(boot, direct_map_is_not_executable)
{
	uint8_t *code = test_virt(test_take(MEMORY_DRAM, PAGE_SIZE), 0);

	*code = PROBE_CODE;
	expect(probe_call(code) == PROBE_FORBIDDEN);
}

/* Whatever is done through a null pointer faults. */
TEST(boot, null_page_is_not_mapped)
{
	expect(probe_load(NULL) == PROBE_UNMAPPED);
	expect(probe_store(NULL) == PROBE_UNMAPPED);
	expect(probe_call(NULL) == PROBE_UNMAPPED);
	expect(probe_load((const char *)PAGE_SIZE - 1) == PROBE_UNMAPPED);
}

/* Memory is no longer seen at its physical addresses, as the boot loader left it. */
TEST(boot, identity_map_is_gone)
{
	expect(probe_load((const char *)((uintptr_t)kernel_start - KERNEL_BASE)) == PROBE_UNMAPPED);
	expect(paging_mapped(0, 1UL << 47) == 0);
}

/* Below every stack is a page that is not mapped, and below that is not the same stack. */
TEST(boot, stacks_have_guard_pages)
{
	for (int id = 0; id < STACKS; id++) {
		const struct stack *stack = stack_get((enum stack_id)id);

		expect_eq(stack->bottom - stack->guard, PAGE_SIZE);
		expect(probe_load((const char *)stack->guard) == PROBE_UNMAPPED);
		expect(probe_store((const char *)stack->bottom - 1) == PROBE_UNMAPPED);
		expect(probe_store((const char *)stack->bottom) == PROBE_WORKED);
		expect(probe_store((const char *)stack->top - 1) == PROBE_WORKED);
	}
}

static enum probe right_to(const struct region *region, pfn_t frame)
{
	return region->writable || btt_disks_writable(frame) ? PROBE_WORKED : PROBE_FORBIDDEN;
}

/* A store to persistent memory works where the user permits it, and faults everywhere else. */
TEST(boot, persistent_memory_is_writable_by_permission_only)
{
	const struct region *region = next_region(NULL, MEMORY_PERSISTENT);

	if (!region)
		skip("the machine has no persistent memory");
	for (; region; region = next_region(region, MEMORY_PERSISTENT)) {
		const char *start = host_virt(pfn_to_phys(region->start));
		const char *last = last_byte(start + region_bytes(region));

		expect(probe_store(start) == right_to(region, region->start));
		expect(probe_store(last) == right_to(region, pfn(region->end.n - 1)));
	}
}

struct census {
	uint64_t pages;
	uint64_t writable_and_executable;
	uint64_t executable_elsewhere; /* than in the text */
	uint64_t aliases_of_text;
};

static void count_page(const struct paging_entry *page, void *arg)
{
	struct census *census = arg;
	uintptr_t text = (uintptr_t)kernel_text_start, text_end = (uintptr_t)kernel_text_end;
	bool is_text = page->virt >= text && page->virt < text_end;
	uint64_t start = page->start.addr + KERNEL_BASE;

	census->pages++;
	if (page->executable && page->writable)
		census->writable_and_executable++;
	if (page->executable && !is_text)
		census->executable_elsewhere++;
	if (start < text_end && start + page->bytes > text && !is_text)
		census->aliases_of_text++;
}

/* No page is both writable and executable, and the text cannot be changed by a detour. */
TEST(boot, nothing_is_writable_and_executable)
{
	struct census census = {0};

	paging_walk(count_page, &census);
	expect_eq(census.writable_and_executable, 0);
	expect_eq(census.executable_elsewhere, 0);
	expect_eq(census.aliases_of_text, 0);
	measure("pages_mapped", census.pages, "pages");
	measure("page_tables", paging_bytes(), "B");
}

/* Variables without a value start as zero. */
TEST(boot, bss_is_zero)
{
	size_t set = 0;

	for (size_t i = 0; i < sizeof(cleared); i++)
		set += ((volatile uint8_t *)cleared)[i] != 0;
	expect_eq(set, 0);
}

/* The CPU enforces what the page tables say, against the kernel too. */
TEST(boot, cpu_protections_are_on)
{
	const struct cpu_features *features = cpu_features();

	expect(read_cr0() & CR0_WRITE_PROTECT);
	expect(rdmsr(MSR_EFER) & EFER_NO_EXECUTE);
	expect(!features->smep || read_cr4() & CR4_SMEP);
	expect(!features->smap || read_cr4() & CR4_SMAP);
	expect(!features->umip || read_cr4() & CR4_UMIP);
}

static void use_vector_register(void *unused)
{
	(void)unused;
	__asm__ volatile("movaps %xmm0, %xmm0");
}

/* An instruction that would use a vector register faults, since nobody saves those. */
TEST(boot, vector_registers_are_off)
{
	struct trap trap;

	require(trap_catch(use_vector_register, NULL, &trap));
	expect_eq(trap.vector, TRAP_INVALID_OPCODE);
}
