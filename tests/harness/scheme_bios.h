/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs bios, of which nobody but a scheme holds the memory: each becomes a scheme_io. For cases of
 * I/O that are made of bios (tests/harness/io_case.h).
 */
#pragma once

#include "drivers/block.h"
#include "mm/schemes/scheme.h"
#include "tests/harness/arena.h"

/* Bios at once, and pieces and frames of one. */
enum { SCHEME_BIOS_MAX = 8, SCHEME_BIO_PIECES = 640, SCHEME_BIO_FRAMES = 1280 };

/* One CPU's. */
struct scheme_bios {
	struct scheme *scheme;
	struct arena notes;   /* one area of DRAM */
	struct arena buffers; /* one area of DRAM, for a scheme that copies */
	uint64_t refused; /* how often no descriptor was left, so that others had to end first */
};

/*
 * Does what the bios ask for, as many at once as the scheme has descriptors for, and leaves in each
 * its status: 0 or a negative errno; -E2BIG: it has too many pieces. Pages are clean afterwards.
 */
void scheme_bios_execute(struct scheme_bios *, struct block_device *, struct bio *const *bios,
			 unsigned nr);
