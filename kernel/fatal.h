/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The red end of a run that cannot go on: a panic, a trap nobody expected, a watchdog that
 * expired. In order: fatal_begin(), lines of explanation, fatal_end(). From any context, and
 * inside itself: every further begin says less, and the third one ends the machine at once.
 *
 * The first CPU that begins ends the run; it stops the others.
 */
#pragma once

#include "kernel/power.h"
#include "mm/compiler.h"

#include <stdbool.h>

/*
 * What writes the end of the report: the failing result of the running test and "Bail out! why",
 * never the end marker. Until it is set, and when it faults itself, only the last is written.
 */
void fatal_set_report(void (*report)(const char *why));

/* How fatal_end() leaves the machine; EXIT_AUTO until it is set. */
void fatal_set_exit(enum exit_mode);

/*
 * Interrupts go off. Returns how many there are, this one included: 1, or 2 inside another. Does
 * not return on a CPU that comes second: there, the run is ending already.
 */
unsigned fatal_begin(void);

/* How many there are; 0: all is well. */
unsigned fatal_depth(void);

/* Whether another CPU ends the run. */
bool fatal_elsewhere(void);

/* Does not keep `why`. */
_Noreturn void fatal_end(const char *why);
