/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts the instructions of a function by executing them one by one: exact, and the same in every
 * run. An instruction takes some microseconds to be seen, and one with a repeat prefix counts once
 * for each repetition.
 */
#pragma once

#include <stdint.h>

/* Of one call of fn(), less those of a call of nothing. One at a time. */
uint64_t count_instructions(void (*fn)(void));
