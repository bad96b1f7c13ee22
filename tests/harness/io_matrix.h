/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matrix of block I/O: one direction on one disk, in all sizes, shapes and depths, from CPU 0
 * alone and from as many CPUs as there are lanes at once, each with a share of the disk for itself.
 */
#pragma once

#include "tests/harness/io_case.h"

struct io_matrix {
	struct io_lane *lanes; /* the caller fills in their memory and who holds it */
	unsigned nr_lanes;
	uint64_t lane_bytes; /* of a disk, at most */
	const size_t *sizes; /* ascending */
	size_t nr_sizes;
	const unsigned *depths;
	size_t nr_depths;
};

/* What was done on all lanes. */
struct io_done {
	uint64_t cases, left_out, bios, bytes;
};

/* In sizes up to `longest`. `number` is the device's, in the stamps. One at a time. */
struct io_done io_matrix_run(const struct io_matrix *, struct block_device *, uint32_t number,
			     enum block_operation, size_t longest);
