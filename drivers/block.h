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
 * A submitter that holds its memory by other means, such as a layer above that pinned it already or
 * the schemes of mm/schemes/, gives segments instead of pieces. The block layer checks that the
 * device may reach them, and pins nothing: that they stay until done() is the submitter's promise,
 * and so is it to note that they were written.
 *
 * Completion is polled: done() is called by block_poll() only, on the CPU that submitted, whether
 * the device works at once or later. done() may submit bios, this one again too.
 *
 * Several bios that are submitted together cost less: the device is told of them once.
 *
 * Any CPU may use any device. A device has a queue for each CPU, or fewer that CPUs share; a CPU
 * that finds a shared one busy waits for as long as another submits or polls.
 *
 * Drivers see neither bios nor pages. They get requests: physical segments, with neighbours merged,
 * within the limits that the device states. A bio that needs several requests has one at a time in
 * flight, for the request is part of the bio; to keep a queue busy, submit several bios. A write
 * that must be durable is followed by a flush where the device has no such write. Nothing here
 * allocates memory.
 *
 * A device that completes nothing for its timeout is stopped and started again: what it had in
 * flight fails with -ETIMEDOUT, and its pages are unpinned once it can touch them no more.
 */
#pragma once

#include <stdatomic.h>

#include "mm/compiler.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/page_pin.h"
#include "mm/segment.h"
#include "mm/types.h"

enum { SECTOR_SIZE = 512 }; /* the unit of addresses, whatever the device's block size */

enum { BLOCK_SEGMENTS_MAX = 64 };

/* How long a device may take to complete anything, unless it says otherwise. */
enum { BLOCK_TIMEOUT_MS = 10000 };

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
	struct block_request *next; /* in a list */
	struct block_device *device;
	union {
		struct {
			enum block_operation operation;
			unsigned flags; /* of enum block_flags */
		};
		uint64_t
			command; /* both: BLOCK_READ or BLOCK_WRITE is one of these without flags */
	};
	uint64_t sector;
	size_t bytes; /* the sum of the segments; 0 for a flush */
	int status;   /* block_complete()'s */
	size_t nr_segments;
	struct segment segments[BLOCK_SEGMENTS_MAX];
};

/*
 * What one CPU submits to, or several. Part of the driver's own queue, zeroed in the beginning.
 * Disks of one controller may share their queues.
 */
struct block_queue {
	atomic_bool busy;              /* a CPU is within the driver */
	unsigned in_flight;            /* requests that the device has */
	struct block_request *over;    /* completed, and nobody has looked yet */
	struct block_request **end;    /* of that list */
	struct block_request *waiting; /* of bios that were begun, and the device had no room */
	struct block_request **waiting_end;
	uint64_t stalled_since; /* host_nanoseconds() of a poll that found nothing; 0: progress */
} __attribute__((aligned(64)));

struct block_ops {
	/*
	 * Of a driver that works at once, on several CPUs at a time, and has none of the others:
	 * 0, or what went wrong.
	 */
	int (*submit)(struct block_device *, struct block_queue *, struct block_request *);

	/*
	 * Starts the requests of a list, in their order, as far as there is room, and tells the
	 * device. Returns the first for which there is none, and that only with others in flight;
	 * NULL: they are all started. What is over at once, well or not, is completed in here.
	 */
	struct block_request *(*start)(struct block_device *, struct block_queue *,
				       struct block_request *);

	/*
	 * Completes each request of the queue that is over. Returns how many those were, or a
	 * negative errno when the device makes no sense: recover() comes next.
	 */
	int (*poll)(struct block_device *, struct block_queue *);

	/*
	 * Ends all of the device's DMA, completes with `why`, a negative errno, what is in flight
	 * in any of its queues, and makes the device work again. If it cannot, start() completes
	 * all with -ENODEV from then on. No other CPU is within the driver.
	 */
	void (*recover)(struct block_device *, int why);
};

struct block_device {
	const char *name;
	const struct block_ops *ops;
	uint64_t sectors;
	bool read_only;
	bool fua; /* takes writes with BLOCK_FUA; others get a flush after them */

	/* What a request must keep to. */
	size_t block_size; /* a power of two, SECTOR_SIZE or more: sectors come in whole blocks */
	size_t dma_alignment;     /* of each segment's start: a power of two, block_size at most */
	size_t max_segments;      /* 1 ... BLOCK_SEGMENTS_MAX */
	size_t max_bytes;         /* a multiple of block_size */
	size_t max_segment_bytes; /* a multiple of block_size; 0: any */
	/*
	 * Where one segment ends and the next begins, both must be multiples of this power of two;
	 * 0: anywhere. Pages of 4 KiB, for a controller that takes lists of pages.
	 */
	size_t segment_boundary;

