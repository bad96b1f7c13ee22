/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of virtio block devices against one that can go wrong in every way. */
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/fake_blk.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>

static struct virtio_device_request request;

static void expect_refused(int error, const char *why)
{
	expect_eq(fake_blk_open(), error);
	expect_str(fake_blk.disk.virtio.fault, why);
	fake_blk_close();
}

/* --- Where the registers are. --- */

/* What a device says of itself is in the disk. */
TEST(virtio_fake, device_becomes_a_disk)
{
	fake_blk_create(FAKE_BLK_SIZE_MAX | FAKE_BLK_SEG_MAX_AND_PACKED | FAKE_BLK_RO |
			FAKE_BLK_BLK_SIZE | FAKE_BLK_FLUSH | FAKE_BLK_INDIRECT);
	fake_blk.config->capacity = FAKE_BLK_CAPACITY + 7;
	fake_blk.config->size_max = 10000;
	fake_blk.config->blk_size = 4096;
	require(fake_blk_open() == 0);
	expect_eq(fake_blk.disk.device.sectors, FAKE_BLK_CAPACITY);
	expect_eq(fake_blk.disk.device.block_size, 4096);
	expect_eq(fake_blk.disk.device.max_segment_bytes, 8192);
	expect_eq(fake_blk.disk.device.max_segments, 16);
	expect(fake_blk.disk.device.read_only);
	expect(fake_blk.disk.description.caches_writes);
	expect(fake_blk.queue.ring.is_packed && fake_blk.queue.ring.indirect);
	expect(fake_blk.function->header.command & PCI_COMMAND_BUS_MASTER);
	expect_eq(fake_blk.common->status,
		  VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
	expect_eq(fake_blk.common->queue_descriptors, fake_blk.queue.memory.start.addr);
	expect_eq(fake_blk.common->queue_enable, 1);
	fake_blk_close();
	expect(!(fake_blk.function->header.command & PCI_COMMAND_BUS_MASTER));
	expect(!(fake_blk.common->status & VIRTIO_DRIVER_OK));
}

/* Of several places for one type of registers, the first that is of use is taken. */
TEST(virtio_fake, ports_are_passed_over)
{
	fake_blk_create(0);
	fake_function_bar(fake_blk.function, 0, PCI_BAR_IO, 0xc000, 16);
	fake_blk.function->header.capabilities = 0xa0;
	fake_blk_add_capability(0xa0, 0xc0, VIRTIO_PCI_NOTIFY, 0, 4);
	fake_blk_capability(0xa0)->bar = 0;
	fake_blk_add_capability(0xc0, FAKE_BLK_COMMON_CAPABILITY, VIRTIO_PCI_NOTIFY, 0, 4);
	fake_blk_capability(0xc0)->bar = 7; /* reserved */
	require(fake_blk_open() == 0);
	expect(fake_blk.disk.virtio.notify == fake_blk.registers + FAKE_BLK_NOTIFY_AT);
	fake_blk_close();
}

/* Registers that are missing, too few or not within the BAR are not touched. */
TEST(virtio_fake, unusable_places)
{
	fake_blk_create(0);
	fake_blk_capability(FAKE_BLK_COMMON_CAPABILITY)->type = VIRTIO_PCI_ACCESS;
	expect_refused(-ENOTSUP, "no-common-registers");
	fake_blk_create(0);
	fake_blk_capability(FAKE_BLK_COMMON_CAPABILITY)->length = sizeof(struct virtio_common) - 1;
	expect_refused(-ENOTSUP, "no-common-registers");
	fake_blk_create(0);
	fake_blk_capability(FAKE_BLK_COMMON_CAPABILITY)->offset = 2;
	expect_refused(-ENOTSUP, "no-common-registers");
	fake_blk_create(0);
	fake_blk_capability(FAKE_BLK_CONFIG_CAPABILITY)->offset = FAKE_BLK_BAR_BYTES - 0x80;
	expect_refused(-ENOTSUP, "no-device-configuration");
	fake_blk_create(0);
	fake_blk_capability(FAKE_BLK_CONFIG_CAPABILITY)->offset = UINT32_MAX - 3;
	fake_blk_capability(FAKE_BLK_CONFIG_CAPABILITY)->length = 0x100;
	expect_refused(-ENOTSUP, "no-device-configuration");
	fake_blk_create(0);
	fake_blk_capability(FAKE_BLK_CONFIG_CAPABILITY)->length = 7;
	expect_refused(-EINVAL, "no-capacity");
	fake_blk_create(0);
	fake_blk_capability(FAKE_BLK_NOTIFY_CAPABILITY)->length = 1;
	expect_refused(-ENOTSUP, "no-register-to-notify");
	fake_blk_create(0);
	fake_blk.common->queue_notify_offset = 0x3f;
	require(fake_blk_open() == 0);
	fake_blk_close();
	fake_blk_create(0);
	fake_blk.common->queue_notify_offset = 0x40;
	expect_refused(-EINVAL, "a-queue-is-notified-outside-of-its-registers");
	fake_blk_create(0);
	fake_blk.common->queue_notify_offset = 1;
	fake_blk_capability(FAKE_BLK_NOTIFY_CAPABILITY)->notify_multiplier = UINT32_MAX;
	expect_refused(-EINVAL, "a-queue-is-notified-outside-of-its-registers");
}

/* --- What it says of itself. --- */

static void expect_fault(enum fake_blk_fault what, int error, const char *why)
{
	fake_blk_create(0);
	fake_blk.fault = what;
	expect_refused(error, why);
}

/* Descriptions that no disk can have are refused, whatever they would lead to. */
TEST(virtio_fake, unusable_devices)
{
	static const uint32_t block_sizes[] = {0, 1, 256, 513, 8192, UINT32_MAX};
	static const uint16_t queue_sizes[] = {0, 1, 3, 31};

	fake_blk_create(0);
	fake_blk.common->device_feature = FAKE_BLK_FLUSH;
	expect_refused(-ENOTSUP, "a-feature-is-missing");
	expect_fault(FAKE_BLK_ALL_ONES, -ENODEV, "the-device-is-gone");
	expect_fault(FAKE_BLK_ALL_ZEROS, -ENODEV, "the-device-is-gone");
	expect_fault(FAKE_BLK_NEVER_RESET, -ETIMEDOUT, "the-reset-does-not-end");
	expect_fault(FAKE_BLK_NO_AGREEMENT, -ENOTSUP, "the-features-are-refused");
	expect_fault(FAKE_BLK_NEVER_STARTS, -EINVAL, "the-device-does-not-start");
	for (size_t i = 0; i < ARRAY_SIZE(block_sizes); i++) {
		fake_blk_create(FAKE_BLK_BLK_SIZE);
		fake_blk.config->blk_size = block_sizes[i];
		expect_refused(-EINVAL, "a-block-size-other-than-512-to-4096");
	}
	for (size_t i = 0; i < ARRAY_SIZE(queue_sizes); i++) {
		fake_blk_create(0);
		fake_blk.common->queue_size = queue_sizes[i];
		expect_refused(-EINVAL, "a-queue-of-a-size-that-cannot-be");
	}
	fake_blk_create(FAKE_BLK_SIZE_MAX);
	fake_blk.config->size_max = 511;
	expect_refused(-EINVAL, "segments-shorter-than-a-block");
	fake_blk_create(FAKE_BLK_SEG_MAX_AND_PACKED);
	fake_blk.config->seg_max = 0;
	expect_refused(-EINVAL, "no-segments-or-no-queues");
	fake_blk_create(FAKE_BLK_MQ);
	fake_blk.config->nr_queues = 0;
	expect_refused(-EINVAL, "no-segments-or-no-queues");
}

/* A field that is not there is not read, and what it belongs to is not agreed on. */
TEST(virtio_fake, short_configuration)
{
	fake_blk_create(FAKE_BLK_SIZE_MAX | FAKE_BLK_SEG_MAX_AND_PACKED | FAKE_BLK_BLK_SIZE |
			FAKE_BLK_WCE | FAKE_BLK_MQ);
	fake_blk.config->size_max = 1;
	fake_blk.config->blk_size = 1;
	fake_blk.config->nr_queues = 0;
	fake_blk_capability(FAKE_BLK_CONFIG_CAPABILITY)->length = 11;
	require(fake_blk_open() == 0);
	expect_eq(fake_blk.disk.device.max_segments, 1);
	expect_eq(fake_blk.disk.device.block_size, SECTOR_SIZE);
	fake_blk_close();
}

/* --- Requests. --- */

static struct bio bio;
static struct bio_piece piece;
static pfn_t frame;

/* Submits a bio of one page, and lets the device have it. */
static void submit(enum block_operation operation)
{
	piece = (struct bio_piece){pfn_to_page(frame), 0, PAGE_SIZE};
	bio = (struct bio){.operation = operation, .pieces = &piece, .nr_pieces = 1, .sector = 8};
	if (operation == BLOCK_FLUSH)
		bio = (struct bio){.operation = operation};
	require(block_submit(&fake_blk.disk.device, &bio) == 0);
	require(virtio_device_take(&fake_blk.device, &request));
}

/* The device's answer, and what becomes of the bio. */
static int answer(uint8_t status, uint32_t written)
{
	*(uint8_t *)host_virt(request.parts[request.nr - 1].start) = status;
	virtio_device_return(&fake_blk.device, request.id, request.descriptors, written);
	while (bio.status == -EINPROGRESS)
		block_poll(&fake_blk.disk.device);
	return bio.status;
}

static void expect_request(enum virtio_blk_type type, uint64_t sector, size_t data)
{
	const struct virtio_blk_header *header = host_virt(request.parts[0].start);

	expect_eq(header->type, type);
	expect_eq(header->sector, sector);
	expect_eq(request.nr, data + 2);
}

/* Each operation has its type, and a flush has neither data nor a sector. */
TEST(virtio_fake, operations)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	fake_blk_begin(FAKE_BLK_FLUSH | FAKE_BLK_INDIRECT);
	submit(BLOCK_READ);
	expect_request(VIRTIO_BLK_IN, 8, 1);
	expect(request.parts[1].writes);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE + 1), 0);
	submit(BLOCK_WRITE);
	expect_request(VIRTIO_BLK_OUT, 8, 1);
	expect(!request.parts[1].writes);
	expect_eq(answer(VIRTIO_BLK_OK, 1), 0);
	submit(BLOCK_FLUSH);
	expect_request(VIRTIO_BLK_TYPE_FLUSH, 0, 0);
	expect_eq(answer(VIRTIO_BLK_OK, 1), 0);
	fake_blk_close();
}

