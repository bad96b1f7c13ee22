/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/slow_device.h"

#include "mm/frame_alloc.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

struct slow_device slow;
unsigned times_done;

static int slow_submit(struct block_device *device, struct block_request *request)
{
	(void)device;
	if (slow.queued == SLOW_QUEUE_DEPTH)
		return -EAGAIN;
	if (slow.nr_seen < SLOW_SEEN_MAX)
		slow.seen[slow.nr_seen] = *request;
	slow.nr_seen++;
	slow.queue[slow.queued++] = request;
	return -EINPROGRESS;
}

static void slow_poll(struct block_device *device)
{
	struct block_device *below = &slow.below.device;
	struct block_request *request = slow.queue[0];
	int status;

	if (slow.queued == 0)
		return;
	slow.queued--;
	memmove(slow.queue, slow.queue + 1, slow.queued * sizeof(slow.queue[0]));
	status = slow.nr_seen == slow.fail_at ? -EIO : below->ops->submit(below, request);
	block_complete(device, request, status);
}

static const struct block_ops slow_ops = {.submit = slow_submit, .poll = slow_poll};

static void destroy_slow(void *unused)
{
	(void)unused;
	ramdisk_destroy(&slow.below);
}

struct block_device *create_slow(void)
{
	memset(&slow, 0, sizeof(slow));
	require(ramdisk_create(&slow.below, "below", NODE_ANY, 2 * AREA_SIZE) == 0);
	test_cleanup(destroy_slow, NULL);
	slow.device = slow.below.device;
	slow.device.name = "slow";
	slow.device.ops = &slow_ops;
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
