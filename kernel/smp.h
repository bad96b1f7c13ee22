/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs but the first. They are started once and then sleep, with interrupts off, until
 * smp_run() has work for all of them at once. A CPU that does not start is reported, and the run
 * goes on without it.
 */
#pragma once

#include "mm/types.h"

struct registers;

/*
 * Starts the CPUs with these local APICs, at most HOST_CPUS_MAX - 1, none of them this one. They
 * enter the kernel through the page `entry` below 1 MiB, whose contents are lost; without one
 * (pfn 0), none is started. `left` more are reported only. On CPU 0, after heap_init().
 */
void smp_start(const uint32_t *apic_ids, size_t nr, size_t left, pfn_t entry);

/* Writes report lines: how many CPUs take part, and which do not. */
void smp_print(void (*line)(const char *));

/* As host_on_each_cpu(). */
void smp_run(void (*fn)(void *), void *arg);

/* --- For the end of a run that cannot go on --- */

/* Makes all other CPUs stop where they are; waits for them for a while. */
void smp_stop_others(void);

/* What makes them: the handler of the NMI that they get. */
_Noreturn void smp_stop(const struct registers *);

/* Writes report lines: where those stopped that had not finished their part of smp_run(). */
void smp_print_unfinished(void);
