/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that a power failure can leave of a traced piece of memory, and what is wrong with it.
 *
 * With the caches outside the persistence domain (ADR), a store reaches the medium whenever its
 * line is written back: at the latest when a fence completes after a flush of the line, at the
 * earliest at once. Of the stores to a line some first ones have reached it, for lines are coherent
 * and the CPU stores in order. Stores around the cache reach it each for itself, at the latest by
 * the next fence. Eight aligned bytes are never torn. With the caches inside (eADR) a store reaches
 * the medium when other CPUs see it: of all plain stores some first ones, and the rest by the next
 * fence; those around the cache as before.
 *
 * What can be left between two fences can be left right before the second, with nothing of the
 * second round chosen, so every state is met by looking before each fence and at the end. Each
 * choice is made: nothing is sampled.
 */
#pragma once

#include "mm/region.h"
#include "tests/host/trace.h"

struct crash_search {
	const struct trace *trace;
	enum persistence_domain domain;
	/*
	 * What is wrong with a medium of this content after the last promise that was made, 0 when
	 * none was; NULL: nothing.
	 */
	const char *(*judge)(const unsigned char medium[TRACE_BYTES], uint64_t promise);

	/* What was found. */
	uint64_t states;     /* that were judged */
	uint64_t distinct;   /* of them, by content and promise */
	uint64_t violations; /* states that were judged wrong */
	const char *first;   /* the first one's story, and the event that had not happened yet */
	size_t event;
};

/* The test fails, and the search is not whole, if there are more than 2^22 states before one fence.
 */
void crash_search(struct crash_search *);
