/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BTTs that persistent regions hold, as disks: pmem0s the first one of pmem0, pmem0.1s and so
 * on those behind it. They are looked for at the start of each region and where Linux begins
 * namespaces.
 *
 * Such a disk is read-only unless write= has its own name. Then the memory of this BTT alone
 * becomes writable: its region does not, and no test takes it for memory that may be overwritten.
 * Of a region that may be overwritten no disk is made.
 */
#pragma once

#include "drivers/btt.h"
#include "mm/compiler.h"
#include "mm/types.h"

enum { BTT_DISKS_MAX = 16 };

/*
 * Finds them, opens them and adds them to drivers/disks.h. make_writable() is asked to let stores
 * to some frames of a region through; 0, or a negative errno. After disks_permit(), with all memory
 * described, on CPU 0.
 */
void btt_disks_find(int (*make_writable)(pfn_t start, pfn_t end));

/* The lines "# btt ...", of those that are damaged as well. */
void btt_disks_print(void (*line)(const char *));

/* Whether a disk may be written of which this frame is a part. */
bool btt_disks_writable(pfn_t);

/* The open BTT after this one (NULL: the first), or NULL. */
const struct btt *btt_disks_next(const struct btt *);
