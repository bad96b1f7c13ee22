/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/block.h"

#include "drivers/bio_request.h"
#include "mm/host.h"

#include <errno.h>

/* What is over and was seen by another CPU than its submitter's, whose it is; the last one first.
 */
static struct {
	_Atomic(struct block_request *) last;
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
	for (unsigned i = 0; i < device->nr_queues; i++)
		if (!device->queues[i]->end)
			device->queues[i]->end = &device->queues[i]->over;
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		device->of_cpu[cpu] =
			device->ops->start ? device->queues[cpu % device->nr_queues] : NULL;
	device->block_mask = device->block_size - 1;
	device->dma_mask = device->dma_alignment - 1;
	device->sector_mask = device->block_size / SECTOR_SIZE - 1;
	device->usual_sectors = 0;
	if (device->sectors >= AREA_SIZE / SECTOR_SIZE)
		device->usual_sectors = device->sectors - AREA_SIZE / SECTOR_SIZE + 1;
	return 0;
}

/* --- The start of a bio. --- */

/* What its request has besides, when all pages are pinned. */
static inline void begin(struct block_device *device, struct bio *bio, unsigned cpu)
{
	bio->request.next = NULL;
	bio->request.device = device;
	bio->cpu = cpu;
	bio->status = -EINPROGRESS;
}

/* 0: its pages are pinned, and its request can be started. */
static inline __attribute__((always_inline)) int prepare(struct block_device *device,
							 struct bio *bio, unsigned cpu)
{
	if (unlikely(!bio_prepare_usual(device, bio))) {
		int error = bio_prepare_any(device, bio);

		if (error)
			return error;
	}
	begin(device, bio, cpu);
	return 0;
}

static inline struct bio *bio_of(struct block_request *request)
{
	return (struct bio *)((char *)request - offsetof(struct bio, request));
}

/* --- The end of a bio. --- */

static __attribute__((noinline)) void unpin_written(const struct bio *bio)
{
	for (size_t i = 0; i < bio->nr_pieces; i++)
		page_unpin_dirty(bio->pieces[i].page);
}

static inline void finish(struct bio *bio)
{
	struct area_pin pin = bio->pin;

	if (likely(pin.word)) {
		if (bio->operation == BLOCK_READ)
			area_mark_dirty(pin);
		bio_unpin_area(bio, pin);
	} else if (bio->operation == BLOCK_READ) {
		unpin_written(bio);
	} else {
		bio_unpin_pages(bio, bio->nr_pieces);
	}
	bio->status = bio->request.status;
	if (bio->done)
		bio->done(bio);
}

/* Leaves that to the CPU that submitted it, at its next poll. */
static void hand_over(struct bio *bio)
{
	_Atomic(struct block_request *) *last = &finished[bio->cpu].last;

	bio->request.next = atomic_load(last);
	while (!atomic_compare_exchange_weak(last, &bio->request.next, &bio->request))
		;
}

/* What this CPU was handed. Returns how many those were. */
static __attribute__((noinline)) size_t finish_handed(unsigned cpu)
{
	_Atomic(struct block_request *) *last = &finished[cpu].last;
	struct block_request *request = atomic_load(last) ? atomic_exchange(last, NULL) : NULL;
	struct block_request *first = NULL;
	size_t nr = 0;

	while (request) {
		struct block_request *before = request->next;

		request->next = first;
		first = request;
		request = before;
	}
	while (first) {
		struct bio *bio = bio_of(first);

		first = first->next; /* done() may submit the bio again */
		finish(bio);
		nr++;
	}
	return nr;
}

/* --- Queues. --- */

static inline void enter(struct block_queue *queue)
{
	while (unlikely(atomic_exchange(&queue->busy, true)))
		while (atomic_load(&queue->busy))
			__builtin_ia32_pause();
}

static inline void leave(struct block_queue *queue)
{
	atomic_store_explicit(&queue->busy, false, memory_order_release);
}

/* False: there is no room. */
static bool start_one(struct block_queue *queue, struct block_request *request)
{
	struct block_device *device = request->device;

	request->next = NULL;
	queue->in_flight++;
	if (!device->ops->start(device, queue, request))
		return true;
	queue->in_flight--;
	return false;
}

/* Lets those go on that the device had no room for, in their order. */
static __attribute__((noinline)) void resume(struct block_queue *queue)
{
	while (queue->waiting) {
		struct block_request *request = queue->waiting;
		struct block_request *next = request->next;

		if (!start_one(queue, request)) {
			request->next = next;
			return;
		}
		queue->waiting = next;
	}
}

/* The next request of a bio: at once, or when those that wait already have gone on. */
static __attribute__((noinline)) void go_on(struct bio *bio)
{
	struct block_request *request = &bio->request;
	struct block_queue *queue = request->device->of_cpu[bio->cpu];

	bio_next_request(request->device, bio);
	enter(queue);
	if (queue->waiting || !start_one(queue, request)) {
		request->next = NULL;
		if (queue->waiting)
			*queue->waiting_end = request;
		else
			queue->waiting = request;
		queue->waiting_end = &request->next;
	}
	leave(queue);
}