	/* A CPU uses queue number host_cpu() % nr_queues. None given: the device gets one. */
	struct block_queue **queues;
	unsigned nr_queues;
	unsigned timeout_ms; /* 0: BLOCK_TIMEOUT_MS */

	/* The block layer's own. */
	size_t block_mask; /* the bits that a multiple of the block size has not */
	size_t dma_mask;
	uint64_t sector_mask;
	uint64_t usual_sectors; /* from all before this one there are AREA_SIZE bytes to the end */
	struct block_queue *only;
	struct block_queue *of_cpu[HOST_CPUS_MAX]; /* NULL: it works at once */
	struct block_queue queue;
};

/*
 * Makes a device usable whose fields above are filled in; it stays where it is in memory then.
 * -EINVAL: its limits make no sense.
 */
int block_device_init(struct block_device *) must_check;

/*
 * From start(), poll() and recover(): a request of the queue is over. 0 or a negative errno, which
 * the bio gets. The request is the block layer's from here on.
 */
static inline void block_complete(struct block_queue *queue, struct block_request *request,
				  int status)
{
	request->status = status;
	*queue->end = request;
	queue->end = &request->next;
	queue->in_flight--;
}

/* All requests of a list, alike. */
void block_complete_all(struct block_queue *, struct block_request *, int status);

/* --- For those who read and write. --- */

struct bio_piece {
	struct page *page;
	size_t offset; /* bytes from the start of the page */
	size_t length; /* bytes; offset + length <= page_size(page) */
};

struct bio {
	union {
		struct {
			enum block_operation operation;
			unsigned flags; /* of enum block_flags */
		};
		uint64_t command; /* as in the request */
	};
	uint64_t sector;
	const struct bio_piece *pieces; /* none for a flush */
	size_t nr_pieces;
	const struct segment *segments; /* without pieces: memory that the submitter holds */
	size_t nr_segments;
	void (*done)(struct bio *); /* or NULL */
	void *context;              /* the submitter's */

	/*
	 * -EINPROGRESS from submission on; when done() is called 0 or what went wrong, and then
	 * part of the data may have been transferred.
	 */
	int status;

	/* The block layer's own. */
	unsigned cpu;        /* that submitted it */
	bool more;           /* it takes another request; only without such a pin */
	bool flush_due;      /* after its last write */
	struct area_pin pin; /* of a usual bio: one piece of a whole area, one request */
	size_t next_run;     /* piece or segment, where the next request begins */
	size_t next_offset;
	struct block_request request;
};

/*
 * 0: done() will be called. Any error: it will not be, no page is pinned, nothing was transferred.
 *
 *	-EINVAL  unknown operation or flag; FUA on what is no write; a flush with data or a sector;
 *	         neither pieces nor segments; one that is empty, or a piece past the end of its
 *	         page; a sector or a length that is no multiple of the block size, or a start
 *	         that misses the DMA alignment
 *	-ERANGE  sectors past the end of the device
 *	-EROFS   a write to a device that is read-only
 *	-EACCES  a read into persistent memory that may not be written: page tables do not stop DMA
 *	-EFAULT  a segment of which a byte is in no region
 *	-ESTALE  a handle that no longer names a page, since its area was split or collapsed
 *	-EIO     a page that cannot be pinned: it is poisoned or has PAGE_PINS_MAX pins
 *	-EAGAIN  the device's queue is full: poll and try again
 *
 * What goes wrong later is the bio's status: -EIO of the medium, -ETIMEDOUT, -ENODEV when the
 * device is not there any more, or what the driver says.
 * A read marks its pages dirty, one that failed too; of segments it knows no pages.
 */
int block_submit(struct block_device *, struct bio *) must_check;

/*
 * Submits several, in their order, up to the first that cannot be. Returns how many were; the
 * status of the first that was not says why, by the errors above.
 */
size_t block_submit_all(struct block_device *, struct bio *const *bios, size_t nr) must_check;

/*
 * Lets this CPU's queue of the device go on, and calls done() for each bio of this CPU that is over
 * in it, whatever its device. Returns how many were.
 */
size_t block_poll(struct block_device *);

/*
 * Submits and polls until this bio is over, and returns the error of either. Others may get done
 * meanwhile. Waits as long as the device does; while the queue is full, too.
 */
int block_execute(struct block_device *, struct bio *) must_check;
