/* SPDX-License-Identifier: BSD-2-Clause */
/* Bios over memory that their submitter holds: what is checked, and that nothing is pinned. */
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static struct segment at(pfn_t frame, size_t offset, size_t length)
{
	return (struct segment){phys_add(pfn_to_phys(frame), offset), length};
}

static struct bio bio_over(enum block_operation operation, const struct segment *segments,
			   size_t nr)
{
	struct bio bio = make_bio(operation, NULL, 0);

	bio.segments = segments;
	bio.nr_segments = nr;
	return bio;
}

static int try(struct block_device *device, enum block_operation operation, struct segment segment)
{
	struct bio bio = bio_over(operation, &segment, 1);

	return block_execute(device, &bio);
}

/* What is written from segments is read back into others, in their order, with one done() each. */
TEST(block_segments, data_goes_where_they_say)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	const struct segment from[] = {at(area, 0x5200, 1024), at(area, 0x1000, 0x1e00)};
	const struct segment to[] = {at(area, 0x20000, 0x2000), at(area, 0x30000, 512)};
	unsigned char *memory = test_virt(area, 0);
	struct bio write = bio_over(BLOCK_WRITE, from, ARRAY_SIZE(from)), read;

	memset(memory, 0xa5, AREA_SIZE);
	for (size_t i = 0; i < 1024 + 0x1e00; i++)
		memory[i < 1024 ? 0x5200 + i : 0x1000 + i - 1024] = (unsigned char)test_random();
	write.sector = 7;
	require(block_execute(device, &write) == 0);
	expect_eq(times_done, 1);
	read = bio_over(BLOCK_READ, to, ARRAY_SIZE(to));
	read.sector = 7;
	require(block_execute(device, &read) == 0);
	expect(memcmp(memory + 0x20000, memory + 0x5200, 1024) == 0);
	expect(memcmp(memory + 0x20400, memory + 0x1000, 0x1c00) == 0);
	expect(memcmp(memory + 0x30000, memory + 0x2c00, 512) == 0);
	expect_eq(memory[0x22000], 0xa5);
	expect_eq(memory[0x30200], 0xa5);
}

/* The memory is the submitter's affair: nothing of it is pinned, and nothing noted. */
TEST(block_segments, nothing_is_pinned)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct segment segment = at(area, 0, AREA_SIZE);
	struct bio bio = bio_over(BLOCK_READ, &segment, 1);
	bool dirty = test_look(area).dirty;

	require(block_submit(device, &bio) == 0);
	expect_eq(test_look(area).pins, 0);
	expect_eq(slow.seen[0].nr_segments, 1);
	expect_eq(block_poll(device), 1);
	expect_eq(bio.status, 0);
	expect_eq(test_look(area).pins, 0);
	expect_eq(test_look(area).dirty, dirty);
}

/* Segments are cut to the device's limits, and keep their order. */
TEST(block_segments, requests_keep_to_limits)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	const struct segment segments[] = {at(area, 0, 10240), at(area, 65536, 1024)};
	struct bio bio = bio_over(BLOCK_WRITE, segments, ARRAY_SIZE(segments));

	device->max_bytes = 4096;
	require(block_device_init(device) == 0);
	require(block_execute(device, &bio) == 0);
	require(slow.nr_seen == 3);
	for (size_t i = 0; i < 3; i++) {
		expect_eq(slow.seen[i].sector, 8 * i);
		expect_eq(slow.seen[i].bytes, i < 2 ? 4096 : 3072);
		expect_eq(slow.seen[i].nr_segments, i < 2 ? 1 : 2);
		expect_eq(slow.seen[i].segments[0].start.addr, pfn_to_phys(area).addr + 4096 * i);
	}
	expect_eq(slow.seen[2].segments[1].start.addr, pfn_to_phys(area).addr + 65536);
}

/* What pieces are refused for, segments are refused for: the device sees nothing of it. */
TEST(block_segments, mistakes_are_refused)
{
	struct block_device *device = create_slow();
	pfn_t area = test_take(MEMORY_DRAM, AREA_SIZE);
	struct segment good = at(area, 0, 4096);
	struct bio nowhere = bio_over(BLOCK_READ, NULL, 1), far = bio_over(BLOCK_READ, &good, 1);
	struct bio flush = bio_over(BLOCK_FLUSH, &good, 1);

	expect_eq(try(device, BLOCK_READ, at(area, 0, 0)), -EINVAL);
	expect_eq(try(device, BLOCK_READ, at(area, 0, 511)), -EINVAL);
	expect_eq(block_submit(device, &nowhere), -EINVAL);
	expect_eq(block_submit(device, &flush), -EINVAL);
	far.sector = device->sectors - 7;
	expect_eq(block_submit(device, &far), -ERANGE);
	device->dma_alignment = 4;
	require(block_device_init(device) == 0);
	expect_eq(try(device, BLOCK_READ, at(area, 2, 512)), -EINVAL);
	device->read_only = true;
	expect_eq(try(device, BLOCK_WRITE, good), -EROFS);
	expect_eq(slow.nr_seen, 0);
}

/* No device is led to memory that no region has, wherever of the segment that lies. */
TEST(block_segments, memory_of_nobody_is_refused)
{
	struct block_device *device = create_slow();
	const struct region *region = next_region(NULL, MEMORY_DRAM), *after;
	phys_t end;

	while ((after = next_region(region, MEMORY_DRAM)) != NULL)
		region = after;
	end = pfn_to_phys(region->end);
	if (pfn_to_region(region->end))
		skip("memory of another kind follows DRAM");
	expect_eq(try(device, BLOCK_WRITE, (struct segment){end, 512}), -EFAULT);
	expect_eq(try(device, BLOCK_WRITE, (struct segment){phys(end.addr - 512), 1024}), -EFAULT);
	expect_eq(try(device, BLOCK_READ, (struct segment){phys(UINT64_MAX - 511), 1024}), -EFAULT);
	expect_eq(try(device, BLOCK_WRITE, (struct segment){phys(0), UINT64_MAX - 511}), -EFAULT);
	expect_eq(slow.nr_seen, 0);
	expect_eq(try(device, BLOCK_WRITE, (struct segment){phys(end.addr - 512), 512}), 0);
}

/* A device does not read into persistent memory that may not be written, and may write from it. */
TEST(block_segments, protected_memory_is_not_written)
{
	struct block_device *device = create_slow();
	const struct region *region = first_protected();

	expect_eq(try(device, BLOCK_READ, at(region->start, 0, 512)), -EACCES);
	expect_eq(try(device, BLOCK_READ, at(pfn(region->end.n - 1), 0, PAGE_SIZE)), -EACCES);
	expect_eq(slow.nr_seen, 0);
	expect_eq(try(device, BLOCK_WRITE, at(region->start, 0, 512)), 0);
}