static void expect_no_flush(uint32_t features)
{
	fake_blk_begin(features); /* the configuration has no cache */
	bio = (struct bio){.operation = BLOCK_FLUSH};
	expect_eq(block_execute(&fake_blk.disk.device, &bio), 0);
	expect(!virtio_device_take(&fake_blk.device, &request));
	fake_blk_close();
}

/* A device that caches no writes is not asked to flush. */
TEST(virtio_fake, flush_is_for_a_cache)
{
	expect_no_flush(0);
	expect_no_flush(FAKE_BLK_FLUSH | FAKE_BLK_WCE);
}

static void check_answers(uint32_t features)
{
	static const uint8_t senseless[] = {3, 0x7f, VIRTIO_BLK_NO_STATUS};

	fake_blk_begin(features);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_IOERR, 1), -EIO);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_UNSUPPORTED, PAGE_SIZE + 1), -EOPNOTSUPP);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE - 1), -EIO); /* not all was read */
	submit(BLOCK_WRITE);
	expect_eq(answer(VIRTIO_BLK_OK, 0), 0);
	expect(fake_blk.queue.ring.is_packed ||
	       fake_blk.queue.ring.split.put == 4); /* so far no reset */
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE + 2), -EIO);
	for (size_t i = 0; i < ARRAY_SIZE(senseless); i++) {
		virtio_device_start(&fake_blk.device,
				    &fake_blk.queue.ring); /* since it was reset */
		submit(BLOCK_READ);
		expect_eq(answer(senseless[i], PAGE_SIZE + 1), -EIO);
		expect_eq(test_look(frame).pins, 0);
	}
	virtio_device_start(&fake_blk.device, &fake_blk.queue.ring);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE + 1), 0);
	fake_blk_close();
}

