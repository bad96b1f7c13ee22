/* SPDX-License-Identifier: BSD-2-Clause */
/* The block layer: limits of segments, durable writes, full queues, stuck devices, several CPUs. */
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>

/* --- Limits of segments. --- */

/* A device that takes lists of 4 KiB pages gets requests without holes between the pages. */
TEST(block_queue, requests_have_no_holes_where_the_device_takes_none)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	const struct bio_piece pieces[] = {
		piece_of(area, 512, 3584),  /* ends with its page */
		piece_of(area, 8192, 8192), /* two pages */
		piece_of(area, 20480, 512), /* begins with its page */
		piece_of(area, 4096, 512),  /* the one before does not end with its page */
		piece_of(area, 17408, 512), /* begins within its page */
	};
	static const size_t nr_segments[] = {3, 1, 1};
	struct bio bio = make_bio(BLOCK_WRITE, pieces, ARRAY_SIZE(pieces));

	device->segment_boundary = 4096;
	require(block_execute(device, &bio) == 0);
	require(slow.nr_seen == ARRAY_SIZE(nr_segments));
	for (size_t i = 0; i < ARRAY_SIZE(nr_segments); i++)
		expect_eq(slow.seen[i].nr_segments, nr_segments[i]);
	expect_eq(slow.seen[1].sector, (3584 + 8192 + 512) / SECTOR_SIZE);
	expect_eq(slow.seen[2].sector, (3584 + 8192 + 1024) / SECTOR_SIZE);
}

/* Segments longer than the device takes are several; what is merged keeps to that as well. */
TEST(block_queue, segments_keep_to_their_length)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	const struct bio_piece pieces[] = {piece_of(area, 0, 1024), piece_of(area, 1024, 4096)};
	struct bio bio = make_bio(BLOCK_WRITE, pieces, ARRAY_SIZE(pieces));

	device->max_segment_bytes = 2048;
	require(block_device_init(device) == 0);
	require(block_execute(device, &bio) == 0);
	require(slow.nr_seen == 1);
	require(slow.seen[0].nr_segments == 3);
	expect_eq(slow.seen[0].segments[0].length, 2048);
	expect_eq(slow.seen[0].segments[1].length, 2048);
	expect_eq(slow.seen[0].segments[2].length, 1024);
	expect_eq(slow.seen[0].bytes, 5120);
}

/* --- Durable writes. --- */

/* Where the device has no durable write, a flush follows the last part of one, and nothing else. */
TEST(block_queue, durable_write_is_followed_by_a_flush)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 2048);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

	device->fua = false;
	device->max_bytes = 1024;
	require(block_device_init(device) == 0);
	bio.flags = BLOCK_FUA;
	bio.sector = 8;
	require(block_execute(device, &bio) == 0);
	require(slow.nr_seen == 3);
	expect_eq(slow.seen[1].operation, BLOCK_WRITE);
	expect_eq(slow.seen[1].flags, 0);
	expect_eq(slow.seen[2].operation, BLOCK_FLUSH);
	expect_eq(slow.seen[2].nr_segments, 0);
	expect_eq(slow.seen[2].sector, 0);
	bio.flags = 0;
	require(block_execute(device, &bio) == 0);
	expect_eq(slow.nr_seen, 5);
}

/* A durable write whose flush fails has failed. */
TEST(block_queue, error_of_the_flush_is_the_write_s)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 1024);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

	device->fua = false;
	bio.flags = BLOCK_FUA;
	slow.fail_at = 2;
	expect_eq(block_execute(device, &bio), -EIO);
}

/* --- Full queues. --- */

