/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block device in DRAM: works at once, forgets everything. It holds whole areas, and its pins on
 * them, from creation to destruction.
 */
#pragma once

#include "drivers/block.h"

enum { RAMDISK_AREAS_MAX = 64 };

#define RAMDISK_BYTES_MAX ((uint64_t)RAMDISK_AREAS_MAX * AREA_SIZE)

struct ramdisk {
	struct block_device device;
	struct page *areas[RAMDISK_AREAS_MAX];
	size_t nr_areas;
};

/*
 * All sectors read as zeros. `name` must stay valid; `node` is a preference or NODE_ANY.
 * -EINVAL: `bytes` is 0, no multiple of SECTOR_SIZE, or more than RAMDISK_BYTES_MAX. -ENOMEM.
 */
int ramdisk_create(struct ramdisk *, const char *name, uint32_t node, uint64_t bytes) must_check;

/* Gives the memory back. No bio may be under way. */
void ramdisk_destroy(struct ramdisk *);
