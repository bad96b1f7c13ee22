/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a driver shares with its device: queues, lists, tables. It is zeroed, one run of
 * physical memory, page aligned, and pinned for as long as the driver has it.
 *
 * It is cut from whole areas, so that it costs no descriptors of 4 KiB; an area of which nothing is
 * in use goes back to the allocator. On CPU 0 only, and not while others work: a driver takes all
 * that it needs when it finds its device, and none in order to recover.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/region.h"
#include "mm/types.h"

struct dma_memory {
	phys_t start;
	void *virt;   /* where the CPU sees it */
	size_t bytes; /* as asked for */
};

/*
 * 1 ... AREA_SIZE bytes. -EINVAL: another size. -EACCES: no persistent memory may be written.
 * -ENOMEM.
 */
int dma_alloc(struct dma_memory *, enum memory_kind, size_t bytes) must_check;

/* The device has no use of it any more. Nothing happens to memory that is all zero. */
void dma_free(struct dma_memory *);
