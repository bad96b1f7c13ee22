/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct access: the memory of a disk itself, by loads and stores or by DMA, instead of copies of
 * its sectors.
 *
 *	struct dax_range range;
 *
 *	error = dax_begin(&disk, offset, bytes, &range);
 *	... host_virt(range.start), range.bytes ...
 *	dax_end(&range);
 *
 * While it lasts, the pages are pinned: none is split, collapsed or handed out. There are no errors
 * to tell a load that meets bad memory, so pages that are out of use for it are not given; one that
 * goes bad meanwhile stays until dax_end(), and whoever wants to outlive that reads it by
 * host_read(). Bad lines are repaired through the disk, by writing their sectors.
 *
 * Stores need the disk to be writable, and mm/persist.h to be durable. Any CPU, nothing waits.
 */
#pragma once

#include "drivers/pmem_disk.h"
#include "mm/compiler.h"
#include "mm/types.h"

struct dax_range {
	phys_t start;
	size_t bytes;
};

/*
 * The disk's bytes from `offset` on, both multiples of PAGE_SIZE: `bytes` of them, or those before
 * the disk's end, or those before the first page that is bad. -EIO: that is the first one, or it
 * has PAGE_PINS_MAX pins. -EINVAL: not such multiples, or no bytes. -ERANGE: past the end.
 */
int dax_begin(const struct pmem_disk *, uint64_t offset, size_t bytes,
	      struct dax_range *) must_check;

void dax_end(const struct dax_range *);
