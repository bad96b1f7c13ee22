/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block I/O to and from frames that a scheme describes, as a kernel would do it that has this
 * scheme:
 *
 *	scheme_pin_range() -> segments -> block_submit() -> block_poll() -> scheme_unpin_range()
 *
 * The block layer pins nothing of it: it gets segments. Two levels go the very same way.
 *
 * A scheme without SCHEME_DEVICES cannot keep a frame from being freed under a device, so that its
 * I/O goes by way of a buffer in DRAM, and the CPU copies between that and the frames.
 *
 * A read leaves its pages dirty, where the scheme knows that. Whoever has no more use for the note
 * takes it away, as a cache does that wrote them back; a pool of descriptors has none left to bind
 * when all of its pages are dirty.
 */
#pragma once

#include "drivers/block.h"
#include "mm/compiler.h"
#include "mm/schemes/scheme.h"

struct scheme_io {
	struct scheme *scheme;
	enum block_operation operation;
	uint64_t sector;
	/* Where the data is, in frames of the scheme's; each run is within a device's limits. */
	const struct segment *memory;
	size_t nr_memory;

	/* Room that the caller gives. */
	struct segment *segments;   /* as many */
	struct scheme_page **pages; /* one for each frame of each run */
	struct segment buffer;      /* in DRAM, for a scheme without SCHEME_DEVICES */

	struct bio bio; /* zeroed in the beginning */
};

/* Whether the scheme's I/O needs the buffer. */
static inline bool scheme_io_copies(const struct scheme *scheme)
{
	return scheme_refusal(scheme, SCHEME_DEVICES) != NULL;
}

/*
 * Pins and submits. 0: scheme_io_finish() is called once the bio's status is not -EINPROGRESS any
 * more. Else nothing is pinned: the errors of scheme_pin_range() and of block_submit(), and -ENOMEM
 * as well where the buffer is too short.
 */
int scheme_io_submit(struct block_device *, struct scheme_io *) must_check;

/* Gives the pins back, and returns what came of it. */
int scheme_io_finish(struct scheme_io *) must_check;

/* Both, waiting for as long as the device does. */
int scheme_io_execute(struct block_device *, struct scheme_io *) must_check;

/* Takes the notes away that pages were written. Errors are those of scheme_pin(). */
int scheme_io_clean(const struct scheme_io *) must_check;
