/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks of each CPU. The page below each one, its guard, is never mapped, so that an overflow
 * faults instead of changing what lies there. That fault cannot be reported on the stack that is
 * full: it becomes a double fault, and that one has a stack of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stack_id {
	STACK_WORK,
	STACK_DOUBLE_FAULT,
	STACK_NMI,
	STACK_MACHINE_CHECK,
	STACKS,
};

struct stack {
	const char *name;
	uintptr_t guard;  /* its first byte */
	uintptr_t bottom; /* the lowest byte that may be used */
	uintptr_t top;    /* not part of it */
};

/* The boot CPU's, which lie in the image. */
void stacks_of_boot_cpu(struct stack stacks[STACKS]);

/*
 * Lays out those of another CPU one after the other from `virt` on, a page boundary, and says where
 * they end. Maps nothing.
 */
uintptr_t stacks_place(uintptr_t virt, struct stack stacks[STACKS]);

/* One of the CPU that asks. */
const struct stack *stack_get(enum stack_id);

/* The stack that this address belongs to, its guard included, of whatever CPU; or NULL. */
const struct stack *stack_find(uintptr_t address);

/* Whether the address lies in a guard page. */
bool stack_in_guard(uintptr_t address);
