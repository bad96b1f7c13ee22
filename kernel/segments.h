/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments, of which 64-bit mode leaves only formalities: one of code, one of data, and the task
 * state, which tells the CPU the stacks for those traps that cannot use the one they interrupt.
 */
#pragma once

#include "kernel/stack.h"

#include <stdint.h>

enum { SELECTOR_CODE = 0x08, SELECTOR_DATA = 0x10, SELECTOR_TASK = 0x18 };

/* Entries of the interrupt stack table; 0 in an interrupt gate stands for "the current stack". */
enum interrupt_stack {
	INTERRUPT_STACK_CURRENT = 0,
	INTERRUPT_STACK_DOUBLE_FAULT = 1,
	INTERRUPT_STACK_NMI = 2,
	INTERRUPT_STACK_MACHINE_CHECK = 3,
};

/* Intel SDM volume 3, 8.7. */
struct task_state {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t interrupt_stack[7]; /* entry n of the table is element n - 1 */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map; /* past the limit: there is none */
} __attribute__((packed));
_Static_assert(sizeof(struct task_state) == 104, "SDM volume 3, figure 8-11");

/* What one CPU has. */
struct segments {
	uint64_t descriptors[5]; /* null, code, data, and two for the task state */
	struct task_state task;
};

/* Makes and loads them on this CPU, whose stacks these are. */
void segments_load(struct segments *, const struct stack stacks[STACKS]);
