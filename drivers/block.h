/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block devices, and the bios that read and write them.
 *
 * A bio asks for one run of sectors, to or from a list of pieces of pages. A page knows its size,
 * so that a piece may begin and end anywhere in it: 2 MiB of a whole area are one piece.
 *
 *	struct bio_piece piece = {page, 0, page_size(page)};
 *	struct bio bio = {
 *		.operation = BLOCK_READ, .sector = 64, .pieces = &piece, .nr_pieces = 1,
 *		.done = wake_up,
 *	};
 *
 *	error = block_submit(device, &bio);
 *
 * The bio and its list belong to the block layer from a block_submit() that returned 0 until done()
 * is called, and every page of the list is pinned for that time: no page under I/O is split,
 * collapsed or freed. The submitter needs no pins of its own; a handle that went stale before the
 * pin is refused.
 *
 * Completion is polled: only block_poll() calls done(), on the CPU that polls, whether the device
 * works at once or later. done() may submit bios, this one again too. A device is used by one CPU
 * at a time.
 *
 * Drivers see neither bios nor pages. They get requests: physical segments, with neighbours merged,
 * within the limits that the device states. A bio that needs several requests has one at a time in
 * flight, for the request is part of the bio; to keep a queue busy, submit several bios. Nothing
 * here allocates memory.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/page.h"
#include "mm/segment.h"
#include "mm/types.h"

enum { SECTOR_SIZE = 512 }; /* the unit of addresses, whatever the device's block size */

enum { BLOCK_SEGMENTS_MAX = 16 };

enum block_operation {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH, /* every write that was done before this is submitted becomes durable */
};

enum block_flags {
	BLOCK_FUA = 1 << 0, /* a write that is durable when it is done */
};

/* --- For drivers. --- */

struct block_request {
	enum block_operation operation;
	unsigned flags; /* of enum block_flags */
	uint64_t sector;
	size_t bytes; /* the sum of the segments; 0 for a flush */
	struct segment segments[BLOCK_SEGMENTS_MAX];
	size_t nr_segments;
};

struct block_device;

struct block_ops {
	/*
	 * 0: it is done. -EINPROGRESS: it was started, and poll() will see it complete. -EAGAIN:
	 * the queue is full and nothing was started; only a device that answers -EINPROGRESS at
	 * other times may answer so. Another error: it failed.
	 */
	int (*submit)(struct block_device *, struct block_request *);

	/*
	 * Calls block_complete() for each request that is over. NULL if submit() never answers
	 * -EINPROGRESS.
	 */
	void (*poll)(struct block_device *);
};

struct block_device {
	const char *name;
	const struct block_ops *ops;
	uint64_t sectors;
	bool read_only;

	/* What a request must keep to. */
	size_t block_size; /* a power of two, SECTOR_SIZE or more: sectors come in whole blocks */
	size_t dma_alignment; /* of each segment's start: a power of two, block_size at most */
	size_t max_segments;  /* 1 ... BLOCK_SEGMENTS_MAX */
	size_t max_bytes;     /* a multiple of block_size */

	/* The block layer's own. */
	struct bio *finished; /* those whose done() is due, in order */
	struct bio **finished_end;
};

/* Makes a device usable whose fields above are filled in. -EINVAL: its limits make no sense. */
int block_device_init(struct block_device *) must_check;

/*
 * From ops->poll(): a request that was in progress is over. 0 or a negative errno, which the bio
 * gets. The next request of the bio is submitted from in here, so its place in the queue must be
 * free by now.
 */
void block_complete(struct block_device *, struct block_request *, int status);

/* --- For those who read and write. --- */

struct bio_piece {
	struct page *page;
	size_t offset; /* bytes from the start of the page */
	size_t length; /* bytes; offset + length <= page_size(page) */
};

struct bio {
	enum block_operation operation;
	unsigned flags; /* of enum block_flags */
	uint64_t sector;
	const struct bio_piece *pieces; /* none for a flush */
	size_t nr_pieces;
	void (*done)(struct bio *); /* or NULL */
	void *context;              /* the submitter's */

	/*
	 * -EINPROGRESS from submission on; when done() is called 0 or what went wrong, and then
	 * part of the data may have been transferred.
	 */
	int status;

	/* The block layer's own. */
	struct block_request request;
	size_t next_piece; /* where the next request begins */
	size_t next_offset;
	int result; /* the status to be */
	struct bio *next_finished;
};

/*
 * 0: done() will be called. Any error: it will not be, no page is pinned, nothing was transferred.
 *
 *	-EINVAL  unknown operation or flag; FUA on what is no write; a flush with data or a sector;
 *	         no pieces; an empty piece or one past the end of its page; a sector or a length
 *	         that is no multiple of the block size, or a start that misses the DMA alignment
 *	-ERANGE  sectors past the end of the device
 *	-EROFS   a write to a device that is read-only
 *	-EACCES  a read into persistent memory that may not be written: page tables do not stop DMA
 *	-ESTALE  a handle that no longer names a page, since its area was split or collapsed
 *	-EIO     a page that cannot be pinned: it is poisoned or has PAGE_PINS_MAX pins
 *	-EAGAIN  the device's queue is full: poll and try again
 *
 * A read marks its pages dirty, one that failed too.
 */
int block_submit(struct block_device *, struct bio *) must_check;

/* Lets the device go on, and calls done() for each bio that is over. Returns how many were. */
size_t block_poll(struct block_device *);

/*
 * Submits and polls until this bio is over, and returns the error of either. Others may get done
 * meanwhile. Waits as long as the device does.
 */
int block_execute(struct block_device *, struct bio *) must_check;
