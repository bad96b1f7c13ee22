/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bad lines in the simulated memory. host_read() stops before one and notes it (mm/bad_lines.h), as
 * a machine check does, and so does host_contain(); any other access sees the bytes that the damage
 * left there.
 */
#pragma once

#include "mm/types.h"

enum { DAMAGED_LINES_MAX = 16 };

enum damage {
	DAMAGE_UNTIL_STORED,   /* a store of other bytes repairs the line */
	DAMAGE_UNTIL_REPAIRED, /* only damage_repair() does */
};

/* `line` is a multiple of CACHE_LINE. */
void damage(phys_t line, enum damage);

/* The medium's own function, for pmem_set_repair(): leaves zeros. Always 0. */
int damage_repair(phys_t start, size_t bytes);

/*
 * What happens while the next host_read() is at this byte: after damage was met there, and before
 * anything is copied. On the reader's CPU.
 */
void damage_meanwhile(phys_t at, void (*fn)(void));

/* How often host_read() met a damaged line. */
unsigned damage_met(void);

/* Repairs all, and forgets how often it was met. */
void damage_end(void);
