/* SPDX-License-Identifier: BSD-2-Clause */
/* The block layer: several bios that are submitted together. */
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>

enum { NR = SLOW_QUEUE_DEPTH + 2 };

static pfn_t area;
static struct bio_piece pieces[NR];
static struct bio bios[NR];
static struct bio *list[NR];
static unsigned order[NR];
static unsigned nr_done;

static void note_done(struct bio *bio)
{
	order[nr_done++] = (unsigned)(bio - bios);
}

/* Reads of 4 KiB, each of other sectors into other memory of one area. */
static struct bio *const *make_list(void)
{
	area = test_take(MEMORY_DRAM, AREA_SIZE);
	nr_done = 0;
	for (unsigned i = 0; i < NR; i++) {
		pieces[i] = piece_of(area, i * PAGE_SIZE, PAGE_SIZE);
		bios[i] = make_bio(BLOCK_READ, &pieces[i], 1);
		bios[i].sector = i * PAGE_SIZE / SECTOR_SIZE;
		bios[i].done = note_done;
		list[i] = &bios[i];
	}
	return list;
}

static void expect_done(unsigned nr)
{
	expect_eq(nr_done, nr);
	for (unsigned i = 0; i < nr_done; i++) {
		expect_eq(order[i], i);
		expect_eq(bios[i].status, 0);
	}
	expect_eq(test_look(area).pins, 0);
}

/* Bios of one list are started in their order, each with what it asks for. */
TEST(block_batch, starts_all_in_their_order)
{
	struct block_device *device = create_slow();

	require(block_submit_all(device, make_list(), SLOW_QUEUE_DEPTH) == SLOW_QUEUE_DEPTH);
	expect_eq(test_look(area).pins, SLOW_QUEUE_DEPTH);
	require(slow.nr_seen == SLOW_QUEUE_DEPTH);
	for (unsigned i = 0; i < SLOW_QUEUE_DEPTH; i++) {
		expect_eq(bios[i].status, -EINPROGRESS);
		expect_eq(slow.seen[i].sector, bios[i].sector);
	}
	while (nr_done < SLOW_QUEUE_DEPTH)
		require(block_poll(device) == 1);
	expect_done(SLOW_QUEUE_DEPTH);
}

/* What is behind a bio that is refused is not looked at; what is before it is started. */
TEST(block_batch, stops_at_the_first_that_is_refused)
{
	struct block_device *device = create_slow();
	struct bio *const *all = make_list();

	bios[2].sector = device->sectors;
	bios[3].status = 1;
	expect_eq(block_submit_all(device, all, SLOW_QUEUE_DEPTH), 2);
	expect_eq(bios[2].status, -ERANGE);
	expect_eq(bios[3].status, 1);
	expect_eq(test_look(area).pins, 2);
	while (block_poll(device) > 0)
		;
	expect_done(2);
	bios[0].sector = device->sectors;
	expect_eq(block_submit_all(device, all, 2), 0);
	expect_eq(bios[0].status, -ERANGE);
	expect_eq(slow.nr_seen, 2);
	expect_eq(slow.device.queue.in_flight, 0);
}

/* What the device has no room for is not submitted: it has no pin, and may be submitted again. */
TEST(block_batch, ends_where_the_device_is_full)
{
	struct block_device *device = create_slow();

	expect_eq(block_submit_all(device, make_list(), NR), SLOW_QUEUE_DEPTH);
	expect_eq(test_look(area).pins, SLOW_QUEUE_DEPTH);
	expect_eq(bios[SLOW_QUEUE_DEPTH].status, -EAGAIN);
	expect_eq(slow.device.queue.in_flight, SLOW_QUEUE_DEPTH);
	expect_eq(block_submit_all(device, list + SLOW_QUEUE_DEPTH, 1), 0);
	while (block_poll(device) > 0)
		;
	expect_done(SLOW_QUEUE_DEPTH);
	expect_eq(block_submit_all(device, list + SLOW_QUEUE_DEPTH, 2), 2);
	while (block_poll(device) > 0)
		;
	expect_done(NR);
	expect_eq(slow.device.queue.in_flight, 0);
}

/* A device that works at once takes all of any list; done() comes with the poll. */
TEST(block_batch, device_that_works_at_once_takes_all)
{
	struct block_device *device;

	(void)create_slow();
	device = &slow.below.device;
	expect_eq(block_submit_all(device, make_list(), NR), NR);
	expect_eq(nr_done, 0);
	expect_eq(block_poll(device), NR);
	expect_done(NR);
	nr_done = 0;
	bios[1].operation = BLOCK_FLUSH;
	expect_eq(block_submit_all(device, list, NR), 1);
	expect_eq(bios[1].status, -EINVAL);
	expect_eq(block_poll(device), 1);
}

/*
 * An area that a frame of is poisoned while a bio reads into it goes out of use in whole; when the
 * last pin is returned it is split, and the rest comes into use again.
 */
TEST(block_batch, area_poisoned_in_flight_loses_one_frame)
{
	struct block_device *device = create_slow();

	require(block_submit_all(device, make_list(), 2) == 2);
	require(page_poison(pfn_add(area, 7)) == 0);
	expect(test_look(area).poisoned);
	expect_eq(test_look(area).size, AREA_SIZE);
	while (block_poll(device) > 0)
		;
	expect_eq(nr_done, 2);
	expect_eq(test_look(area).size, PAGE_SIZE);
	expect(!test_look(area).poisoned);
	expect(test_look(pfn_add(area, 7)).poisoned);
	expect_eq(page_unpoison(pfn_add(area, 7)), 0);
	expect_eq(page_collapse(area), 0);
}