void block_complete_all(struct block_queue *queue, struct block_request *request, int status)
{
	while (request) {
		struct block_request *next = request->next;

		block_complete(queue, request, status);
		request = next;
	}
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
static __attribute__((noinline)) int trouble(const struct block_device *device,
					     struct block_queue *queue, int polled)
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

/* Takes what is over out of the queue. */
static inline struct block_request *take_over(struct block_queue *queue)
{
	struct block_request *first;

	*queue->end = NULL;
	first = queue->over;
	queue->end = &queue->over;
	return first;
}

/* After a poll that found nothing, or while others wait for room. Returns what is over. */
static __attribute__((noinline)) struct block_request *look_after(struct block_device *device,
								  struct block_queue *queue, int nr)
{
	struct block_request *over;
	int error = 0;

	if (nr > 0) {
		queue->stalled_since = 0;
		resume(queue);
	} else {
		error = trouble(device, queue, nr);
	}
	over = take_over(queue);
	leave(queue);
	if (error)
		recover(device, queue, error);
	return over;
}

/* Takes back what was prepared and not started. */
static __attribute__((noinline)) size_t give_back(struct block_request *request)
{
	size_t nr = 0;

	for (; request; request = request->next) {
		struct bio *bio = bio_of(request);

		if (bio->pin.word)
			bio_unpin_area(bio, bio->pin);
		else
			bio_unpin_pages(bio, bio->nr_pieces);
		bio->status = -EAGAIN;
		nr++;
	}
	return nr;
}

/* --- For those who read and write. --- */

/* Starts prepared requests. Returns how many there was room for. */
static inline size_t start(struct block_device *device, struct block_queue *queue,
			   struct block_request *request, size_t nr)
{
	enter(queue);
	queue->in_flight += (unsigned)nr;
	if (likely(!queue->waiting))
		request = device->ops->start(device, queue, request);
	if (unlikely(request)) {
		size_t left = give_back(request);

		queue->in_flight -= (unsigned)left;
		nr -= left;
	}
	leave(queue);
	return nr;
}

/* On a device that works at once. */
static int submit_at_once(struct block_device *device, struct bio *bio, unsigned cpu)
{
	struct block_request *request = &bio->request;
	int error = prepare(device, bio, cpu);

	if (error)
		return error;
	request->status = device->ops->submit(device, &device->queue, request);
	while (!request->status && !bio->pin.word && bio->more) {
		bio_next_request(device, bio);
		request->status = device->ops->submit(device, &device->queue, request);
	}
	hand_over(bio);
	return 0;
}

static __attribute__((noinline)) int submit_any(struct block_device *device, struct bio *bio)
{
	unsigned cpu = host_cpu();
	struct block_queue *queue = device->of_cpu[cpu];
	int error;

	if (!queue)
		return submit_at_once(device, bio, cpu);
	error = bio_prepare_any(device, bio);
	if (error)
		return error;
	begin(device, bio, cpu);
	return start(device, queue, &bio->request, 1) == 1 ? 0 : -EAGAIN;
}

int block_submit(struct block_device *device, struct bio *bio)
{
	unsigned cpu = host_cpu();
	struct block_queue *queue = device->of_cpu[cpu];

	if (unlikely(!queue || !bio_prepare_usual(device, bio)))
		return submit_any(device, bio);
	begin(device, bio, cpu);
	return likely(start(device, queue, &bio->request, 1) == 1) ? 0 : -EAGAIN;
}

static __attribute__((noinline)) size_t submit_all_at_once(struct block_device *device,
							   struct bio *const *bios, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		int error = submit_at_once(device, bios[i], host_cpu());

		if (error) {
			bios[i]->status = error;
			return i;
		}
	}
	return nr;
}

size_t block_submit_all(struct block_device *device, struct bio *const *bios, size_t nr)
{
	unsigned cpu = host_cpu();
	struct block_queue *queue = device->of_cpu[cpu];
	struct block_request *first = NULL;
	struct block_request **end = &first;
	size_t i;

	if (unlikely(!queue))
		return submit_all_at_once(device, bios, nr);
	for (i = 0; i < nr; i++) {
		struct bio *bio = bios[i];
		int error = prepare(device, bio, cpu);

		if (unlikely(error)) {
			bio->status = error;
			break;
		}
		*end = &bio->request;
		end = &bio->request.next;
	}
	return likely(first) ? start(device, queue, first, i) : 0;
}

size_t block_poll(struct block_device *device)
{
	unsigned cpu = host_cpu();
	struct block_queue *queue = device->of_cpu[cpu];
	struct block_request *over;
	size_t nr = 0;
	int polled;

	if (unlikely(!queue))
		return finish_handed(cpu);
	enter(queue);
	polled = device->ops->poll(device, queue);
	if (unlikely(polled <= 0 || queue->waiting)) {
		over = look_after(device, queue, polled);
	} else {
		queue->stalled_since = 0;
		over = take_over(queue);
		leave(queue);
	}
	while (over) {
		struct bio *bio = bio_of(over);

		over = over->next; /* done() may submit the bio again */
		if (unlikely(!bio->pin.word) && bio->more && !bio->request.status) {
			go_on(bio);
		} else if (unlikely(bio->cpu != cpu)) {
			hand_over(bio);
		} else {
			finish(bio);
			nr++;
		}
	}
	if (unlikely(atomic_load(&finished[cpu].last)))
		nr += finish_handed(cpu);
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
