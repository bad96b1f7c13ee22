/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/slow_device.h"

#include "mm/frame_alloc.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

struct slow_device slow;
unsigned times_done;

static struct block_request *slow_start(struct block_device *device, struct block_queue *queue,
					struct block_request *request)
{
	(void)device;
	(void)queue;
	expect(request != NULL);
	for (; request && slow.queued < slow.room; request = request->next) {
		if (slow.nr_seen < SLOW_SEEN_MAX)
			slow.seen[slow.nr_seen] = *request;
		slow.nr_seen++;
		slow.queue[slow.queued++] = request;
	}
	return request;
}

static int slow_poll(struct block_device *device, struct block_queue *queue)
{
	struct block_device *below = &slow.below.device;
	struct block_request *request = slow.queue[0];
	int status;

	(void)device;
	if (slow.poll_error)
		return slow.poll_error;
	if (slow.queued == 0 || slow.stuck)
		return 0;
	slow.queued--;
	memmove(slow.queue, slow.queue + 1, slow.queued * sizeof(slow.queue[0]));
	status = slow.nr_seen == slow.fail_at ? -EIO : below->ops->submit(below, queue, request);
	block_complete(queue, request, status);
	return 1;
}

static void slow_recover(struct block_device *device, int why)
{
	size_t nr = slow.queued;

	slow.recoveries++;
	slow.stuck = false;
	slow.poll_error = 0;
	slow.queued = 0;
	for (size_t i = 0; i < nr; i++)
		block_complete(&device->queue, slow.queue[i], why);
}

static const struct block_ops slow_ops = {
	.start = slow_start,
	.poll = slow_poll,
	.recover = slow_recover,
};

static void destroy_slow(void *unused)
{
	(void)unused;
	ramdisk_destroy(&slow.below);
}

struct block_device *create_slow(void)
{
	memset(&slow, 0, sizeof(slow));
	slow.room = SLOW_QUEUE_DEPTH;
	require(ramdisk_create(&slow.below, "below", NODE_ANY, 2 * AREA_SIZE) == 0);
	test_cleanup(destroy_slow, NULL);
	slow.device = (struct block_device){
		.name = "slow",
		.ops = &slow_ops,
		.sectors = slow.below.device.sectors,
		.fua = true,
		.block_size = SECTOR_SIZE,
		.dma_alignment = 1,
		.max_segments = BLOCK_SEGMENTS_MAX,
		.max_bytes = AREA_SIZE,
	};
	require(block_device_init(&slow.device) == 0);
	return &slow.device;
}

void count_done(struct bio *bio)
{
	(void)bio;
	times_done++;
}

struct bio make_bio(enum block_operation operation, const struct bio_piece *pieces, size_t nr)
{
	times_done = 0;
	return (struct bio){
		.operation = operation,
		.pieces = pieces,
		.nr_pieces = nr,
		.done = count_done,
	};
}

struct bio_piece piece_of(pfn_t frame, size_t offset, size_t length)
{
	return (struct bio_piece){pfn_to_page(frame), offset, length};
}
