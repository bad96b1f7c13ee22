/* SPDX-License-Identifier: BSD-2-Clause */
/* The block layer: what a driver gets to see, and when pins and data move. */
#include "tests/harness/disk.h"
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/harness/stamp.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum { DEVICE_NUMBER = 9 };

/* --- What the driver gets. --- */

/* A bio of any length up to a whole area is one piece, one pin and one segment. */
TEST(block, piece_of_any_length_is_one_segment)
{
	static const size_t lengths[] = {512, 4096, 65536, AREA_SIZE};
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct bio_piece piece = piece_of(area, AREA_SIZE - lengths[i], lengths[i]);
		struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

		require(block_submit(device, &bio) == 0);
		expect_eq(test_look(area).pins, 1);
		expect_eq(slow.seen[i].nr_segments, 1);
		expect_eq(slow.seen[i].segments[0].length, lengths[i]);
		expect_eq(slow.seen[i].segments[0].start.addr,
			  pfn_to_phys(area).addr + AREA_SIZE - lengths[i]);
		expect_eq(block_poll(device), 1);
	}
}

/* Pieces that are neighbours in memory become one segment; the list's order is kept. */
TEST(block, neighbours_are_merged)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece pieces[4];
	struct bio bio;

	require(page_split(area) == 0);
	for (size_t i = 0; i < 3; i++)
		pieces[i] = piece_of(pfn_add(area, i), 0, PAGE_SIZE);
	pieces[3] = piece_of(area, 0, PAGE_SIZE);
	bio = make_bio(BLOCK_WRITE, pieces, 4);
	require(block_execute(device, &bio) == 0);
	require(slow.nr_seen == 1);
	require(slow.seen[0].nr_segments == 2);
	expect_eq(slow.seen[0].bytes, 4 * PAGE_SIZE);
	expect_eq(slow.seen[0].segments[0].length, 3 * PAGE_SIZE);
	expect_eq(slow.seen[0].segments[1].length, PAGE_SIZE);
	expect_eq(slow.seen[0].segments[1].start.addr, pfn_to_phys(area).addr);
}

/* A bio longer than the device takes at once becomes requests of max_bytes, in their order. */
TEST(block, requests_keep_to_max_bytes)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece piece = piece_of(area, 1024, 10 * 1024);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

	device->max_bytes = 4096;
	require(block_device_init(device) == 0);
	bio.sector = 100;
	require(block_execute(device, &bio) == 0);
	require(slow.nr_seen == 3);
	for (size_t i = 0; i < 3; i++) {
		expect_eq(slow.seen[i].sector, 100 + 8 * i);
		expect_eq(slow.seen[i].bytes, i < 2 ? 4096 : 2048);
		expect_eq(slow.seen[i].segments[0].start.addr,
			  pfn_to_phys(area).addr + 1024 + 4096 * i);
	}
	expect_eq(times_done, 1);
}

/* A list longer than the device takes at once becomes requests of max_segments. */
TEST(block, requests_keep_to_max_segments)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece pieces[5];
	struct bio bio;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] = piece_of(area, i * 8192, 1024);
	bio = make_bio(BLOCK_WRITE, pieces, ARRAY_SIZE(pieces));
	device->max_segments = 2;
	require(block_execute(device, &bio) == 0);
	require(slow.nr_seen == 3);
	for (size_t i = 0; i < 3; i++) {
		expect_eq(slow.seen[i].nr_segments, i < 2 ? 2 : 1);
		expect_eq(slow.seen[i].sector, 4 * i);
		expect_eq(slow.seen[i].segments[0].start.addr,
			  pfn_to_phys(area).addr + 2 * i * 8192);
	}
}

/* Data survives every way of cutting a bio into requests. */
TEST(block, narrow_device_keeps_what_is_written)
{
	struct block_device *device = create_slow();
	struct disk_scratch scratch;

	disk_scratch_take(&scratch);
	device->max_segments = 3;
	device->max_bytes = 5 * 4096;
	require(block_device_init(device) == 0);
	disk_exercise(device, &scratch, DEVICE_NUMBER, 50);
	device->block_size = 4096;
	require(block_device_init(device) == 0);
	disk_exercise(device, &scratch, DEVICE_NUMBER, 50);
}

