/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What code does to a piece of memory, as the CPU executes it: stores, stores around the cache,
 * flushes of lines, and fences, in their order. The process is stepped through instruction by
 * instruction, so nothing is asked of the code, and nothing of it can go unseen.
 *
 * A store is seen by the bytes that it changes; one that changes none leaves nothing to lose. What
 * one instruction changes in several words counts as a store to each, the lowest first. MOVNTI is
 * the one store around the cache that is known, for it is the one that the kernel has; any other
 * counts as a plain one. CLFLUSH, CLFLUSHOPT and CLWB are flushes; SFENCE and MFENCE are fences.
 *
 * An instruction takes some 10 microseconds to be seen: this is for small cases. One at a time, on
 * the thread that calls.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/persist.h"
#include "mm/types.h"

enum { TRACE_BYTES = 1024, TRACE_EVENTS_MAX = 4096 };
enum { TRACE_LINES = TRACE_BYTES / CACHE_LINE };

enum event_kind {
	EVENT_STORE,
	EVENT_STORE_AROUND, /* the cache */
	EVENT_FLUSH,
	EVENT_FENCE,
	EVENT_PROMISE, /* trace_promise(value) */
};

struct event {
	enum event_kind kind;
	size_t at;      /* offset in what is watched, of a store's word or a flush's line */
	uint64_t value; /* the word's afterwards */
	uint64_t mask;  /* the bytes of it that changed */
};

struct trace {
	unsigned char *lines[TRACE_LINES]; /* that are watched; one after the other they are */
	size_t nr_lines;                   /* what offsets are of */
	unsigned char before[TRACE_BYTES]; /* their content when it began, and zeros behind it */
	struct event events[TRACE_EVENTS_MAX];
	size_t nr;
};

/* Watches the lines of these bytes, too, if they are not watched yet. Begin with {.nr_lines = 0}.
 */
void trace_watch(struct trace *, void *start, size_t bytes);

/*
 * Runs fn(arg) and notes what it does to the lines. What it does elsewhere, flushes too, is not
 * noted. The test fails if there are too many events. fn() must return.
 */
void trace_run(struct trace *, void (*fn)(void *), void *arg);

/* Called by fn(): from here on, what was done is said to be as `promise` states. */
void trace_promise(uint64_t promise);
