/* SPDX-License-Identifier: BSD-2-Clause */
/* What an open BTT keeps in DRAM: drivers/btt_open.c makes it, drivers/btt.c works with it. */
#pragma once

#include "drivers/btt.h"
#include "drivers/btt_log.h"

#include <stdatomic.h>

/* Only the CPU that has the lane looks at it. */
struct btt_lane {
	uint32_t block;    /* the free one, that the next write goes to */
	uint32_t sequence; /* of the next entry of the log */
	uint8_t next;      /* which of the two entries that will be, 0 or 1 */
	bool bad;          /* the free block's medium had an error: zeros go over all of it first */
	bool given_up;
	atomic_bool busy; /* where CPUs share lanes */
} __attribute__((aligned(64)));

/* A write that a read-only BTT must honour without its map entry. */
struct btt_pending {
	uint32_t sector;
	uint32_t block;
};

struct btt_open_arena {
	struct btt_arena info;
	uint64_t first_sector; /* of the disk, in the BTT's sectors */
	struct btt_log_slots slots;
	unsigned nr_pending;
	struct btt_pending pending[BTT_LANES];
	struct btt_lane lanes[BTT_LANES];
};

/* The block that a CPU reads; no writer puts anything new there. */
struct btt_reader {
	uint64_t block; /* arena << 32 | block, plus 1; 0: none */
} __attribute__((aligned(64)));

struct btt_map_lock {
	atomic_bool busy;
} __attribute__((aligned(64)));

enum { BTT_MAP_LOCKS = 256 };

struct btt_state {
	struct btt_reader readers[HOST_CPUS_MAX];
	struct btt_map_lock map_locks[BTT_MAP_LOCKS];
	struct btt_open_arena arenas[BTT_ARENAS_MAX];
};

_Static_assert(sizeof(struct btt_state) <= AREA_SIZE, "it lies in one area");

extern const struct block_ops btt_ops;
