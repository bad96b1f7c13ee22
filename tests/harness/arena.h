/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An arena: areas of one kind of memory, whole or split, that the pieces of bios are cut from. Its
 * offsets count through its whole areas first, then through the split ones.
 *
 * Areas of DRAM come from the frame allocator. Persistent ones are those that may be written, taken
 * in order from the start of their regions without being allocated: tests of I/O run alone.
 */
#pragma once

#include "drivers/block.h"
#include "mm/compiler.h"
#include "mm/region.h"
#include "mm/types.h"

enum arena_state {
	ARENA_WHOLE,
	ARENA_SPLIT,
	ARENA_MIXED, /* half of the areas are whole, the others split */
};

enum { ARENA_AREAS_MAX = 8, ARENA_STATES = 3 };

struct arena {
	enum memory_kind kind;
	pfn_t areas[ARENA_AREAS_MAX];
	size_t nr_whole;
	size_t nr;
};

const char *arena_state_name(enum arena_state);

/*
 * Takes up to `nr` areas for each of `nr_arenas`, as many for each; fewer when the machine has not
 * so many, an even number for ARENA_MIXED. Skips the test when there are too few for all.
 */
void arenas_take(struct arena *, size_t nr_arenas, size_t nr, enum memory_kind, enum arena_state);

/* Makes the areas whole again and gives them back. */
void arenas_give(struct arena *, size_t nr_arenas);

/* Where the CPU sees what is at an offset. */
void *arena_virt(const struct arena *, size_t offset);

/* The rest of the page at an offset, `length` bytes at most. */
struct bio_piece arena_piece(const struct arena *, size_t offset, size_t length);
