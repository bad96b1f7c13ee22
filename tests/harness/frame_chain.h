/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of DRAM that a test has taken, however many: chained through their own first bytes, so
 * that all memory of a machine can be had without memory to note it in. Each says which frame it
 * is, so that two that are the same are noticed.
 *
 * Taking and giving back show progress. For one CPU.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* Begins as {.length = 0}. */
struct frame_chain {
	pfn_t head; /* the last that was pushed, if `length` */
	uint64_t length;
	uint64_t room; /* what length can become, for showing progress */
};

/* A run of PAGE_SIZE or AREA_SIZE bytes; the chain writes to it. */
void frame_chain_push(struct frame_chain *, pfn_t, size_t size);

/* Takes the last one out; the chain must have one. */
pfn_t frame_chain_pop(struct frame_chain *) must_check;

/* Pushes all DRAM that can be had in this size. */
void frame_chain_take_all(struct frame_chain *, size_t size);

/* Gives all back; leaves the test if one is refused. */
void frame_chain_free(struct frame_chain *);
