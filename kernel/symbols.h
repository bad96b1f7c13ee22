/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of the kernel's functions, for backtraces. tools/make-symbols writes the table from
 * the linked kernel and it is linked in by a second pass, after everything whose address it
 * states.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The function that holds this address of text, and how far in; NULL: not text, or no table. */
const char *symbol_find(uintptr_t address, size_t *offset);
