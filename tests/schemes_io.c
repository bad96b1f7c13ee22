/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block I/O over schemes of page descriptors where something stands in its way: no descriptor is
 * left, or the device fails. The matrix (tests/io_schemes.c) has what works.
 */
#include <errno.h>
#include <string.h>

#include "mm/schemes/dynamic.h"
#include "mm/schemes/proxy.h"
#include "tests/harness/memory.h"
#include "tests/harness/scheme_ground.h"
#include "tests/harness/scheme_io.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

enum { POOL = 8, FRAMES = PAGES_PER_AREA };

static struct scheme *scheme;
static struct segment memory, segment;
static struct scheme_page *notes[2 * POOL];
static struct scheme_io io;

/* A read or write of some frames, which begins at frame number `first` and at its sector. */
static struct scheme_io *io_of(enum block_operation operation, uint64_t first, uint64_t frames,
			       pfn_t buffer)
{
	memory = (struct segment){pfn_to_phys(pfn_add(scheme->start, first)), frames << PAGE_SHIFT};
	io = (struct scheme_io){
		.scheme = scheme,
		.operation = operation,
		.sector = first * (PAGE_SIZE / SECTOR_SIZE),
		.memory = &memory,
		.nr_memory = 1,
		.segments = &segment,
		.pages = notes,
		.buffer = {pfn_to_phys(buffer), PAGE_SIZE},
	};
	return &io;
}

static int read_frames(struct block_device *device, uint64_t first, uint64_t frames)
{
	return scheme_io_execute(device, io_of(BLOCK_READ, first, frames, pfn(0)));
}

static uint64_t pins_of(uint64_t first, uint64_t frames)
{
	uint64_t pins = 0;

	for (uint64_t i = 0; i < frames; i++)
		pins += (uint64_t)scheme_pins(scheme, pfn_add(scheme->start, first + i));
	return pins;
}

/* Others hold all descriptors: the I/O is refused before the device sees anything of it. */
static void refuse_and_go_on(const struct scheme_ops *ops, struct block_device *device)
{
	struct scheme_page *held[POOL];
	const char *bytes;

	scheme = ground_begin(ops, FRAMES, POOL);
	for (uint64_t i = 0; i < POOL; i++)
		require(scheme_pin(scheme, pfn_add(scheme->start, 100 + i), &held[i]) == 0);
	bytes = ground_virt(pfn_add(scheme->start, 4));
	memset(ground_virt(pfn_add(scheme->start, 4)), 0x5a, PAGE_SIZE);
	slow.nr_seen = 0;
	expect_eq(read_frames(device, 4, 2), -ENOMEM);
	expect_eq(slow.nr_seen, 0);
	expect_eq(bytes[0], 0x5a);
	expect_eq(pins_of(4, 2), 0);
	scheme_unpin(scheme, held[0], SCHEME_CLEAN);
	expect_eq(read_frames(device, 4, 2), -ENOMEM);
	expect_eq(pins_of(4, 2), 0);
	scheme_unpin(scheme, held[1], SCHEME_CLEAN);
	expect_eq(read_frames(device, 4, 2), 0);
	expect_eq(slow.nr_seen, 1);
	expect_eq(bytes[0], 0);
	for (uint64_t i = 2; i < POOL; i++)
		scheme_unpin(scheme, held[i], SCHEME_CLEAN);
}

TEST(schemes_io, used_up_descriptors_refuse_it)
{
	struct block_device *device = create_slow();

	ground_take(MEMORY_DRAM);
	refuse_and_go_on(&dynamic_scheme, device);
	refuse_and_go_on(&proxy_scheme, device);
}

/* What needs more descriptors than there are is refused as a whole, and can be had in parts. */
TEST(schemes_io, long_io_is_made_in_parts)
{
	struct block_device *device = create_slow();

	ground_take(MEMORY_DRAM);
	scheme = ground_begin(&dynamic_scheme, FRAMES, POOL);
	expect_eq(read_frames(device, 0, 2 * POOL), -ENOMEM);
	expect_eq(slow.nr_seen, 0);
	for (uint64_t first = 0; first < 2 * POOL; first += POOL) {
		expect_eq(read_frames(device, first, POOL), 0);
		expect_eq(scheme_io_clean(&io), 0);
	}
	expect_eq(slow.nr_seen, 2);
	expect_eq(dynamic_bound(scheme), POOL);
}

/* Dirty pages are not taken from whoever has to write them: they use the pool up. */
TEST(schemes_io, dirty_pages_use_the_pool_up)
{
	struct block_device *device = create_slow();

	ground_take(MEMORY_DRAM);
	scheme = ground_begin(&dynamic_scheme, FRAMES, POOL);
	expect_eq(read_frames(device, 0, POOL), 0);
	expect_eq(read_frames(device, POOL, 1), -ENOMEM);
	expect_eq(scheme_io_clean(io_of(BLOCK_READ, 0, 1, pfn(0))), 0);
	expect_eq(read_frames(device, POOL, 1), 0);
}

/* What a device failed at returns its pins in every scheme, as what it did. */
TEST(schemes_io, failed_io_returns_its_pins)
{
	struct block_device *device = create_slow();
	pfn_t buffer = test_take(MEMORY_DRAM, PAGE_SIZE);

	ground_take(MEMORY_DRAM);
	for (size_t i = 0; i < nr_schemes; i++) {
		scheme = ground_begin(schemes[i], FRAMES, POOL);
		slow.fail_at = slow.nr_seen + 1;
		expect_eq(scheme_io_execute(device, io_of(BLOCK_READ, 3, 1, buffer)), -EIO);
		if (!scheme_refusal(scheme, SCHEME_COUNTS))
			expect_eq(pins_of(3, 1), 0);
		expect_eq(scheme_io_execute(device, io_of(BLOCK_READ, 3, 1, buffer)), 0);
	}
}
