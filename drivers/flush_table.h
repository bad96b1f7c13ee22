/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the table of flush hints that mm/flush_hints.h wants, of what the inventory found: hints of
 * those NVDIMMs alone that hold memory which may be written, for all others are left in peace.
 */
#pragma once

#include "drivers/inventory.h"
#include "mm/compiler.h"
#include "mm/flush_hints.h"

/* Of an NVDIMM's hints a power of two is used, this many at most: each may take a page. */
enum { FLUSH_HINTS_MAX = 64 };

/* Bytes of storage that flush_table_build() needs. */
size_t flush_table_size(const struct inventory *);

/*
 * Fills `storage`, 8-byte aligned, sets *table to the ranges in it, and returns how many they are.
 * `map` makes so many bytes of physical memory accessible and uncached for good, or returns NULL;
 * a hint that it refuses is refused in the inventory, too.
 */
size_t flush_table_build(struct inventory *, void *(*map)(phys_t, size_t), void *storage,
			 const struct flush_range **table) must_check;

/* The weakest domain of all persistent memory that may be written; unknown where there is none. */
enum persistence_domain flush_table_domain(const struct inventory *);
