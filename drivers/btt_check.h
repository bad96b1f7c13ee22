/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks a BTT that nobody has open. What it proves of one without faults: both info blocks of each
 * arena are good and the same, the log makes sense, and every block is named exactly once by map
 * and log, so that no write of one sector can change another. A write that a power failure
 * interrupted is no fault: it is counted as if it was finished, and reported.
 *
 * A map that cannot all be read is not made up for. The rest of it and the log tell which blocks
 * its lost entries named, but not which sector had which, and nothing else on the medium does: a
 * guess would give one sector the data of another. The sectors of such entries fail.
 *
 * The proof takes a bit for each block. With less memory than that the map is read several times.
 */
#pragma once

#include "drivers/btt.h"

struct btt_check {
	struct btt_medium memory;
	/*
	 * BTT_READ_WRITE: repairs what can be repaired, an info block from the other one, and a
	 * write that is to be finished. The memory can be written then: the caller's care.
	 */
	enum btt_access access;
	uint64_t *bitmap;
	size_t bitmap_bytes; /* 8 at least; the rest of a division by 8 is not used */

	/* Hears of the first BTT_CHECK_TOLD faults of each kind, with the context; or NULL. */
	void (*tell)(void *context, const struct btt_fault *);
	void *context;
};

enum { BTT_CHECK_TOLD = 16 };

struct btt_checked {
	unsigned arenas;
	uint64_t found[BTT_FAULTS]; /* how many of each kind; BTT_FAULT_LOG_PENDING is among them */
	uint64_t repaired;          /* of these */
	uint64_t sectors;           /* of the BTT's own size */
	unsigned passes;            /* over the map of the arena that took most */
};

/*
 * 0: without faults, or they were all repaired. -ENOENT: there is no BTT. -EINVAL: there are
 * faults. -EIO: it cannot all be read. If the log of an arena makes no sense, what its blocks are
 * used for is not looked at.
 */
int btt_check(const struct btt_check *, struct btt_checked *) must_check;
