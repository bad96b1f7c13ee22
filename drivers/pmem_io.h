/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing persistent memory by copying, as whoever keeps data on it does: the raw disk,
 * a BTT. Each page is pinned while it is copied, for that is what tells poison.
 *
 * Any CPU, nothing waits. Addresses and lengths need no alignment; a range may cross pages, and its
 * frames belong to a region. The other side of a copy may not overlap it.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* 0, or -EIO: memory at the range is bad and was not touched; what is before it may be copied. */
int pmem_read(phys_t from, void *to, size_t bytes) must_check;

/* The same into a region that may be written. Durable after persist_fence(). */
int pmem_write(phys_t to, const void *from, size_t bytes) must_check;
