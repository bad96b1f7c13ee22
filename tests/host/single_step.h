/* SPDX-License-Identifier: BSD-2-Clause */
/* Code of this process, instruction by instruction, as the CPU executes it. */
#pragma once

#include <ucontext.h>

/*
 * Runs fn(arg) with the trap flag set and calls after() when an instruction is done, with the
 * registers as they are then: its instruction pointer is that of the next one. Some instructions
 * before and after those of fn() are seen, too. after() is a signal's handler and does nothing that
 * one must not do; fn() must return. One at a time, on the thread that calls.
 */
void single_step(void (*fn)(void *), void *arg, void (*after)(const ucontext_t *));
