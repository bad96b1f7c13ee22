/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each CPU has for itself: its number, its stacks, its segments and the C library's state. The
 * CPU finds it by its GS base; its number is where host_cpu() loads it.
 *
 * The boot CPU's lies in the image. The others' are mapped at CPU_AREAS (kernel/layout.h) when they
 * are started, and stay for good.
 */
#pragma once

#include "kernel/segments.h"
#include "kernel/stack.h"
#include "mm/compiler.h"
#include "mm/host.h"

#include <reent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far a CPU has come; kernel/smp.c. */
enum cpu_state {
	CPU_STARTING,
	CPU_ONLINE,
	CPU_GIVEN_UP, /* it was waited for long enough, and is to take no part when it comes */
};

struct catch;
struct containment;

struct percpu {
	struct percpu *self; /* for this_cpu() */
	unsigned number;     /* 0 is the boot CPU */
	uint32_t apic_id;
	struct segments segments;
	struct stack stacks[STACKS];
	struct catch *catching;         /* kernel/traps.c */
	struct containment *containing; /* kernel/machine_check.c */
	struct _reent reent;            /* kernel/libc.c */

	/* kernel/smp.c */
	_Atomic(enum cpu_state) state;
	atomic_uint done;    /* how many pieces of work */
	atomic_bool stopped; /* for good, since another CPU ends the run; the CPU was here: */
	uint64_t stopped_rip, stopped_rbp;
};

_Static_assert(offsetof(struct percpu, number) == HOST_CPU_AT, "host_cpu() loads the number");

/* The CPU that asks. */
static inline struct percpu *this_cpu(void)
{
	struct percpu *cpu;

	__asm__("movq %%gs:%c1, %0" : "=r"(cpu) : "i"(offsetof(struct percpu, self)));
	return cpu;
}

/* Gives the boot CPU its own. Before everything else. */
void percpu_init(void);

/* Makes it what this_cpu() returns on the CPU that calls. */
void percpu_load(struct percpu *);

/*
 * Memory for one more CPU, at the next place of CPU_AREAS. NULL: there is no memory, or no place.
 * From heap_init() on, on the boot CPU.
 */
struct percpu *percpu_create(void) must_check;

/* The CPU takes part from now on; its number is percpu_count(). */
void percpu_add(struct percpu *);

/* How many take part. Their numbers are below it. */
unsigned percpu_count(void);
struct percpu *percpu_get(unsigned number);