/* What the device answers becomes an error, or a reset if no device can answer so. */
TEST(virtio_fake, answers)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	check_answers(FAKE_BLK_INDIRECT);
	check_answers(0);
	check_answers(FAKE_BLK_SEG_MAX_AND_PACKED | FAKE_BLK_INDIRECT);
	check_answers(FAKE_BLK_SEG_MAX_AND_PACKED);
}

/* --- Silence. --- */

static int wait_in_vain(void)
{
	fake_blk.disk.device.timeout_ms = 5;
	submit(BLOCK_READ);
	while (bio.status == -EINPROGRESS)
		block_poll(&fake_blk.disk.device);
	expect_eq(test_look(frame).pins, 0);
	expect_eq(fake_blk.queue.block.in_flight, 0);
	return bio.status;
}

/* A device that is silent is reset, and works again. */
TEST(virtio_fake, silence_ends_in_a_reset)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	fake_blk_begin(FAKE_BLK_INDIRECT);
	expect_eq(wait_in_vain(), -ETIMEDOUT);
	expect(fake_blk.common->status & VIRTIO_DRIVER_OK);
	virtio_device_start(&fake_blk.device, &fake_blk.queue.ring);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE + 1), 0);
	fake_blk_close();
}

static void expect_given_up(const char *why)
{
	expect_str(fake_blk.disk.virtio.fault, why);
	expect(!(fake_blk.function->header.command & PCI_COMMAND_BUS_MASTER));
	expect_eq(block_execute(&fake_blk.disk.device, &bio), -ENODEV);
	expect_eq(test_look(frame).pins, 0);
}

