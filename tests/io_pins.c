/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pins are for: while a device may touch a page it is neither split, collapsed nor freed, and
 * afterwards it can be. On a device that only tests have, and on every disk of the machine.
 */
#include "drivers/disks.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "tests/harness/arena.h"
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum { ROUNDS = 1000, BIOS_UNDER_HELD = 5000, HELD_PAGES = 16 };

/* How long to wait for other CPUs, in nanoseconds. */
enum { FIRST_RESIZE = 2000000000, BETWEEN_READS = 10000 };

static struct arena arena;

static void give_arena(void *unused)
{
	(void)unused;
	arenas_give(&arena, 1);
}

/* Calls body(device, area) for each of them, with a whole area that is the test's alone. */
static void with_each_device(enum memory_kind kind, void (*body)(struct block_device *, pfn_t))
{
	struct block_device *slow_device = create_slow();
	struct disk *disk = NULL;

	arena = (struct arena){0};
	test_cleanup(give_arena, NULL);
	arenas_take(&arena, 1, 1, kind, ARENA_WHOLE);
	body(slow_device, arena.areas[0]);
	while ((disk = disk_next(disk)) != NULL)
		body(disk->device, arena.areas[0]);
}

static void wait_for(struct block_device *device, struct bio *bio)
{
	while (bio->status == -EINPROGRESS)
		block_poll(device);
	expect_eq(bio->status, 0);
}

/* --- In flight. --- */

static void try_whole(struct block_device *device, pfn_t area)
{
	uint64_t bytes = device->sectors * SECTOR_SIZE;
	struct bio_piece piece = piece_of(area, 0, bytes < AREA_SIZE ? bytes : AREA_SIZE);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	require(block_submit(device, &bio) == 0);
	expect_eq(test_look(area).pins, 1);
	expect_eq(page_split(area), -EBUSY);
	if (pfn_to_region(area)->kind == MEMORY_DRAM)
		expect_eq(frame_free(area, AREA_SIZE), -EBUSY);
	wait_for(device, &bio);
	expect_eq(test_look(area).pins, 0);
}

static void try_split(struct block_device *device, pfn_t area)
{
	const size_t pages[] = {3, 500};
	struct bio_piece pieces[ARRAY_SIZE(pages)] = {0};
	struct bio bio = make_bio(BLOCK_READ, pieces, ARRAY_SIZE(pages));

	require(page_split(area) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		pieces[i] = piece_of(pfn_add(area, pages[i]), 0, PAGE_SIZE);
	require(block_submit(device, &bio) == 0);
	expect_eq(page_collapse(area), -EBUSY);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		expect_eq(test_look(pfn_add(area, pages[i])).pins, 1);
	expect_eq(test_look(area).pins, 0);
	wait_for(device, &bio);
	expect_eq(page_collapse(area), 0);
}

static void try_both(struct block_device *device, pfn_t area)
{
	if (!device->ops->poll)
		return; /* it works at once, and has nothing in flight */
	try_whole(device, area);
	try_split(device, area);
}

/* A page in flight is not split, collapsed or freed, and can be as soon as its bio is done. */
TEST(io_pins, dram_in_flight_stays_as_it_is)
{
	with_each_device(MEMORY_DRAM, try_both);
}

TEST(io_pins, persistent_memory_in_flight_stays_as_it_is)
{
	with_each_device(MEMORY_PERSISTENT, try_both);
}

/* --- Against other CPUs. --- */

static struct block_device *device_read;
static pfn_t area_read;
static atomic_bool reading;
static atomic_uint resized;

static void read_one(struct bio_piece *piece, struct bio *bio, size_t frame)
{
	int error;

	do {
		*piece = piece_of(pfn_add(area_read, frame), 0, PAGE_SIZE);
		if (page_size(piece->page) == AREA_SIZE)
			piece->offset = frame * PAGE_SIZE;
		memset(test_virt(area_read, frame * PAGE_SIZE), 0, PAGE_SIZE);
		error = block_execute(device_read, bio);
	} while (error == -ESTALE); /* another CPU was quicker than the pin */
	expect_eq(error, 0);
}

/* Gives the others a chance to resize the area between two reads; a machine may have no others. */
static void let_resize(uint64_t nanoseconds)
{
	unsigned before = atomic_load(&resized);
	uint64_t start = host_nanoseconds();

	while (host_cpus() > 1 && atomic_load(&resized) == before &&
	       host_nanoseconds() - start < nanoseconds)
		__builtin_ia32_pause();
}

/* The same sectors to one place after the other. */
static void read_all(void)
{
	struct bio_piece piece = {0};
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	for (size_t i = 0; i < ROUNDS; i++) {
		size_t frame = 1 + i % (PAGES_PER_AREA - 1);

		read_one(&piece, &bio, frame);
		/* Emulated CPUs may take turns, and long ones; later reads do not wait again. */
		let_resize(atomic_load(&resized) ? BETWEEN_READS : FIRST_RESIZE);
		if (memcmp(test_virt(area_read, 0), test_virt(area_read, frame * PAGE_SIZE),
			   PAGE_SIZE) != 0) {
			fail("%s: sectors 0 to 7 differ from what was read before",
			     device_read->name);
			break;
		}
	}
	atomic_store(&reading, false);
}

/* CPU 0 reads; all others resize under it. */
static void read_or_resize(void *unused)
{
	(void)unused;
	if (host_cpu() == 0) {
		read_all();
		return;
	}
	while (atomic_load(&reading))
		if (page_split(area_read) == 0 && page_collapse(area_read) == 0)
			atomic_fetch_add(&resized, 1);
}

static void resize_while_reading(struct block_device *device, pfn_t area)
{
	struct bio_piece piece = {0};
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	device_read = device;
	area_read = area;
	read_one(&piece, &bio, 0);
	atomic_store(&resized, 0);
	atomic_store(&reading, true);
	host_on_each_cpu(read_or_resize, NULL);
	expect_eq(page_collapse(area), 0);
	expect(host_cpus() == 1 || atomic_load(&resized) > 0);
	note("%s: %d reads, %u splits and collapses between them", device->name, ROUNDS,
	     atomic_load(&resized));
}

/* Splits and collapses on other CPUs neither disturb a read nor get in its way for good. */
TEST(io_pins, dram_is_resized_around_io)
{
	with_each_device(MEMORY_DRAM, resize_while_reading);
}

TEST(io_pins, persistent_memory_is_resized_around_io)
{
	with_each_device(MEMORY_PERSISTENT, resize_while_reading);
}

/* --- For long. --- */

static void hold_long(struct block_device *device, pfn_t area)
{
	struct page *held[HELD_PAGES];
	struct bio_piece piece = {0};
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	require(page_split(area) == 0);
	for (size_t i = 0; i < HELD_PAGES; i++)
		held[i] = test_pin(pfn_add(area, i * 31));
	for (size_t i = 0; i < BIOS_UNDER_HELD; i++) {
		piece = (struct bio_piece){held[i % HELD_PAGES], 0, PAGE_SIZE};
		expect_eq(block_execute(device, &bio), 0);
		if (i % 100 == 0)
			expect_eq(page_collapse(area), -EBUSY);
	}
	for (size_t i = 0; i < HELD_PAGES; i++) {
		expect_eq(test_look(pfn_add(area, i * 31)).pins, 1);
		page_unpin(held[i]);
	}
	expect_eq(page_collapse(area), 0);
}

/* Pins that last for thousands of bios keep their pages, and are neither lost nor multiplied. */
TEST(io_pins, long_pins_outlast_thousands_of_bios)
{
	with_each_device(MEMORY_DRAM, hold_long);
}
