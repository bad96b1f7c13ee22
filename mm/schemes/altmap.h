/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ingo Molnar's question of 2015: the flat array (flat.h) inside the persistent memory itself, at
 * its start. It takes no DRAM, however large the memory is, but 1/65 of the memory; and each pin
 * stores to the medium, which may be slow and may wear.
 *
 *	| descriptors | data .......................................... |
 *	 start         scheme.start
 *
 * The descriptors mean nothing after a reset: the array is made anew by each begin(), which writes
 * all of it. Nothing of it is flushed, since nobody reads it later; but sooner or later
 * caches write back what was stored. The region must be one that may be written.
 */
#pragma once

#include "mm/schemes/flat.h"

extern const struct scheme_ops altmap_scheme;