/* A bio under way whose next part finds the queue full goes on as soon as there is room. */
TEST(block_queue, bio_under_way_waits_for_room)
{
	struct block_device *device = create_slow();
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = piece_of(frame, 0, 1024);
	struct bio bios[3];

	device->max_bytes = 512;
	require(block_device_init(device) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++)
		bios[i] = make_bio(BLOCK_WRITE, &piece, 1);
	require(block_submit(device, &bios[0]) == 0);
	require(block_submit(device, &bios[1]) == 0);
	slow.room = 1; /* there are two */
	expect_eq(block_poll(device), 0);
	expect_eq(slow.queued, 1);
	slow.room = SLOW_QUEUE_DEPTH;
	expect_eq(block_submit(device, &bios[2]), -EAGAIN); /* not before the one that waits */
	while (times_done < 2)
		block_poll(device);
	expect_eq(slow.nr_seen, 4);
	expect_eq(bios[0].status, 0);
	expect_eq(bios[1].status, 0);
	expect_eq(test_look(frame).pins, 0);
}

/* --- Stuck devices. --- */

static void destroy_nothing(void *device)
{
	expect_eq(((struct block_device *)device)->queue.in_flight, 0);
}

/* What a stuck device has fails once it is over its time, unpinned; the device works again. */
TEST(block_queue, stuck_device_is_started_again)
{
	struct block_device *device = create_slow();
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = piece_of(frame, 0, 512);
	struct bio first = make_bio(BLOCK_READ, &piece, 1);
	struct bio second = make_bio(BLOCK_READ, &piece, 1);

	test_cleanup(destroy_nothing, device);
	device->timeout_ms = 20;
	slow.stuck = true;
	require(block_submit(device, &first) == 0);
	expect_eq(block_execute(device, &second), -ETIMEDOUT);
	expect_eq(first.status, -ETIMEDOUT);
	expect_eq(slow.recoveries, 1);
	expect_eq(test_look(frame).pins, 0);
	expect_eq(block_execute(device, &second), 0);
}

/* A slow device that gets on is left alone, however long all of it takes. */
TEST(block_queue, slow_device_is_not_stuck)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 4096);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);
	uint64_t start = host_nanoseconds();

	device->timeout_ms = 300;
	device->max_bytes = 512;
	require(block_device_init(device) == 0);
	require(block_submit(device, &bio) == 0);
	while (bio.status == -EINPROGRESS) {
		uint64_t next = start + slow.nr_seen * 45000000;

		slow.stuck = host_nanoseconds() < next;
		block_poll(device);
	}
	expect_eq(bio.status, 0);
	expect_eq(slow.recoveries, 0);
	expect(host_nanoseconds() - start > 300000000);
}

/* A device that makes no sense is started again at once, and its requests have that error. */
TEST(block_queue, senseless_device_is_started_again)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 512);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	slow.poll_error = -ENODEV;
	expect_eq(block_execute(device, &bio), -ENODEV);
	expect_eq(slow.recoveries, 1);
	expect_eq(block_execute(device, &bio), 0);
}

/* --- Several CPUs. --- */

enum { BIOS_EACH = 200 };

static struct block_device *shared;
static pfn_t frames[HOST_CPUS_MAX];
static unsigned done_here[HOST_CPUS_MAX];

static void count_here(struct bio *bio)
{
	expect_eq(bio->cpu, host_cpu());
	done_here[host_cpu()]++;
}

static void read_much(void *unused)
{
	unsigned cpu = host_cpu();
	struct bio_piece piece = piece_of(frames[cpu], 0, 512);
	struct bio bio = {
		.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1, .done = count_here};

	(void)unused;
	for (unsigned i = 0; i < BIOS_EACH; i++)
		expect_eq(block_execute(shared, &bio), 0);
}

/* CPUs that share a queue each get their own bios back. */
TEST(block_queue, done_is_called_where_the_bio_came_from)
{
	shared = create_slow();
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++) {
		done_here[cpu] = 0;
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frames[cpu]) == 0);
	}
	host_on_each_cpu(read_much, NULL);
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++) {
		expect_eq(done_here[cpu], BIOS_EACH);
		expect_eq(frame_free(frames[cpu], PAGE_SIZE), 0);
	}
	expect_eq(shared->queue.in_flight, 0);
}
