/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this CPU can do, and the control registers set for our use of it. Decided by CPUID alone:
 * nothing is found out by trying an instruction.
 */
#pragma once

#include "mm/types.h"

struct cpu_features {
	char vendor[13];
	unsigned physical_bits; /* of a physical address */
	bool hypervisor;        /* we are in a virtual machine */

	bool nx;
	bool pat;
	bool pages_1gib;
	bool smep, smap, umip;
	bool machine_check;       /* #MC */
	bool machine_check_banks; /* ... and registers that say what it is about */
	bool local_apic;
	bool x2apic;

	bool clflush, clflushopt, clwb;
	unsigned cache_line; /* bytes that clflush works on */

	bool tsc;
	bool tsc_invariant; /* same rate in every power state */
	uint64_t tsc_hz;    /* as CPUID states it; 0: it does not */
};

/*
 * Reads the features and sets EFER, CR0, CR4 and the PAT, from the first lines of kernel_main() on
 * before any page table of our own is loaded. Panics on a CPU that has no NX or no PAT.
 */
void cpu_init(void);

/* Sets the same on a further CPU, which is to have the same features. */
void cpu_init_another(void);

const struct cpu_features *cpu_features(void);

/* Whether [start, start + bytes) is within the CPU's physical addresses. */
bool cpu_has_physical(phys_t start, uint64_t bytes);
