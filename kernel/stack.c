/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/stack.h"

#include "kernel/layout.h"
#include "kernel/percpu.h"
#include "mm/compiler.h"
#include "mm/types.h"

/* As much as boot/entry.S gives the boot CPU. */
#define WORK_STACK_SIZE (16 * PAGE_SIZE)

/* Room for a report, which formats its lines on the stack. */
#define TRAP_STACK_SIZE (4 * PAGE_SIZE)

struct trap_stack {
	char guard[PAGE_SIZE];
	char bytes[TRAP_STACK_SIZE];
};

static struct trap_stack double_fault_stack __attribute__((aligned(PAGE_SIZE)));
static struct trap_stack nmi_stack __attribute__((aligned(PAGE_SIZE)));
static struct trap_stack machine_check_stack __attribute__((aligned(PAGE_SIZE)));

static const struct {
	const char *name;
	size_t bytes;
} kinds[STACKS] = {
	[STACK_WORK] = {"work", WORK_STACK_SIZE},
	[STACK_DOUBLE_FAULT] = {"double fault", TRAP_STACK_SIZE},
	[STACK_NMI] = {"NMI", TRAP_STACK_SIZE},
	[STACK_MACHINE_CHECK] = {"machine check", TRAP_STACK_SIZE},
};

static struct stack place(enum stack_id id, uintptr_t guard)
{
	uintptr_t bottom = guard + PAGE_SIZE;

	return (struct stack){kinds[id].name, guard, bottom, bottom + kinds[id].bytes};
}

void stacks_of_boot_cpu(struct stack stacks[STACKS])
{
	stacks[STACK_WORK] = (struct stack){"boot", (uintptr_t)boot_stack_guard,
					    (uintptr_t)boot_stack, (uintptr_t)boot_stack_top};
	stacks[STACK_DOUBLE_FAULT] = place(STACK_DOUBLE_FAULT, (uintptr_t)&double_fault_stack);
	stacks[STACK_NMI] = place(STACK_NMI, (uintptr_t)&nmi_stack);
	stacks[STACK_MACHINE_CHECK] = place(STACK_MACHINE_CHECK, (uintptr_t)&machine_check_stack);
}

uintptr_t stacks_place(uintptr_t virt, struct stack stacks[STACKS])
{
	for (int id = 0; id < STACKS; id++) {
		stacks[id] = place((enum stack_id)id, virt);
		virt = stacks[id].top;
	}
	return virt;
}

const struct stack *stack_get(enum stack_id id)
{
	return &this_cpu()->stacks[id];
}

const struct stack *stack_find(uintptr_t address)
{
	for (unsigned cpu = 0; cpu < percpu_count(); cpu++) {
		const struct stack *stacks = percpu_get(cpu)->stacks;

		for (int id = 0; id < STACKS; id++)
			if (address >= stacks[id].guard && address < stacks[id].top)
				return &stacks[id];
	}
	return NULL;
}

bool stack_in_guard(uintptr_t address)
{
	const struct stack *stack = stack_find(address);

	return stack && address < stack->bottom;
}
