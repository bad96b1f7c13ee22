/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernel/trap_entry.S and kernel/traps.c agree on. */
#pragma once

#define TRAP_STUB_SIZE 16

#ifndef __ASSEMBLER__
#include "kernel/traps.h"

extern const char trap_stubs[];
extern const char trap_resume[];

/* Called by the stubs, interrupts off. What it leaves in *registers is what the CPU goes on with.
 */
void trap_handle(struct registers *registers);

bool trap_run(void (*fn)(void *), void *arg, uint64_t *stack) must_check;
#endif
