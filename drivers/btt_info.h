/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Info blocks: what says that there is a BTT, and where its arenas are.
 *
 *	struct btt_arena arena;
 *
 *	for (error = btt_first_arena(medium, &arena, &fault); !error;
 *	     error = btt_next_arena(medium, &arena, &fault))
 *		...
 *	... -ENOENT: that was the last one
 *
 * An arena has two info blocks with the same contents. Where the first one is bad the second one
 * serves, if it can be found: where the first says that it is, or at the end of an arena of the
 * usual size. An arena is only given if its geometry lies within the memory.
 */
#pragma once

#include "drivers/btt_fault.h"
#include "drivers/btt_geometry.h"
#include "drivers/btt_medium.h"
#include "mm/compiler.h"

enum btt_version {
	BTT_VERSION_1_1 = 1 << 16 | 1,
	BTT_VERSION_2_0 = 2 << 16,
};

/* What all arenas of a BTT have in common. */
struct btt_identity {
	enum btt_version version;
	uint32_t sector_bytes; /* 512, 520, 528, 4096, 4104, 4160, 4224 */
	uint8_t uuid[16];
	uint8_t parent_uuid[16]; /* the namespace's, or zeros */
};

struct btt_arena {
	unsigned number;
	uint64_t start; /* in the BTT's memory */
	struct btt_identity identity;
	uint32_t flags; /* of enum btt_info_flags */
	uint64_t next;  /* from `start`; 0: it is the last one */
	struct btt_geometry geometry;

	/* What is wrong with either block, though the other one is good; or BTT_FAULT_NONE. */
	struct btt_fault first_fault;
	struct btt_fault copy_fault;
};

/* Makes an info block of it; geometry, identity, flags and `next` are filled in. */
void btt_info_make(const struct btt_arena *, struct btt_info *);

/*
 * Fills in the arena, but for `number`, `start` and the faults, from a block that is alone in
 * `room` bytes from the arena's start. False: what is wrong, with `at` relative to the block.
 */
bool btt_info_read(const struct btt_info *, uint64_t room, struct btt_arena *,
		   struct btt_fault *) must_check;

/* The checksum that a block should have. */
uint64_t btt_info_checksum(const struct btt_info *);

/*
 * 0. -ENOENT: there is no BTT, or no further arena. -EIO, -EINVAL: there is one that is damaged, as
 * `fault` says. -EFBIG is the caller's, who may have no room for so many.
 */
int btt_first_arena(const struct btt_medium *, struct btt_arena *, struct btt_fault *) must_check;
int btt_next_arena(const struct btt_medium *, struct btt_arena *, struct btt_fault *) must_check;
