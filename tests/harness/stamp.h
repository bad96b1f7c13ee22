/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stamped sectors: 512 bytes that say which sector of which device they are and how often it was
 * written, under a checksum, so that a sector that is wrong also tells how it went wrong.
 *
 *	misplaced   whole, but of another sector or device
 *	stale       whole and in its place, but of another generation
 *	torn        not whole: parts of two writes, or damaged
 *	unwritten   no stamp at all
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

enum { STAMP_SIZE = 512 };

/* Which sector of which device, and which of its writes. */
struct stamp_id {
	uint32_t device;
	uint32_t generation;
	uint64_t sector;
};

/* Makes one sector. `sector` is 8-byte aligned. */
void stamp_write(void *sector, struct stamp_id);

/* NULL, or what is wrong with the sector, in words that are valid until the next call. */
const char *stamp_check(const void *sector, struct stamp_id) must_check;
