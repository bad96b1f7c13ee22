/* SPDX-License-Identifier: BSD-2-Clause */
/* Time, by the CPU's time stamp counter (TSC). */
#pragma once

#include "mm/types.h"

/* Who says how fast the TSC counts. */
enum time_source {
	TIME_CPUID,   /* the CPU does */
	TIME_PIT,     /* measured against the PC's interval timer */
	TIME_ASSUMED, /* nobody: 1 GHz is assumed, and no figure in seconds is to be trusted */
};

/* Finds the rate; may take some 30 ms. After cpu_init(); before it, time stands still at 0. */
void time_init(void);

enum time_source time_source(void);
const char *time_source_name(enum time_source);
uint64_t time_tsc_hz(void);

/* Since time_init(). Never goes back on one CPU. */
uint64_t time_nanoseconds(void);

/* Waits, busily. */
void time_wait(uint64_t nanoseconds);
