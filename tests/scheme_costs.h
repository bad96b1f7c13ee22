/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the operations of one scheme of page descriptors cost, and its I/O: instructions where the
 * time stamp counter counts those (tests/count.h), and nanoseconds elsewhere. The same code for all
 * schemes; on CPU 0.
 */
#pragma once

#include "drivers/block.h"
#include "mm/schemes/scheme.h"
#include "tests/harness/scheme_io.h"

enum scheme_cost {
	COST_BEGIN, /* to make it for 1 GiB, with clearing its metadata */
	COST_PIN4K, /* a pin of a frame, and an unpin */
	COST_PIN2M, /* of an aligned range of 2 MiB */
	COST_FIND,  /* the page of a frame */
	COST_READ4K,
	COST_READ2M,
	COST_USUAL_READ4K, /* by a bio of pages, which the block layer pins: of no scheme */
	COST_USUAL_READ2M,
	SCHEME_COSTS,
};

#define COST_NONE UINT64_MAX

/* Where it is measured. */
struct scheme_place {
	struct scheme *scheme;
	uint64_t frames; /* that it is begun for */
	uint32_t pool;
	pfn_t area;                  /* the first whole one for data */
	struct segment buffer;       /* an area of DRAM */
	struct block_device *device; /* that is read */
};

extern struct scheme_place place;

/*
 * Takes memory for the rest of the test, for data in persistent memory that may be written, or in
 * DRAM where there is none, and chooses the device: the first NVMe disk, for the wait for it can be
 * left out of what is counted; where times are measured any disk; or this one, which works at once.
 */
enum memory_kind scheme_place_take(struct block_device *works_at_once);

/* Begins a scheme anew there. */
void scheme_place_begin(const struct scheme_ops *, uint32_t pool);

/* Pins from `area` on, and gives them back. */
void scheme_place_pin(uint64_t frames, enum scheme_written);

/* I/O between `area` and the start of a disk, to be submitted; and to clean its pages. */
struct scheme_io *scheme_place_io(enum block_operation, size_t bytes);

const char *scheme_cost_name(enum scheme_cost);
const char *scheme_cost_units(void);

/* COST_NONE: the scheme cannot do it. Errors are noted in count_error. */
uint64_t scheme_cost(enum scheme_cost);
