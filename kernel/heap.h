/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory behind malloc(): a range of addresses, backed from its start on by whole areas of
 * DRAM. It grows and never shrinks; what is beyond its end is not mapped.
 */
#pragma once

#include "mm/types.h"

/* Takes a first few areas, so that ordinary use of malloc() takes no frames later. Panics. */
void heap_init(void);

/* Moves the end by so many bytes and says where it was. NULL: no memory, or before the start. */
void *heap_extend(ptrdiff_t bytes);

/* Bytes taken from the frame allocator. */
size_t heap_bytes(void);
