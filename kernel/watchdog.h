/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watchdog behind host_watch(): a tick that looks whether the deadline has passed, and then
 * says where the CPU is, and where the others are that have work, and ends the run red. It ticks on
 * CPU 0. Code that runs there with interrupts off is out of its sight.
 */
#pragma once

#include "mm/types.h"

struct registers;

enum watchdog_source {
	WATCHDOG_NONE, /* before watchdog_init() */
	WATCHDOG_APIC,
	WATCHDOG_PIT, /* on a machine without a local APIC's timer */
};

/* Starts the tick and lets interrupts in. After traps_init(), paging_init() and time_init(). */
void watchdog_init(void);

enum watchdog_source watchdog_source(void);

/* Ticks so far: it is alive while this grows. */
uint64_t watchdog_ticks(void);

/* As host_watch(). */
void watchdog_set(const char *what, unsigned seconds);

/* Whether a deadline is set. */
bool watchdog_armed(void);

/* The interrupt. */
void watchdog_tick(const struct registers *);
