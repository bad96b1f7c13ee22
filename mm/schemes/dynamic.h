/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dynamic page of Linus Torvalds (2015) and Matthew Wilcox (2018): a pool of real descriptors,
 * each of which knows its frame and is bound to it while I/O is in flight. Persistent memory takes
 * as many descriptors as there are I/Os, however large it is.
 *
 *	buckets, by frame     | 3 | - | 7 | - | ...
 *	                        |       `-> page 7: bound to frame 0x8f2, pinned
 *	                        `-> page 3: bound to frame 0x100 -> page 1: frame 0x51a, idle
 *
 * Two I/Os to one frame find the same page. When its last pin is returned it stays bound and is
 * idle: the next I/O finds it again, unless an I/O to another frame has taken it by then. One that
 * is locked or has a note that it was written is not taken, since lock and note would be lost: who
 * marks pages dirty has to clear them, or the pool is full of them.
 *
 * When no page is idle a pin is refused by -ENOMEM, and nothing waits: whoever wants it polls for
 * completions, which return pins, and tries again.
 *
 * Frames that follow each other in 2 MiB have buckets that do, so that a range walks along them.
 * A page that is bound already is pinned without a lock. To bind one a CPU locks a bucket for a few
 * steps, or for its chain's length; another CPU that wants the same bucket waits for it.
 */
#pragma once

#include <stdatomic.h>

#include "mm/schemes/scheme.h"

/*
 * The state of a descriptor: the frame that it is bound to, its pins and flags.
 *
 *	 63       30 29      10 9     0
 *	|   frame   |   pins   | flags |
 */
enum {
	DYNAMIC_BOUND = 1 << 0, /* to a frame; the dynamic bit of the proposal */
	DYNAMIC_LOCKED = 1 << 1,
	DYNAMIC_DIRTY = 1 << 2,
	DYNAMIC_CLAIMED = 1 << 3, /* by a CPU that is about to bind it */
};

#define DYNAMIC_PIN_SHIFT   10
#define DYNAMIC_ONE_PIN     ((uint64_t)1 << DYNAMIC_PIN_SHIFT)
#define DYNAMIC_PINS        ((uint64_t)0xfffff << DYNAMIC_PIN_SHIFT)
#define DYNAMIC_PINS_MAX    ((uint64_t)1 << 19) /* that bit of the count says that it is full */
#define DYNAMIC_FRAME_SHIFT 30
#define DYNAMIC_FRAME       (~(uint64_t)0 << DYNAMIC_FRAME_SHIFT)

_Static_assert(PFN_LIMIT - 1 <= UINT64_MAX >> DYNAMIC_FRAME_SHIFT, "every frame fits");

struct dynamic_page {
	_Atomic uint64_t word;
	_Atomic uint32_t next; /* in its bucket's chain: the number of a page + 1, or 0 */
	uint32_t unused;
	uint64_t rest[6]; /* what else a descriptor has, elsewhere */
};

_Static_assert(sizeof(struct dynamic_page) == 64, "as the descriptors that it stands for");

extern const struct scheme_ops dynamic_scheme;

/*
 * Points a pinned page at another frame: the page, which its holder keeps, has moved, as a RAID
 * cache moves its pages from stripe to stripe. No I/O can be in flight on it: -EBUSY: somebody else
 * has it pinned, or it is locked, or dirty. -EEXIST: the other frame has a page that is in use.
 * -ENOENT: it is not the instance's.
 */
int dynamic_repoint(struct scheme *, struct scheme_page *, pfn_t to) must_check;

/* How many pages of the pool are bound to a frame, idle ones included. */
uint32_t dynamic_bound(struct scheme *);

/*
 * While nobody changes anything: NULL, or what is broken. Every bound page is in the chain of its
 * frame's bucket and nowhere else, no two are bound to one frame, and none is claimed.
 */
const char *dynamic_check(struct scheme *);
