/* SPDX-License-Identifier: BSD-2-Clause */
/* Traps in words. */
#pragma once

#include "kernel/traps.h"

/* One sentence: "page fault: store to 0x0000000000000008, the null page". */
void trap_explain(const struct trap *, char *text, size_t size);

/* Report lines: the CPU's registers, and the calls that led there. */
void registers_print(const struct registers *);
