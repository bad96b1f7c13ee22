/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who called whom, by frame pointers. The stack may be damaged when this is asked: only what lies
 * within one known stack is read, upwards, and never more than a few frames.
 */
#pragma once

#include <stdint.h>

/*
 * Writes report lines: the function at rip, then its callers, found from the frame pointer rbp.
 */
void backtrace_print(uint64_t rip, uint64_t rbp);

/* The same for whoever calls this. */
void backtrace_here(void);
