/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples of both CPUs at work at the same time. */
#pragma once

#include "tests/bench/bench.h"

/* What one CPU does: ticks that its operations took. */
typedef uint64_t (*part_t)(unsigned cpu, size_t operations);

/*
 * Runs a part twice on every CPU; nanoseconds for one operation of the slower one, the second time.
 * Memory that a CPU keeps at hand is given back afterwards.
 */
double both_run(part_t part, size_t operations);

/* Waits until every CPU is here. */
void both_meet(void);
