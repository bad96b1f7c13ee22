/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log of a BTT: of each lane the last write, and the block that it left free. Each write goes
 * over the older one of two entries: first its sector and old block, then, as one store of 8 bytes,
 * its new block and the sequence number that makes it the newer one.
 */
#pragma once

#include "drivers/btt_info.h"
#include "drivers/btt_layout.h"
#include "mm/compiler.h"
#include "mm/types.h"

/* The two slots of a group that are in use. */
struct btt_log_slots {
	uint8_t slot[2];
};

/*
 * What groups show of the slots in use: begin with {0}, add every group, then ask. False from
 * btt_log_slots_add(): the group fits neither way, or not with those before it.
 */
struct btt_log_slots_seen {
	uint8_t second; /* 0: none has shown yet */
};

bool btt_log_slots_add(struct btt_log_slots_seen *, const struct btt_log_group *) must_check;

/* A log that no lane wrote to yet shows nothing, and becomes one of slots 0 and 1. */
struct btt_log_slots btt_log_slots(const struct btt_log_slots_seen *);

/*
 * Which of the two entries in use, 0 or 1, is the newer one. -EINVAL: neither, by their sequence
 * numbers.
 */
int btt_log_newer(const struct btt_log_group *, struct btt_log_slots) must_check;

static inline uint32_t btt_log_next_sequence(uint32_t sequence)
{
	return sequence % 3 + 1;
}

/* The group that a lane has in a new arena. */
struct btt_log_group btt_log_first_group(uint32_t sectors, uint32_t lane);

/* What a lane did last. */
struct btt_log_last {
	uint8_t newer; /* which of the two entries, 0 or 1 */
	uint32_t sector;
	uint32_t old_block; /* the lane's free one, if the write was finished; without marks */
	uint32_t new_block; /* the same as the old one: the lane never wrote */
	bool bad;           /* the old block had an error */
	uint32_t sequence;
};

/* False: the group makes no sense in such an arena; `fault` has `at` from the group's start. */
bool btt_log_last(const struct btt_log_group *, struct btt_log_slots, const struct btt_geometry *,
		  struct btt_log_last *, struct btt_fault *) must_check;

/*
 * The same from the medium, after the slots of the arena's log are known. 0; -EIO: it cannot be
 * read; -EINVAL: it makes no sense. `fault` says where and what.
 */
int btt_log_find_slots(const struct btt_medium *, const struct btt_arena *, struct btt_log_slots *,
		       struct btt_fault *) must_check;
int btt_log_read_last(const struct btt_medium *, const struct btt_arena *, struct btt_log_slots,
		      uint32_t lane, struct btt_log_last *, struct btt_fault *) must_check;

/*
 * Puts an entry where the older one is. When it returns the entry is durable, and everything that
 * was flushed or copied before is durable before it counts. `at` is 16-byte aligned.
 */
void btt_log_put(struct btt_log_entry *at, const struct btt_log_entry *);