static void expect_lost(enum fake_blk_fault what, int status, const char *why)
{
	fake_blk_begin(FAKE_BLK_INDIRECT);
	fake_blk.disk.device.timeout_ms = 5;
	submit(BLOCK_READ);
	fake_blk.fault = what;
	while (bio.status == -EINPROGRESS)
		block_poll(&fake_blk.disk.device);
	expect_eq(bio.status, status);
	expect_given_up(why);
	fake_blk_close();
}

/* One that does not come back from a reset is given up, with its bus mastering off. */
TEST(virtio_fake, device_that_is_lost)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	expect_lost(FAKE_BLK_ALL_ONES, -ENODEV, "the-device-is-gone");
	expect_lost(FAKE_BLK_ALL_ZEROS, -ENODEV, "the-device-is-gone");
	expect_lost(FAKE_BLK_NEVER_RESET, -ENODEV, "the-reset-does-not-end");
	expect_lost(FAKE_BLK_NO_AGREEMENT, -ETIMEDOUT, "the-features-are-refused");
	expect_lost(FAKE_BLK_NEVER_STARTS, -ETIMEDOUT, "the-device-does-not-start");
}

/* One that is another after a reset is given up, too. */
TEST(virtio_fake, device_that_changes)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	fake_blk_begin(FAKE_BLK_INDIRECT);
	fake_blk.config->capacity = FAKE_BLK_CAPACITY / 2;
	expect_eq(wait_in_vain(), -ETIMEDOUT);
	expect_given_up("it-is-another-device-after-a-reset");
	fake_blk_close();
	fake_blk_begin(FAKE_BLK_INDIRECT);
	fake_blk.common->queue_size = FAKE_BLK_QUEUE_SIZE / 2;
	expect_eq(wait_in_vain(), -ETIMEDOUT);
	expect_given_up("a-queue-became-smaller");
	fake_blk_close();
}

/* A device that does not answer its first request is not used. */
TEST(virtio_fake, first_request_in_vain)
{
	fake_blk_begin(0);
	expect_eq(virtio_disk_identify(&fake_blk.disk), -EINVAL);
	expect_str(fake_blk.disk.virtio.fault, "its-first-request-is-not-answered");
	fake_blk_close();
}