/* A flush reaches the device without data, and FUA with every request of its bio. */
TEST(block, flush_and_fua_reach_the_device)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece piece = piece_of(area, 0, 8192);
	struct bio flush = make_bio(BLOCK_FLUSH, NULL, 0);
	struct bio write = make_bio(BLOCK_WRITE, &piece, 1);

	require(block_execute(device, &flush) == 0);
	require(slow.nr_seen == 1);
	expect_eq(slow.seen[0].operation, BLOCK_FLUSH);
	expect_eq(slow.seen[0].nr_segments, 0);
	device->max_bytes = 4096;
	require(block_device_init(device) == 0);
	write.flags = BLOCK_FUA;
	require(block_execute(device, &write) == 0);
	require(slow.nr_seen == 3);
	expect_eq(slow.seen[1].flags, BLOCK_FUA);
	expect_eq(slow.seen[2].flags, BLOCK_FUA);
	expect_eq(times_done, 2);
}

/* --- While a bio is under way, and when it is over. --- */

/* A page under I/O is neither split, collapsed nor freed; afterwards it is again. */
TEST(block, page_under_io_keeps_its_size)
{
	struct block_device *device = create_slow();
	pfn_t whole = test_take(MEMORY_DRAM, AREA_SIZE);
	pfn_t split = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece pieces[2];
	struct bio bio;

	require(page_split(split) == 0);
	pieces[0] = piece_of(whole, 0, 512);
	pieces[1] = piece_of(pfn_add(split, 7), 0, 512);
	bio = make_bio(BLOCK_READ, pieces, 2);
	require(block_submit(device, &bio) == 0);
	expect_eq(page_split(whole), -EBUSY);
	expect_eq(page_collapse(split), -EBUSY);
	expect_eq(frame_free(whole, AREA_SIZE), -EBUSY);
	expect_eq(block_poll(device), 1);
	expect_eq(page_split(whole), 0);
	expect_eq(page_collapse(split), 0);
}

static void expect_unpinned(struct bio *bio)
{
	expect_eq(test_look(page_to_pfn(bio->pieces[0].page)).pins, 0);
	expect_eq(bio->status, 0);
	times_done++;
}

/* done() is called once, by block_poll() alone, with the status set and the pins returned. */
TEST(block, done_is_called_by_poll)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 512);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

	bio.done = expect_unpinned;
	require(block_submit(device, &bio) == 0);
	expect_eq(bio.status, -EINPROGRESS);
	expect_eq(times_done, 0);
	expect_eq(block_poll(device), 1);
	expect_eq(times_done, 1);
	expect_eq(block_poll(device), 0);
	expect_eq(times_done, 1);
	/* The same holds for a device that works at once. */
	require(block_submit(&slow.below.device, &bio) == 0);
	expect_eq(bio.status, -EINPROGRESS);
	expect_eq(times_done, 1);
	expect_eq(block_poll(&slow.below.device), 1);
	expect_eq(times_done, 2);
}

/* A queue that is full says so, and takes the bio once there is room. */
TEST(block, full_queue_asks_to_try_again)
{
	struct block_device *device = create_slow();
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = piece_of(frame, 0, 512);
	struct bio bios[SLOW_QUEUE_DEPTH + 1];

	for (size_t i = 0; i <= SLOW_QUEUE_DEPTH; i++)
		bios[i] = make_bio(BLOCK_WRITE, &piece, 1);
	for (size_t i = 0; i < SLOW_QUEUE_DEPTH; i++)
		require(block_submit(device, &bios[i]) == 0);
	expect_eq(block_submit(device, &bios[SLOW_QUEUE_DEPTH]), -EAGAIN);
	expect_eq(test_look(frame).pins, SLOW_QUEUE_DEPTH);
	expect_eq(block_poll(device), 1);
	require(block_submit(device, &bios[SLOW_QUEUE_DEPTH]) == 0);
	while (times_done <= SLOW_QUEUE_DEPTH)
		block_poll(device);
	expect_eq(test_look(frame).pins, 0);
}

