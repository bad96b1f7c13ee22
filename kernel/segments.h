/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments, of which 64-bit mode leaves only formalities: one of code, one of data, and the task
 * state, which tells the CPU the stacks for those traps that cannot use the one they interrupt.
 */
#pragma once

#include <stdint.h>

enum { SELECTOR_CODE = 0x08, SELECTOR_DATA = 0x10, SELECTOR_TASK = 0x18 };

/* Entries of the interrupt stack table; 0 in an interrupt gate stands for "the current stack". */
enum interrupt_stack {
	INTERRUPT_STACK_CURRENT = 0,
	INTERRUPT_STACK_DOUBLE_FAULT = 1,
	INTERRUPT_STACK_NMI = 2,
	INTERRUPT_STACK_MACHINE_CHECK = 3,
};

/* Loads them on this CPU. */
void segments_init(void);
