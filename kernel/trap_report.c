/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/trap_report.h"

#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/layout.h"
#include "kernel/machine_check.h"
#include "kernel/paging.h"
#include "kernel/registers.h"
#include "kernel/stack.h"
#include "mm/page.h"

#include <stdio.h>

/* Reaching through a null pointer to a structure stays below this. */
#define NULL_PAGE_END (16 * PAGE_SIZE)

static const char *const trap_names[TRAP_EXCEPTIONS] = {
	[TRAP_DIVIDE] = "divide error",
	[1] = "debug exception",
	[TRAP_NMI] = "non-maskable interrupt",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range exceeded",
	[TRAP_INVALID_OPCODE] = "invalid instruction",
	[7] = "no coprocessor",
	[TRAP_DOUBLE_FAULT] = "double fault",
	[10] = "invalid task state",
	[11] = "segment not present",
	[12] = "stack segment fault",
	[TRAP_PROTECTION] = "general protection fault",
	[TRAP_PAGE_FAULT] = "page fault",
	[16] = "floating point error",
	[17] = "alignment check",
	[19] = "vector floating point error",
	[21] = "control protection fault",
};

/* The persistent region that the direct map shows at this address, or NULL. */
static const struct region *persistent_region(uint64_t address)
{
	size_t nr;
	const struct region *regions = page_map_regions(&nr);
	const struct region *region;

	if (address < DIRECT_MAP || address - DIRECT_MAP >= DIRECT_MAP_SIZE)
		return NULL;
	region = region_find(regions, nr, phys_to_pfn(phys(address - DIRECT_MAP)));
	return region && region->kind == MEMORY_PERSISTENT ? region : NULL;
}

static void explain_page_fault(const struct trap *trap, char *text, size_t size)
{
	const char *access = trap->error & FAULT_EXECUTE ? "jump to"
			     : trap->error & FAULT_WRITE ? "store to"
							 : "load from";
	const struct region *region = persistent_region(trap->address);
	const struct stack *stack = stack_find(trap->address);
	const char *name = "";
	const char *why;

	if (trap->error & FAULT_RESERVED) {
		why = "where the page tables are broken";
	} else if (trap->address < NULL_PAGE_END) {
		why = "the null page";
	} else if (stack && stack_in_guard(trap->address)) {
		why = "the guard page below the stack: ";
		name = stack->name;
	} else if (!(trap->error & FAULT_PRESENT)) {
		why = "where nothing is mapped";
	} else if (trap->error & FAULT_EXECUTE) {
		why = "which is not code";
	} else if (region) {
		why = "persistent memory that write= does not permit to change: ";
		name = region->name;
	} else {
		why = "which is read-only";
	}
	snprintf(text, size, "page fault: %s 0x%016llx, %s%s", access,
		 (unsigned long long)trap->address, why, name);
}

void trap_explain(const struct trap *trap, char *text, size_t size)
{
	const char *name = trap->vector < TRAP_EXCEPTIONS ? trap_names[trap->vector] : NULL;

	if (trap->vector == TRAP_PAGE_FAULT)
		explain_page_fault(trap, text, size);
	else if (trap->vector == TRAP_DOUBLE_FAULT && stack_in_guard(trap->address))
		snprintf(text, size, "stack overflow: the %s stack is full",
			 stack_find(trap->address)->name);
	else if (trap->vector == TRAP_MACHINE_CHECK)
		machine_check_explain(trap->rip, text, size);
	else if (name)
		snprintf(text, size, "%s, error code 0x%llx", name,
			 (unsigned long long)trap->error);
	else
		snprintf(text, size, "trap %u, error code 0x%llx", trap->vector,
			 (unsigned long long)trap->error);
}

static void print_three(const char *name1, uint64_t value1, const char *name2, uint64_t value2,
			const char *name3, uint64_t value3)
{
	console_line("# %s=0x%016llx %s=0x%016llx %s=0x%016llx", name1, (unsigned long long)value1,
		     name2, (unsigned long long)value2, name3, (unsigned long long)value3);
}

void registers_print(const struct registers *registers)
{
	print_three("rip", registers->rip, "rsp", registers->rsp, "rflags", registers->rflags);
	print_three("rax", registers->rax, "rbx", registers->rbx, "rcx", registers->rcx);
	print_three("rdx", registers->rdx, "rsi", registers->rsi, "rdi", registers->rdi);
	print_three("rbp", registers->rbp, "r8", registers->r8, "r9", registers->r9);
	print_three("r10", registers->r10, "r11", registers->r11, "r12", registers->r12);
	print_three("r13", registers->r13, "r14", registers->r14, "r15", registers->r15);
	print_three("cr2", read_cr2(), "cr3", read_cr3(), "cr4", read_cr4());
	backtrace_print(registers->rip, registers->rbp);
}
