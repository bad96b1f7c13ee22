/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the instructions of operations.
 *
 * An emulator that counts instructions makes of the time stamp counter a counter of them, so that a
 * figure is exact and every run finds the same: a change that costs a single one is seen. It says
 * nothing about caches or about what the CPU does at the same time; timing it does.
 *
 * With interrupts off nothing else runs. Every figure is less what a call of nothing takes, on
 * average of many calls, and rounded up. The first call is not counted: it finds no memory at hand.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

struct figure {
	const char *name;
	void (*operation)(void);
	/* Before and after each call, and not counted; NULL: there is nothing to do. */
	void (*prepare)(void);
	void (*undo)(void);
	/*
	 * The second half of an operation that a device has a part in: counted, too, but not the
	 * wait for the device before it. NULL: there is none.
	 */
	void (*wait)(void);
	void (*finish)(void);
	unsigned times; /* how often a call does what is measured; 0: once */
};

/* Errors of all operations, or-ed by them; count() expects none. */
extern int count_error;

/* Whether the time stamp counter counts instructions. */
bool count_has_clock(void) must_check;

/* Skips the test where the time stamp counter does not count instructions. */
void count_needs_clock(void);

/* Measures each figure. The first one is nothing: {.operation = count_nothing}. */
void count(const struct figure *figures, size_t nr);
void count_nothing(void);

/*
 * What one figure takes, in ticks of the time stamp counter whatever it counts, on average of so
 * many calls. Errors stay in count_error.
 */
uint64_t count_ticks(const struct figure *, unsigned calls);
