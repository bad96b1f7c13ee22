/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/stack.h"

#include "kernel/layout.h"
#include "mm/compiler.h"
#include "mm/types.h"

/* Room for a report, which formats its lines on the stack. */
#define TRAP_STACK_SIZE (4 * PAGE_SIZE)

struct trap_stack {
	char guard[PAGE_SIZE];
	char bytes[TRAP_STACK_SIZE];
};

static struct trap_stack double_fault_stack __attribute__((aligned(PAGE_SIZE)));
static struct trap_stack nmi_stack __attribute__((aligned(PAGE_SIZE)));
static struct trap_stack machine_check_stack __attribute__((aligned(PAGE_SIZE)));

#define TRAP_STACK(name, stack)                                           \
	{                                                                 \
		name, (uintptr_t)(stack).guard, (uintptr_t)(stack).bytes, \
			(uintptr_t)(stack).bytes + TRAP_STACK_SIZE        \
	}

static const struct stack stacks[STACKS] = {
	[STACK_BOOT] = {"boot", (uintptr_t)boot_stack_guard, (uintptr_t)boot_stack,
			(uintptr_t)boot_stack_top},
	[STACK_DOUBLE_FAULT] = TRAP_STACK("double fault", double_fault_stack),
	[STACK_NMI] = TRAP_STACK("NMI", nmi_stack),
	[STACK_MACHINE_CHECK] = TRAP_STACK("machine check", machine_check_stack),
};

const struct stack *stack_get(enum stack_id id)
{
	return &stacks[id];
}

const struct stack *stack_find(uintptr_t address)
{
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		if (address >= stacks[i].guard && address < stacks[i].top)
			return &stacks[i];
	return NULL;
}

bool stack_in_guard(uintptr_t address)
{
	const struct stack *stack = stack_find(address);

	return stack && address < stack->bottom;
}
