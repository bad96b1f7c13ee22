/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps: what the CPU raises by itself. Only trap_catch() recovers from one, for tests that ask
 * for it, and from machine checks what kernel/machine_check.h can contain. Every other is the end
 * of the run: a report and fatal_end().
 *
 * The one interrupt that does something is the watchdog's tick, on CPU 0. VECTOR_WAKE ends a sleep
 * by having come; it and all others are acknowledged and ignored.
 */
#pragma once

#include "mm/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exceptions that have a name here (Intel SDM volume 3, table 6-1). */
enum {
	TRAP_DIVIDE = 0,
	TRAP_NMI = 2,
	TRAP_INVALID_OPCODE = 6,
	TRAP_DOUBLE_FAULT = 8,
	TRAP_PROTECTION = 13,
	TRAP_PAGE_FAULT = 14,
	TRAP_MACHINE_CHECK = 18,
	TRAP_EXCEPTIONS = 32, /* vectors from here on are interrupts */
};

/* A page fault's error code. */
enum {
	FAULT_PRESENT = 1 << 0, /* a page is there but does not permit it; else there is none */
	FAULT_WRITE = 1 << 1,
	FAULT_RESERVED = 1 << 3,
	FAULT_EXECUTE = 1 << 4,
};

struct trap {
	unsigned vector;
	uint64_t error;   /* the CPU's error code; 0 for traps that have none */
	uint64_t address; /* a page fault's: what was to be read, written or executed */
	uint64_t rip;     /* the instruction; for a jump that faulted, its target */
};

/* What the interrupted code had in the CPU: the layout that kernel/trap_entry.S makes. */
struct registers {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct registers) == 22 * 8, "kernel/trap_entry.S");

/*
 * Handles all vectors on this CPU from now on. First of all inits; needs only the boot page
 * tables. Interrupts stay off.
 */
void traps_init(void);

/* The same on a further CPU. */
void traps_init_another(void);

/*
 * Runs fn(arg). True: it trapped and was left there, and *trap says how. Nests. fn must not leave
 * by longjmp(), so it cannot use require() or skip(). Never caught are NMI, double fault and
 * machine check, which have no instruction to blame.
 */
bool trap_catch(void (*fn)(void *), void *arg, struct trap *trap) must_check;
