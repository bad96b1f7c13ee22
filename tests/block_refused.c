/* SPDX-License-Identifier: BSD-2-Clause */
/* The block layer: what is refused, with nothing pinned and nothing started. */
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>

static void expect_refused(struct block_device *device, struct bio *bio, int error)
{
	uint64_t pins = page_map_pins();

	expect_eq(block_submit(device, bio), error);
	expect_eq(page_map_pins(), pins);
	expect_eq(slow.nr_seen, 0);
	expect_eq(block_poll(device), 0);
	expect_eq(times_done, 0);
}

/* Sectors past the end are out of range, and so are sums that wrap. */
TEST(block, range_past_the_end_is_refused)
{
	static const uint64_t sectors_past_end[] = {0, 1, 100, UINT64_MAX / 2};
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece piece = piece_of(area, 0, 1024);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	for (size_t i = 0; i < ARRAY_SIZE(sectors_past_end); i++) {
		bio.sector = device->sectors + sectors_past_end[i];
		expect_refused(device, &bio, -ERANGE);
	}
	bio.sector = device->sectors - 1;
	expect_refused(device, &bio, -ERANGE);
	bio.sector = UINT64_MAX;
	expect_refused(device, &bio, -ERANGE);
	bio.sector = UINT64_MAX - 1;
	expect_refused(device, &bio, -ERANGE);
	bio.sector = device->sectors - 2;
	expect_eq(block_execute(device, &bio), 0);
}

/* A piece lies within its page, whose size is that of the handle, and is not empty. */
TEST(block, piece_outside_its_page_is_refused)
{
	struct block_device *device = create_slow();
	struct page *whole = pfn_to_page(test_take(MEMORY_DRAM, AREA_SIZE));
	struct page *small = pfn_to_page(test_take(MEMORY_DRAM, PAGE_SIZE));
	const struct bio_piece bad[] = {
		{whole, 0, 0},
		{whole, 512, AREA_SIZE},
		{whole, AREA_SIZE, 512},
		{whole, SIZE_MAX - 511, 512},
		{whole, SIZE_MAX - 511, 1024},
		{whole, 1024, SIZE_MAX - 511},
		{small, 0, 2 * PAGE_SIZE},
		{small, PAGE_SIZE, 512},
		{small, PAGE_SIZE - 512, 1024},
		{NULL, 0, 512},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bio_piece pieces[] = {{whole, 0, 512}, bad[i]};
		struct bio bio = make_bio(BLOCK_READ, pieces, 2);
		struct bio alone = make_bio(BLOCK_READ, &bad[i], 1);

		expect_refused(device, &bio, -EINVAL);
		expect_refused(device, &alone, -EINVAL);
	}
}

/* Operations, flags and lists that make no sense together are refused. */
TEST(block, malformed_bio_is_refused)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, PAGE_SIZE), 0, 512);
	const struct bio bad[] = {
		{.operation = BLOCK_READ},
		{.operation = BLOCK_READ, .pieces = &piece},
		{.operation = BLOCK_WRITE, .nr_pieces = 1},
		{.operation = BLOCK_READ, .flags = BLOCK_FUA, .pieces = &piece, .nr_pieces = 1},
		{.operation = BLOCK_WRITE, .flags = 2, .pieces = &piece, .nr_pieces = 1},
		{.operation = BLOCK_FLUSH, .pieces = &piece, .nr_pieces = 1},
		{.operation = BLOCK_FLUSH, .flags = BLOCK_FUA},
		{.operation = BLOCK_FLUSH, .sector = 1},
		{.operation = (enum block_operation)3, .pieces = &piece, .nr_pieces = 1},
	};

	times_done = 0;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bio bio = bad[i];

		bio.done = count_done;
		expect_refused(device, &bio, -EINVAL);
	}
}

/* Sectors come in whole blocks of the device, and segments start where its DMA can. */
TEST(block, misaligned_bio_is_refused)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece piece = piece_of(area, 0, 4096);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	device->block_size = 4096;
	device->dma_alignment = 4;
	require(block_device_init(device) == 0);
	bio.sector = 4;
	expect_refused(device, &bio, -EINVAL);
	bio.sector = 8;
	piece.length = 4096 + 512;
	expect_refused(device, &bio, -EINVAL);
	piece.length = 4096;
	piece.offset = 2;
	expect_refused(device, &bio, -EINVAL);
	piece.offset = 4;
	expect_eq(block_execute(device, &bio), 0);
}

