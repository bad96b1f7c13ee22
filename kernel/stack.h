/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's stacks. The page below each one, its guard, is never mapped, so that an overflow
 * faults instead of changing what lies there. That fault cannot be reported on the stack that is
 * full: it becomes a double fault, and that one has a stack of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stack_id {
	STACK_BOOT,
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

const struct stack *stack_get(enum stack_id);

/* The stack that this address belongs to, its guard included, or NULL. */
const struct stack *stack_find(uintptr_t address);

/* Whether the address lies in a guard page. */
bool stack_in_guard(uintptr_t address);
