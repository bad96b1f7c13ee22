/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block translation table: persistent memory as a disk whose sectors are written whole or not
 * at all, whenever the power fails. On the medium it is Linux's, versions 1.1 and 2.0.
 *
 *	const struct btt_medium memory = {.start = first, .end = end};
 *	struct btt_fault fault;
 *	struct btt btt;
 *
 *	error = btt_open(&btt, "pmem0s", &memory, BTT_READ_WRITE, &fault);
 *	... block_submit(&btt.device, ...)
 *	btt_close(&btt);
 *
 * How a sector is written: its data goes into the lane's free block, the lane's log says what shall
 * come of that, then the map names the new block, and the old one is the lane's free one. Each step
 * is durable before the next begins, and the last one before the write is done: a flush has nothing
 * left to do, and FUA costs nothing. A power failure after the log's step is made good when the BTT
 * is opened.
 *
 * The disk takes blocks of 512 or 4096 bytes. What sectors have beyond that (520, 4104, ...) is
 * metadata for which this interface has no words: it is written as zeros and not read.
 *
 * All CPUs may read and write at the same time. Each has lanes of its own as long as there are
 * enough; writes of sectors whose map entries share a cache line wait for each other; reads wait
 * for nobody.
 *
 * Bad memory: a sector in it fails with -EIO, and its map entry says so from then on, until it is
 * written again. A lane whose free block or log cannot be written is used no more.
 */
#pragma once

#include "drivers/block.h"
#include "drivers/btt_fault.h"
#include "drivers/btt_info.h"
#include "drivers/btt_medium.h"
#include "mm/compiler.h"

/*
 * Makes an empty BTT. What its sectors read as is whatever the memory holds. A power failure
 * meanwhile leaves no BTT, or the new one. -EINVAL: no such version or sector size, or the memory
 * is not all of one persistent region, or too small. -EROFS: the region may not be written. -EIO:
 * the medium is bad where map, log or info block would be.
 */
int btt_format(const struct btt_medium *, const struct btt_identity *,
	       struct btt_fault *) must_check;

enum btt_access {
	BTT_READ_ONLY,  /* nothing is written, and what a power failure left is read as if it was */
	BTT_READ_WRITE, /* the memory can be written: the caller's care */
};

enum { BTT_ARENAS_MAX = 96 };

struct btt {
	struct block_device device;
	struct btt_medium memory;
	struct btt_identity identity;
	unsigned nr_arenas;
	unsigned log_slot;    /* of the first arena: the second slot that its log uses, 1 or 2 */
	unsigned recovered;   /* writes whose last step was missing */
	unsigned info_faults; /* info blocks that are bad, while the other one is good */
	bool failed; /* the medium says that nothing may be written any more: it is read-only */

	/* btt.c's own. */
	enum btt_access access;
	unsigned cpus;
	struct btt_state *state;
	pfn_t state_memory;
};

/*
 * Finds the BTT, makes good what a power failure left, and makes a block device of it, read-only as
 * `access` says or if an arena's info block has its error flag set. It stays where it is in memory;
 * `name` must stay valid. Takes an area of DRAM. On CPU 0.
 * -ENOENT: there is no BTT. -EINVAL: it is damaged, or the memory is not all of one persistent
 * region; -EIO: its metadata cannot be read; -EFBIG: more than BTT_ARENAS_MAX arenas; `fault` says
 * where. -ENOMEM.
 */
int btt_open(struct btt *, const char *name, const struct btt_medium *, enum btt_access,
	     struct btt_fault *) must_check;

/* Gives the area back. No bio may be under way. */
void btt_close(struct btt *);
