/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One case of block I/O on one CPU: bios of one size and shape, so many in flight at once, and the
 * proof that every sector went where it should and nothing else was touched.
 *
 *	write   sectors are stamped in memory and written by the bios, read back plainly, checked
 *	read    stamped sectors are written plainly, read by the bios, checked
 *	read of a disk that must not be written: read by the bios, read plainly, compared
 *
 * "Plainly" is one bio at a time of one piece, through memory of its own.
 */
#pragma once

#include "drivers/block.h"
#include "mm/compiler.h"
#include "tests/harness/arena.h"
#include "tests/harness/scheme_bios.h"

enum io_shape {
	SHAPE_RUN,       /* as long pieces as memory has, from the start of a page */
	SHAPE_SCATTERED, /* short pieces with gaps between them, in no order */
	SHAPE_OFFSETS,   /* long pieces that begin at every class of offset in a page */
};

enum { IO_SHAPES = 3, IO_DEPTH_MAX = 32 };

struct io_case {
	struct block_device *device;
	uint32_t number; /* of the device, in the stamps */
	enum block_operation operation;
	size_t size; /* bytes of one bio, a multiple of SECTOR_SIZE */
	enum io_shape shape;
	unsigned depth; /* 1 ... IO_DEPTH_MAX, or SCHEME_BIOS_MAX by a scheme; fewer where memory or
			   disk are too small */
};

/* What one CPU works with: memory, and sectors of the disk that are its alone. */
struct io_lane {
	struct arena arena;
	struct arena plain;            /* one area of DRAM for plain I/O */
	struct arena pieces;           /* one area of DRAM for lists of pieces */
	struct scheme_bios *by_scheme; /* who holds the memory; NULL: the block layer */
	uint64_t sector;
	uint64_t sectors;
	uint32_t generation;
	uint64_t random; /* state of the lane's own random numbers, not 0 */
	struct bio bio;  /* for plain I/O */
	/* What was done. */
	uint64_t cases, left_out, bios, bytes;
};

const char *io_shape_name(enum io_shape);

/* Runs it, or counts it as left out if one bio of it fits neither memory nor disk nor device. */
void io_case_run(const struct io_case *, struct io_lane *);
