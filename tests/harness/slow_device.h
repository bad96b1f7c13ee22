/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A block device for tests: it works only when it is polled, one request each time, on a RAM disk
 * below it. It keeps what it was asked, and can be told to fail. There is one.
 */
#pragma once

#include "drivers/block.h"
#include "drivers/ramdisk.h"

enum { SLOW_QUEUE_DEPTH = 4, SLOW_SEEN_MAX = 32 };

extern struct slow_device {
	struct block_device device;
	struct ramdisk below;
	struct block_request *queue[SLOW_QUEUE_DEPTH];
	size_t queued;
	size_t room;
	struct block_request seen[SLOW_SEEN_MAX]; /* as they came */
	size_t nr_seen;
	size_t fail_at; /* the request that fails, counted from 1; 0: none */
	bool stuck;     /* polls find nothing, until it is started again */
	int poll_error; /* what polls return until it is started again; 0: nothing is wrong */
	unsigned recoveries;
} slow;

/* An empty device of 4 MiB, with the limits of a RAM disk, until the test is over. */
struct block_device *create_slow(void);

/* A bio over a list, whose done() is counted: from 0 on since the last make_bio(). */
struct bio make_bio(enum block_operation, const struct bio_piece *pieces, size_t nr);
void count_done(struct bio *);
extern unsigned times_done;

/* A piece of whatever page the frame is in. */
struct bio_piece piece_of(pfn_t frame, size_t offset, size_t length);
