/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/block.h"

#include <errno.h>

#include "mm/host.h"

/* Those whose done() is due, by the CPU that submitted them, the last one first. */
static struct {
	_Atomic(struct bio *) last;
} __attribute__((aligned(64))) finished[HOST_CPUS_MAX];

static bool is_power_of_two(size_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

static bool is_sane(const struct block_device *device)
{
	return is_power_of_two(device->block_size) && device->block_size >= SECTOR_SIZE &&
	       is_power_of_two(device->dma_alignment) &&
	       device->dma_alignment <= device->block_size && device->max_segments != 0 &&
	       device->max_segments <= BLOCK_SEGMENTS_MAX && device->max_bytes != 0 &&
	       device->max_bytes % device->block_size == 0 &&
	       device->max_segment_bytes % device->block_size == 0 &&
	       (device->segment_boundary == 0 || is_power_of_two(device->segment_boundary));
}

int block_device_init(struct block_device *device)
{
	if (!is_sane(device))
		return -EINVAL;
	if (device->max_segment_bytes == 0 || device->max_segment_bytes > device->max_bytes)
		device->max_segment_bytes = device->max_bytes;
	if (device->segment_boundary == 0)
		device->segment_boundary = 1;
	if (device->timeout_ms == 0)
		device->timeout_ms = BLOCK_TIMEOUT_MS;
	if (device->nr_queues == 0) {
		device->queue = (struct block_queue){0};
		device->only = &device->queue;
		device->queues = &device->only;
		device->nr_queues = 1;
	}
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		device->of_cpu[cpu] = device->queues[cpu % device->nr_queues];
	return 0;
}

/* --- What may be asked for. --- */

/* `size` is a power of two. */
static bool is_multiple(uint64_t value, size_t size)
{
	return (value & (size - 1)) == 0;
}

static int check_operation(const struct block_device *device, const struct bio *bio)
{
	switch (bio->operation) {
	case BLOCK_READ:
		return bio->flags ? -EINVAL : 0;
	case BLOCK_WRITE:
		if (bio->flags & ~(unsigned)BLOCK_FUA)
			return -EINVAL;
		return device->read_only ? -EROFS : 0;
	case BLOCK_FLUSH:
		return bio->flags || bio->nr_pieces || bio->sector ? -EINVAL : 0;
	}
	return -EINVAL;
}

static bool is_good_piece(const struct block_device *device, const struct bio_piece *piece)
{
	size_t size = page_size(piece->page);

	return piece->page && piece->length != 0 && piece->length <= size &&
	       piece->offset <= size - piece->length &&
	       is_multiple(piece->length, device->block_size) &&
	       is_multiple(piece->offset, device->dma_alignment);
}

static int check_sectors(const struct block_device *device, const struct bio *bio, uint64_t bytes)
{
	uint64_t sectors = bytes / SECTOR_SIZE;

	if (!is_multiple(bio->sector * SECTOR_SIZE, device->block_size))
		return -EINVAL;
	if (bio->sector > device->sectors || sectors > device->sectors - bio->sector)
		return -ERANGE;
	return 0;
}

/* --- Pins. --- */

static bool may_be_written(pfn_t frame)
{
	const struct region *region = pfn_to_region(frame);

	return region->kind != MEMORY_PERSISTENT || region->writable;
}

static inline int hold_page(const struct bio *bio, struct page *page)
{
	pfn_t start = page_to_pfn(page);
	struct page *pinned = page_pin(start);
	int error = 0;

	if (unlikely(!pinned))
		return -EIO;
	if (unlikely(pinned != page))
		error = -ESTALE;
	else if (bio->operation == BLOCK_READ && unlikely(!may_be_written(start)))
		error = -EACCES;
	if (unlikely(error))
		page_unpin(pinned);
	return error;
}

static void unpin_pages(const struct bio *bio, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		page_unpin(bio->pieces[i].page);
}

/* Checks the list of a read or a write, and pins its pages if all is well. */
static inline int hold_pages(const struct block_device *device, const struct bio *bio)
{
	uint64_t bytes = 0;
	size_t nr = 0;
	int error = 0;

	if (unlikely(bio->nr_pieces == 0 || !bio->pieces))
		return -EINVAL;
	for (; nr < bio->nr_pieces; nr++) {
		const struct bio_piece *piece = &bio->pieces[nr];

		error = likely(is_good_piece(device, piece)) ? hold_page(bio, piece->page)
							     : -EINVAL;
		if (unlikely(error))
			break;
		bytes += piece->length; /* a page each: it takes 2^43 of them to wrap */
	}
	if (likely(!error))
		error = check_sectors(device, bio, bytes);
	if (unlikely(error))
		unpin_pages(bio, nr);
	return error;
}

/* --- Requests. --- */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Adds a part of a run of memory to a request, as long as the device's limits allow. Returns how
 * much that was; 0: this needs another request.
 */
static inline size_t append(const struct block_device *device, struct block_request *request,
			    phys_t start, size_t length)
{
	struct segment *next = &request->segments[request->nr_segments];

	length = smaller(length, device->max_bytes - request->bytes);
	if (request->nr_segments > 0) {
		struct segment *last = next - 1;
		uint64_t end = last->start.addr + last->length;

		if (end == start.addr && last->length < device->max_segment_bytes) {
			length = smaller(length, device->max_segment_bytes - last->length);
			last->length += length;
			request->bytes += length;
			return length;
		}
		if (request->nr_segments == device->max_segments ||
		    ((end | start.addr) & (device->segment_boundary - 1)) != 0)
			return 0;
	}
	length = smaller(length, device->max_segment_bytes);
	*next = (struct segment){start, length};
	request->nr_segments++;
	request->bytes += length;
	return length;
}

static inline bool has_more(const struct bio *bio)
{
	return bio->next_piece < bio->nr_pieces || bio->flush_due;
}

/* The flags that the device itself takes; a flush does for others. */
static inline unsigned known_flags(const struct block_device *device)
{
	return device->fua ? BLOCK_FUA : 0;
}

/* Fills the bio's request with as much of the rest as the device takes at once. */
static void next_request(const struct block_device *device, struct bio *bio)
{
	struct block_request *request = &bio->request;

	request->sector += request->bytes / SECTOR_SIZE;
	request->bytes = 0;
	request->nr_segments = 0;
	if (bio->next_piece == bio->nr_pieces && bio->flush_due) {
		request->operation = BLOCK_FLUSH;
		request->sector = 0;
		bio->flush_due = false;
	}
	while (bio->next_piece < bio->nr_pieces && request->bytes < device->max_bytes) {
		const struct bio_piece *piece = &bio->pieces[bio->next_piece];
		phys_t page = pfn_to_phys(page_to_pfn(piece->page));
		size_t length =
			append(device, request, phys_add(page, piece->offset + bio->next_offset),
			       piece->length - bio->next_offset);

		if (length == 0)
			return;
		bio->next_offset += length;
		if (bio->next_offset == piece->length) {
			bio->next_piece++;
			bio->next_offset = 0;
		}
	}
}

/* The usual bio is one piece that fits into one segment. */
static inline void first_request(const struct block_device *device, struct bio *bio)
{
	struct block_request *request = &bio->request;
	const struct bio_piece *piece = bio->pieces;

	request->device = (struct block_device *)device;
	request->operation = bio->operation;
	request->flags = bio->flags & known_flags(device);
	request->sector = bio->sector;
	request->bytes = 0;
	bio->flush_due = bio->flags & ~known_flags(device);
	bio->next_offset = 0;
	if (likely(bio->nr_pieces == 1 && piece->length <= device->max_segment_bytes)) {
		request->bytes = piece->length;
		request->segments[0] = (struct segment){
			phys_add(pfn_to_phys(page_to_pfn(piece->page)), piece->offset),
			piece->length};
		request->nr_segments = 1;
		bio->next_piece = 1;
	} else {
		bio->next_piece = 0;
		next_request(device, bio);
	}
}

/* The request again, or for the first time, if the queue had no room for it. */
static inline int submit_request(struct bio *bio)
{
	struct block_device *device = bio->request.device;
	int status = device->ops->submit(device, bio->queue, &bio->request);

	if (status == -EINPROGRESS)
		bio->queue->in_flight++;
	return status;
}

/* Submits what is left, as far as the device answers at once. */
static __attribute__((noinline)) int go_on(struct bio *bio)
{
	int status;

	do {
		next_request(bio->request.device, bio);
		status = submit_request(bio);
	} while (!status && has_more(bio));
	return status;
}

/* The end of a bio, but for its done(). */
static inline void finish(struct bio *bio, int status)
{
	_Atomic(struct bio *) *last = &finished[bio->cpu].last;

	if (bio->operation == BLOCK_READ)
		for (size_t i = 0; i < bio->nr_pieces; i++)
			page_unpin_dirty(bio->pieces[i].page);
	else
		unpin_pages(bio, bio->nr_pieces);
	bio->result = status;
	bio->next = atomic_load(last);
	while (!atomic_compare_exchange_weak(last, &bio->next, bio))
		;
}

/* --- Queues. --- */

/* Drivers that work at once need none of this. */
static bool is_queued(const struct block_device *device)
{
	return device->ops->poll != NULL;
}

static inline void enter(struct block_queue *queue)
{
	while (atomic_exchange(&queue->busy, true))
		while (atomic_load(&queue->busy))
			__builtin_ia32_pause();
}

static inline void leave(struct block_queue *queue)
{
	atomic_store_explicit(&queue->busy, false, memory_order_release);
}

static void wait_for_room(struct bio *bio)
{
	struct block_queue *queue = bio->queue;

	bio->next = NULL;
	if (queue->waiting)
		*queue->waiting_end = bio;
	else
		queue->waiting = bio;
	queue->waiting_end = &bio->next;
}

/* What a request came to that was not the bio's first. */
static inline void take_status(struct bio *bio, int status)
{
	if (!status && unlikely(has_more(bio)))
		status = go_on(bio);
	if (unlikely(status == -EAGAIN))
		wait_for_room(bio);
	else if (likely(status != -EINPROGRESS))
		finish(bio, status);
}

/* Lets those go on that the device had no room for, in their order. */
static __attribute__((noinline)) void resume(struct block_queue *queue)
{
	while (queue->waiting) {
		struct bio *bio = queue->waiting;
		int status = submit_request(bio);

		if (status == -EAGAIN)
			return;
		queue->waiting = bio->next;
		take_status(bio, status);
	}
}

static struct bio *bio_of(struct block_request *request)
{
	return (struct bio *)((char *)request - offsetof(struct bio, request));
}

void block_complete(struct block_request *request, int status)
{
	struct bio *bio = bio_of(request);

	bio->queue->in_flight--;
	take_status(bio, status);
}

/* Stops a device that `queue` had trouble with, and starts it again; once, whoever else tries. */
static __attribute__((noinline)) void recover(struct block_device *device,
					      struct block_queue *queue, int why)
{
	for (unsigned i = 0; i < device->nr_queues; i++)
		enter(device->queues[i]);
	if (queue->stalled_since) {
		device->ops->recover(device, why);
		for (unsigned i = 0; i < device->nr_queues; i++) {
			device->queues[i]->stalled_since = 0;
			resume(device->queues[i]);
		}
	}
	for (unsigned i = 0; i < device->nr_queues; i++)
		leave(device->queues[i]);
}

/* What is wrong with a queue that a poll found nothing in; 0: nothing so far. */
static int trouble(const struct block_device *device, struct block_queue *queue, int polled)
{
	uint64_t now = host_nanoseconds();

	if (queue->in_flight == 0 && polled == 0)
		return 0;
	if (queue->stalled_since == 0)
		queue->stalled_since = now;
	if (polled < 0)
		return polled;
	return now - queue->stalled_since > device->timeout_ms * (uint64_t)1000000 ? -ETIMEDOUT : 0;
}

static inline void poll_queue(struct block_device *device, struct block_queue *queue)
{
	int error = 0;
	int nr;

	enter(queue);
	nr = device->ops->poll(device, queue);
	if (nr > 0) {
		queue->stalled_since = 0;
		if (unlikely(queue->waiting))
			resume(queue);
	} else {
		error = trouble(device, queue, nr);
	}
	leave(queue);
	if (error)
		recover(device, queue, error);
}

/* --- For those who read and write. --- */

/* Only a bio that nothing was transferred for yet may be told to come again. */
static int begin(struct block_device *device, struct bio *bio)
{
	int status = -EAGAIN;

	first_request(device, bio);
	if (likely(!bio->queue->waiting))
		status = submit_request(bio);
	if (likely(status == -EINPROGRESS))
		return 0;
	if (status == -EAGAIN)
		return status;
	take_status(bio, status);
	return 0;
}

int block_submit(struct block_device *device, struct bio *bio)
{
	unsigned cpu = host_cpu();
	int status = check_operation(device, bio);

	if (likely(!status) && bio->operation != BLOCK_FLUSH)
		status = hold_pages(device, bio);
	if (unlikely(status))
		return status;
	bio->status = -EINPROGRESS;
	bio->queue = device->of_cpu[cpu];
	bio->cpu = cpu;
	if (is_queued(device))
		enter(bio->queue);
	status = begin(device, bio);
	if (is_queued(device))
		leave(bio->queue);
	if (status)
		unpin_pages(bio, bio->nr_pieces);
	return status;
}

/* The bios of this CPU that are over, the first one first. */
static struct bio *take_finished(void)
{
	_Atomic(struct bio *) *last = &finished[host_cpu()].last;
	struct bio *bio = atomic_load(last) ? atomic_exchange(last, NULL) : NULL;
	struct bio *first = NULL;

	while (bio) {
		struct bio *before = bio->next;

		bio->next = first;
		first = bio;
		bio = before;
	}
	return first;
}

size_t block_poll(struct block_device *device)
{
	struct bio *bio;
	size_t nr = 0;

	if (is_queued(device))
		poll_queue(device, device->of_cpu[host_cpu()]);
	bio = take_finished();
	while (bio) {
		struct bio *next = bio->next; /* done() may submit the bio again */

		bio->status = bio->result;
		if (bio->done)
			bio->done(bio);
		bio = next;
		nr++;
	}
	return nr;
}

int block_execute(struct block_device *device, struct bio *bio)
{
	int error = block_submit(device, bio);

	while (error == -EAGAIN) {
		block_poll(device);
		error = block_submit(device, bio);
	}
	if (error)
		return error;
	while (bio->status == -EINPROGRESS)
		block_poll(device);
	return bio->status;
}
