/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are in an arena of a BTT. One that is to be made is computed as Linux does; one that
 * was found need not be the same, but nothing in it may overlap or lie outside. Pure functions.
 */
#pragma once

#include "drivers/btt_layout.h"
#include "mm/compiler.h"
#include "mm/types.h"

/* Offsets are from the arena's start. */
struct btt_geometry {
	uint64_t bytes; /* of the arena, the copy of the info block included */
	uint32_t sector_bytes;
	uint32_t sectors;
	uint32_t block_bytes;
	uint32_t blocks;
	uint32_t lanes;
	uint64_t data;
	uint64_t map;
	uint64_t log;
	uint64_t copy;
};

/*
 * Sectors have 512 or 4096 bytes for data, and up to 128 more for metadata of the user's: 512, 520,
 * 528, 4096, 4104, 4160, 4224. Returns 0 for any other size.
 */
uint32_t btt_data_bytes(uint32_t sector_bytes);

/*
 * An arena in `bytes` of memory. -EINVAL: BTT has no such sectors, or there is no room for one
 * besides the free blocks.
 */
int btt_geometry_make(uint64_t bytes, uint32_t sector_bytes, struct btt_geometry *) must_check;

/*
 * What cannot be of a geometry that lies in `room` bytes; `field` names it as struct btt_info does.
 * NULL: nothing.
 */
struct btt_misfit {
	const char *field;
	uint64_t found;
	uint64_t limit; /* at most or at least, as `field` says */
};

bool btt_geometry_fits(const struct btt_geometry *, uint64_t room, struct btt_misfit *) must_check;

static inline uint64_t btt_block_at(const struct btt_geometry *geometry, uint32_t block)
{
	return geometry->data + (uint64_t)block * geometry->block_bytes;
}

static inline uint64_t btt_map_at(const struct btt_geometry *geometry, uint32_t sector)
{
	return geometry->map + (uint64_t)sector * BTT_MAP_ENTRY_BYTES;
}

static inline uint64_t btt_log_at(const struct btt_geometry *geometry, uint32_t lane)
{
	return geometry->log + (uint64_t)lane * sizeof(struct btt_log_group);
}
