/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows: where the CPU sees physical memory that is not managed, such as firmware tables and
 * devices' registers. Any address and length will do; the whole pages around them are mapped.
 * A window stays for good, and the page after it is never mapped. From paging_init() on, on
 * CPU 0.
 *
 * NULL: no bytes, or past the CPU's physical addresses, or no memory for page tables.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* Read-only. */
const void *map_firmware(phys_t, size_t bytes) must_check;

/*
 * Uncached, for registers; write-combining, for a framebuffer. Memory that the kernel also sees
 * cached, which is managed memory and the image, must not be seen so: NULL as well.
 */
void *map_mmio(phys_t, size_t bytes) must_check;
void *map_framebuffer(phys_t, size_t bytes) must_check;