/* A request that fails ends its bio with that error; what was not submitted yet never is. */
TEST(block, error_ends_the_bio)
{
	struct block_device *device = create_slow();
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = piece_of(frame, 0, 4096);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

	device->max_bytes = 1024;
	require(block_device_init(device) == 0);
	slow.fail_at = 2;
	expect_eq(block_execute(device, &bio), -EIO);
	expect_eq(slow.nr_seen, 2);
	expect_eq(times_done, 1);
	expect_eq(test_look(frame).pins, 0);
}

/* What a device has written to is dirty, whether all went well or not; what it read is not. */
TEST(block, read_marks_its_pages_dirty)
{
	struct block_device *device = create_slow();
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	struct bio_piece piece = piece_of(frame, 0, 512);
	struct bio read = make_bio(BLOCK_READ, &piece, 1);
	struct bio write = make_bio(BLOCK_WRITE, &piece, 1);
	struct page *page = page_pin(frame);

	require(page);
	page_clear_dirty(page);
	expect_eq(block_execute(device, &write), 0);
	expect(!page_clear_dirty(page));
	expect_eq(block_execute(device, &read), 0);
	expect(page_clear_dirty(page));
	slow.fail_at = slow.nr_seen + 1;
	expect_eq(block_execute(device, &read), -EIO);
	expect(page_clear_dirty(page));
	page_unpin(page);
}

static void submit_again(struct bio *bio)
{
	if (++times_done < 5)
		expect_eq(block_submit(bio->context, bio), 0);
}

/* done() may submit its own bio again, to a device that works at once too. */
TEST(block, done_may_submit_again)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 512);
	struct block_device *devices[] = {device, &slow.below.device};

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

		bio.done = submit_again;
		bio.context = devices[i];
		require(block_submit(devices[i], &bio) == 0);
		for (unsigned polls = 1; polls <= 5; polls++) {
			expect_eq(block_poll(devices[i]), 1);
			expect_eq(times_done, polls);
		}
		expect_eq(block_poll(devices[i]), 0);
	}
}

static struct bio *order_done[8];

static void note_order(struct bio *bio)
{
	order_done[times_done++] = bio;
	if (times_done == 1)
		expect_eq(block_submit(bio->context, bio), 0);
}

/* Bios that were over before anyone polled are done in their order; one submitted anew waits. */
TEST(block, poll_delivers_in_order)
{
	struct block_device *device = &slow.below.device;
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 512);
	struct bio bios[3];

	create_slow();
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++) {
		bios[i] = make_bio(BLOCK_WRITE, &piece, 1);
		bios[i].done = note_order;
		bios[i].context = device;
		require(block_submit(device, &bios[i]) == 0);
	}
	expect_eq(block_poll(device), 3);
	for (size_t i = 0; i < ARRAY_SIZE(bios); i++)
		expect(order_done[i] == &bios[i]);
	expect_eq(block_poll(device), 1);
	expect(order_done[3] == &bios[0]);
}

/* Bios in flight together do not get into each other's way. */
TEST(block, bios_in_flight_keep_apart)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece pieces[SLOW_QUEUE_DEPTH];
	struct bio bios[SLOW_QUEUE_DEPTH];

	device->max_bytes = 1024;
	require(block_device_init(device) == 0);
	for (size_t i = 0; i < SLOW_QUEUE_DEPTH; i++) {
		for (size_t k = 0; k < 8; k++)
			stamp_write(test_virt(area, i * 4096 + k * 512),
				    (struct stamp_id){DEVICE_NUMBER, 1, i * 8 + k});
		pieces[i] = piece_of(area, i * 4096, 4096);
		bios[i] = make_bio(BLOCK_WRITE, &pieces[i], 1);
		bios[i].sector = i * 8;
		require(block_submit(device, &bios[i]) == 0);
	}
	while (times_done < SLOW_QUEUE_DEPTH)
		block_poll(device);
	memset(test_virt(area, 0), 0, AREA_SIZE);
	pieces[0].length = SLOW_QUEUE_DEPTH * 4096;
	bios[0] = make_bio(BLOCK_READ, &pieces[0], 1);
	require(block_execute(device, &bios[0]) == 0);
	for (size_t i = 0; i < 8 * (size_t)SLOW_QUEUE_DEPTH; i++) {
		const char *wrong = stamp_check(test_virt(area, i * 512),
						(struct stamp_id){DEVICE_NUMBER, 1, i});

		if (wrong)
			fail("%s", wrong);
	}
}
