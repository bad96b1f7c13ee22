/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Persistent memory as a block device: its bytes in their order, 512 to a sector, no metadata. It
 * works at once, by copying.
 *
 * A write is durable after the next flush, or when it is done if it has FUA. The medium keeps 8
 * bytes together, not a sector: a power failure may leave one that is part old and part new.
 *
 * A sector with bad memory fails with -EIO, and a line of the report names it; what comes before it
 * in a request is transferred. Writing it as a whole makes it good again (drivers/pmem_io.h).
 */
#pragma once

#include "drivers/block.h"

struct pmem_disk {
	struct block_device device;
	struct segment memory;
};

/*
 * A disk of the frames [start, end), read-only where their region is. Whoever creates it sees to
 * it that nobody else uses these frames; the disk holds nothing, so there is no end to it.
 * `name` must stay valid. -EINVAL: the frames are not all of one persistent region.
 */
int pmem_disk_create(struct pmem_disk *, const char *name, pfn_t start, pfn_t end) must_check;
