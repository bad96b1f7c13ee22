/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which frames are bad, written down on the medium itself, where a later start finds it: one frame.
 *
 *	| magic | slot 1 | slot 2 | ... | slot 511 |	words of 8 bytes
 *
 *	 63     40 39           0
 *	|  check  |  frame + 1  |			a slot; 0 + its check: empty
 *
 * A change is one store of one word, which the medium keeps whole, and is durable when the call
 * returns: a power failure leaves the old slot or the new one, and there is nothing to recover. The
 * check is of the frame and of the slot's own place, in empty slots as well, so that a word that
 * was damaged, lost or misplaced shows.
 *
 * What is read is not trusted. A frame without the magic and without good slots, but for a few
 * that chance makes, holds something else and is made a record anew, as is one that the power left
 * in the middle of that; anything between is a record with damage. It is refused, for a list that
 * was begun anew would put bad frames into use. Frame numbers are the caller's, and his to hold
 * against what he has.
 *
 * All is kept in DRAM, too, and read once. Not for two CPUs at a time.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

#define BAD_RECORD_MAGIC  UINT64_C(0x9d02c8537be1406f) /* a record */
#define BAD_RECORD_MAKING UINT64_C(0xc74b1e9a0d25f683) /* one that is being made; far from it */

enum { BAD_RECORD_WORDS = PAGE_SIZE / 8, BAD_RECORD_SLOTS = BAD_RECORD_WORDS - 1 };

struct bad_record {
	uint64_t *medium;
	uint64_t word[BAD_RECORD_WORDS]; /* as they are on the medium */
	uint64_t stores;                 /* of words that changed, since it was begun */
	size_t made_bytes;               /* that were stored to make it: 0 if it was there */
};

/*
 * Reads the frame that the CPU sees at `medium`, page aligned, or makes it a record without bad
 * frames. -EIO: it cannot be read. -EINVAL: it holds a record with damage.
 */
int bad_record_begin(struct bad_record *, void *medium) must_check;

/* Adds a frame, 0 ... PFN_LIMIT - 1. One that is there stores nothing. -ENOSPC: no empty slot. */
int bad_record_add(struct bad_record *, uint64_t frame) must_check;

/* Takes a frame out, if it is there. */
void bad_record_remove(struct bad_record *, uint64_t frame);

/* The frame of a slot, 1 ... BAD_RECORD_SLOTS. False: it is empty. */
bool bad_record_frame(const struct bad_record *, size_t slot, uint64_t *frame) must_check;
