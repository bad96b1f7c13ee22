/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often code stores to some pages of memory, as the CPU sees it: the pages are write-protected,
 * and each instruction that would store there is let through alone and counted, whether or not it
 * changes a byte. Nothing is asked of the code, and nothing of it can go unseen.
 *
 * One at a time, on the thread that calls, while no other stores there.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* Runs fn(arg), which must return. `start` and `bytes` are whole pages, and writable. */
uint64_t stores_to(void *start, size_t bytes, void (*fn)(void *), void *arg) must_check;