/* A handle from before a split, or from before a collapse, no longer names a page. */
TEST(block, stale_handle_is_refused)
{
	struct block_device *device = create_slow();
	pfn_t good = test_take(MEMORY_DRAM, PAGE_SIZE);
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece pieces[] = {piece_of(good, 0, 512), piece_of(area, 0, 512)};
	struct bio bio = make_bio(BLOCK_READ, pieces, 2);
	struct bio alone = make_bio(BLOCK_READ, &pieces[1], 1);

	require(page_split(area) == 0);
	expect_refused(device, &bio, -ESTALE);
	expect_refused(device, &alone, -ESTALE);
	pieces[1] = piece_of(area, 0, 512);
	require(page_collapse(area) == 0);
	expect_refused(device, &bio, -ESTALE);
	expect_refused(device, &alone, -ESTALE);
	pieces[1] = piece_of(area, 0, 512);
	expect_eq(block_execute(device, &bio), 0);
}

/* A page that has all the pins it can have is refused, and those before it are unpinned. */
TEST(block, page_that_cannot_be_pinned_is_refused)
{
	struct block_device *device = create_slow();
	pfn_t good = test_take(MEMORY_DRAM, PAGE_SIZE);
	pfn_t full = test_take(MEMORY_DRAM, AREA_SIZE);
	struct bio_piece pieces[] = {piece_of(good, 0, 512), piece_of(full, 0, 512)};
	struct bio bio = make_bio(BLOCK_READ, pieces, 2);
	struct bio alone = make_bio(BLOCK_READ, &pieces[1], 1);
	struct page *pinned = NULL;

	for (uint32_t i = 0; i < PAGE_PINS_MAX; i++)
		require((pinned = page_pin(full)) != NULL);
	expect_refused(device, &bio, -EIO);
	expect_refused(device, &alone, -EIO);
	for (uint32_t i = 0; i < PAGE_PINS_MAX; i++)
		page_unpin(pinned);
}

/* A device that is read-only serves reads and flushes, and no write reaches it. */
TEST(block, read_only_device_refuses_writes)
{
	struct block_device *device = create_slow();
	struct bio_piece piece = piece_of(test_take(MEMORY_DRAM, AREA_SIZE), 0, 512);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);
	struct bio flush = {.operation = BLOCK_FLUSH};

	device->read_only = true;
	expect_refused(device, &bio, -EROFS);
	bio.operation = BLOCK_READ;
	expect_eq(block_execute(device, &bio), 0);
	expect_eq(block_execute(device, &flush), 0);
}

/* Limits that no request could keep to are refused. */
TEST(block, impossible_limits_are_refused)
{
	const struct block_device good = {.ops = create_slow()->ops,
					  .block_size = 512,
					  .dma_alignment = 4,
					  .max_segments = 1,
					  .max_bytes = 512};
	struct block_device device = good;

	expect_eq(block_device_init(&device), 0);
	device.block_size = 256;
	expect_eq(block_device_init(&device), -EINVAL);
	device.block_size = 1536;
	device.max_bytes = 1536;
	expect_eq(block_device_init(&device), -EINVAL);
	device = good;
	device.dma_alignment = 0;
	expect_eq(block_device_init(&device), -EINVAL);
	device.dma_alignment = 1024;
	expect_eq(block_device_init(&device), -EINVAL);
	device = good;
	device.max_segments = 0;
	expect_eq(block_device_init(&device), -EINVAL);
	device.max_segments = BLOCK_SEGMENTS_MAX + 1;
	expect_eq(block_device_init(&device), -EINVAL);
	device = good;
	device.max_bytes = 0;
	expect_eq(block_device_init(&device), -EINVAL);
	device.max_bytes = 768;
	expect_eq(block_device_init(&device), -EINVAL);
	device = good;
	device.max_segment_bytes = 768;
	expect_eq(block_device_init(&device), -EINVAL);
	device = good;
	device.segment_boundary = 96;
	expect_eq(block_device_init(&device), -EINVAL);
}
