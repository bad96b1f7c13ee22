/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of virtio block devices against one whose registers are ordinary memory: it agrees to
 * whatever is written there, and says what a test puts there. Both halves of its features are one
 * register, so that they are the same.
 */
#include "drivers/virtio_disk.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/harness/pci_space.h"
#include "tests/harness/virtio_device.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum {
	BAR = 4,
	BAR_BYTES = 0x4000,
	CONFIG_AT = 0x1000,
	NOTIFY_AT = 0x2000,
	COMMON_CAPABILITY = 0x40,
	CONFIG_CAPABILITY = 0x60,
	NOTIFY_CAPABILITY = 0x80,
	QUEUE_SIZE = 32,
	CAPACITY = 1000,
};

/* As bits of either half. */
enum {
	HALF_VERSION_1 = 1 << 0,
	HALF_SIZE_MAX = 1 << 1,
	HALF_SEG_MAX_AND_PACKED = 1 << 2,
	HALF_RO = 1 << 5,
	HALF_BLK_SIZE = 1 << 6,
	HALF_FLUSH = 1 << 9,
	HALF_WCE = 1 << 11,
	HALF_MQ = 1 << 12,
	HALF_INDIRECT = 1 << 28,
};

static struct pci_space space;
static struct fake_function *fake;
static struct pci_function function;
static char registers[BAR_BYTES] __attribute__((aligned(4096)));
static struct virtio_common *const common = (struct virtio_common *)registers;
static struct virtio_blk_config *const config = (struct virtio_blk_config *)(registers + CONFIG_AT);

static struct virtio_disk disk;
static struct virtio_disk_queue queue;
static struct virtio_device device;
static struct virtio_device_request request;

static volatile void *map(const struct pci_function *of, unsigned index, uint64_t least,
			  uint64_t *bytes)
{
	(void)of;
	expect_eq(index, BAR);
	expect(least <= BAR_BYTES);
	*bytes = BAR_BYTES;
	return registers;
}

/* What is wrong with the device. */
enum fault {
	SOUND,
	ALL_ONES,
	ALL_ZEROS,
	NEVER_RESET,
	NO_AGREEMENT,
	NEVER_STARTS,
};

static enum fault fault;

static uint8_t read_status(const volatile void *status)
{
	uint8_t written = *(const volatile uint8_t *)status;

	switch (fault) {
	case SOUND:
		break;
	case ALL_ONES:
		return 0xff;
	case ALL_ZEROS:
		return 0;
	case NEVER_RESET:
		return written | VIRTIO_DRIVER_OK;
	case NO_AGREEMENT:
		return written & (uint8_t)~VIRTIO_FEATURES_OK;
	case NEVER_STARTS:
		return written & VIRTIO_DRIVER_OK ? written | VIRTIO_NEEDS_RESET : written;
	}
	return written;
}

static const struct virtio_pci_access access = {
	.map = map, .read_status = read_status, .wait_ms = 5};

static struct virtio_pci_capability *capability(unsigned at)
{
	return (struct virtio_pci_capability *)(fake->config + at);
}

static void add_capability(unsigned at, unsigned next, enum virtio_pci_type type, uint32_t offset,
			   uint32_t length)
{
	fake_function_capability(fake, at, PCI_CAPABILITY_VENDOR, next);
	capability(at)->bytes = sizeof(struct virtio_pci_capability);
	capability(at)->type = (uint8_t)type;
	capability(at)->bar = BAR;
	capability(at)->offset = offset;
	capability(at)->length = length;
	capability(at)->notify_multiplier = 4;
}

/* A device with these features, as good as new. */
static void create(uint32_t features)
{
	struct pci_table table = {.functions = &function, .max = 1};

	pci_space_begin(&space);
	fake = pci_space_add(&space, 0, 3, 0);
	fake_function_bar(fake, BAR, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCHABLE, 0x8000000000,
			  BAR_BYTES);
	fake->header.status |= PCI_STATUS_CAPABILITIES;
	fake->header.capabilities = COMMON_CAPABILITY;
	add_capability(COMMON_CAPABILITY, CONFIG_CAPABILITY, VIRTIO_PCI_COMMON, 0, 0x100);
	add_capability(CONFIG_CAPABILITY, NOTIFY_CAPABILITY, VIRTIO_PCI_DEVICE, CONFIG_AT, 0x100);
	add_capability(NOTIFY_CAPABILITY, 0, VIRTIO_PCI_NOTIFY, NOTIFY_AT, 0x100);
	pci_enumerate(&space.access, &table);
	require(table.nr == 1);
	memset(registers, 0, sizeof(registers));
	common->device_feature = HALF_VERSION_1 | features;
	common->queue_size = QUEUE_SIZE;
	config->capacity = CAPACITY;
	config->seg_max = 16;
	config->blk_size = 512;
	config->nr_queues = 1;
	fault = SOUND;
	disk = (struct virtio_disk){.given_up = false};
	queue = (struct virtio_disk_queue){.index = 0};
}

static int open_disk(void)
{
	return virtio_disk_open(&disk, &function, "vdx", &access, &queue, 1);
}

static void end(void)
{
	virtio_disk_close(&disk);
	dma_free(&queue.memory);
}

/* A disk that works, until end(). */
static void begin(uint32_t features)
{
	create(features);
	require(open_disk() == 0);
	virtio_device_start(&device, &queue.ring);
}

static void expect_refused(int error, const char *why)
{
	expect_eq(open_disk(), error);
	expect_str(disk.virtio.fault, why);
	end();
}

/* --- Where the registers are. --- */

/* What a device says of itself is in the disk. */
TEST(virtio_fake, device_becomes_a_disk)
{
	create(HALF_SIZE_MAX | HALF_SEG_MAX_AND_PACKED | HALF_RO | HALF_BLK_SIZE | HALF_FLUSH |
	       HALF_INDIRECT);
	config->capacity = CAPACITY + 7;
	config->size_max = 10000;
	config->blk_size = 4096;
	require(open_disk() == 0);
	expect_eq(disk.device.sectors, CAPACITY);
	expect_eq(disk.device.block_size, 4096);
	expect_eq(disk.device.max_segment_bytes, 8192);
	expect_eq(disk.device.max_segments, 16);
	expect(disk.device.read_only);
	expect(disk.description.caches_writes);
	expect(queue.ring.is_packed && queue.ring.indirect);
	expect(fake->header.command & PCI_COMMAND_BUS_MASTER);
	expect_eq(common->status,
		  VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
	expect_eq(common->queue_descriptors, queue.memory.start.addr);
	expect_eq(common->queue_enable, 1);
	end();
	expect(!(fake->header.command & PCI_COMMAND_BUS_MASTER));
	expect(!(common->status & VIRTIO_DRIVER_OK));
}

/* Of several places for one type of registers, the first that is of use is taken. */
TEST(virtio_fake, ports_are_passed_over)
{
	create(0);
	fake_function_bar(fake, 0, PCI_BAR_IO, 0xc000, 16);
	fake->header.capabilities = 0xa0;
	add_capability(0xa0, 0xc0, VIRTIO_PCI_NOTIFY, 0, 4);
	capability(0xa0)->bar = 0;
	add_capability(0xc0, COMMON_CAPABILITY, VIRTIO_PCI_NOTIFY, 0, 4);
	capability(0xc0)->bar = 7; /* reserved */
	require(open_disk() == 0);
	expect(disk.virtio.notify == registers + NOTIFY_AT);
	end();
}

/* Registers that are missing, too few or not within the BAR are not touched. */
TEST(virtio_fake, unusable_places)
{
	create(0);
	capability(COMMON_CAPABILITY)->type = VIRTIO_PCI_ACCESS;
	expect_refused(-ENOTSUP, "no-common-registers");
	create(0);
	capability(COMMON_CAPABILITY)->length = sizeof(struct virtio_common) - 1;
	expect_refused(-ENOTSUP, "no-common-registers");
	create(0);
	capability(COMMON_CAPABILITY)->offset = 2;
	expect_refused(-ENOTSUP, "no-common-registers");
	create(0);
	capability(CONFIG_CAPABILITY)->offset = BAR_BYTES - 0x80;
	expect_refused(-ENOTSUP, "no-device-configuration");
	create(0);
	capability(CONFIG_CAPABILITY)->offset = UINT32_MAX - 3;
	capability(CONFIG_CAPABILITY)->length = 0x100;
	expect_refused(-ENOTSUP, "no-device-configuration");
	create(0);
	capability(CONFIG_CAPABILITY)->length = 7;
	expect_refused(-EINVAL, "no-capacity");
	create(0);
	capability(NOTIFY_CAPABILITY)->length = 1;
	expect_refused(-ENOTSUP, "no-register-to-notify");
	create(0);
	common->queue_notify_offset = 0x3f;
	require(open_disk() == 0);
	end();
	create(0);
	common->queue_notify_offset = 0x40;
	expect_refused(-EINVAL, "a-queue-is-notified-outside-of-its-registers");
	create(0);
	common->queue_notify_offset = 1;
	capability(NOTIFY_CAPABILITY)->notify_multiplier = UINT32_MAX;
	expect_refused(-EINVAL, "a-queue-is-notified-outside-of-its-registers");
}

/* --- What it says of itself. --- */

static void expect_fault(enum fault what, int error, const char *why)
{
	create(0);
	fault = what;
	expect_refused(error, why);
}

/* Descriptions that no disk can have are refused, whatever they would lead to. */
TEST(virtio_fake, unusable_devices)
{
	static const uint32_t block_sizes[] = {0, 1, 256, 513, 8192, UINT32_MAX};
	static const uint16_t queue_sizes[] = {0, 1, 3, 31};

	create(0);
	common->device_feature = HALF_FLUSH;
	expect_refused(-ENOTSUP, "a-feature-is-missing");
	expect_fault(ALL_ONES, -ENODEV, "the-device-is-gone");
	expect_fault(ALL_ZEROS, -ENODEV, "the-device-is-gone");
	expect_fault(NEVER_RESET, -ETIMEDOUT, "the-reset-does-not-end");
	expect_fault(NO_AGREEMENT, -ENOTSUP, "the-features-are-refused");
	expect_fault(NEVER_STARTS, -EINVAL, "the-device-does-not-start");
	for (size_t i = 0; i < ARRAY_SIZE(block_sizes); i++) {
		create(HALF_BLK_SIZE);
		config->blk_size = block_sizes[i];
		expect_refused(-EINVAL, "a-block-size-other-than-512-to-4096");
	}
	for (size_t i = 0; i < ARRAY_SIZE(queue_sizes); i++) {
		create(0);
		common->queue_size = queue_sizes[i];
		expect_refused(-EINVAL, "a-queue-of-a-size-that-cannot-be");
	}
	create(HALF_SIZE_MAX);
	config->size_max = 511;
	expect_refused(-EINVAL, "segments-shorter-than-a-block");
	create(HALF_SEG_MAX_AND_PACKED);
	config->seg_max = 0;
	expect_refused(-EINVAL, "no-segments-or-no-queues");
	create(HALF_MQ);
	config->nr_queues = 0;
	expect_refused(-EINVAL, "no-segments-or-no-queues");
}

/* A field that is not there is not read, and what it belongs to is not agreed on. */
TEST(virtio_fake, short_configuration)
{
	create(HALF_SIZE_MAX | HALF_SEG_MAX_AND_PACKED | HALF_BLK_SIZE | HALF_WCE | HALF_MQ);
	config->size_max = 1;
	config->blk_size = 1;
	config->nr_queues = 0;
	capability(CONFIG_CAPABILITY)->length = 11;
	require(open_disk() == 0);
	expect_eq(disk.device.max_segments, 1);
	expect_eq(disk.device.block_size, SECTOR_SIZE);
	end();
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
	require(block_submit(&disk.device, &bio) == 0);
	require(virtio_device_take(&device, &request));
}

/* The device's answer, and what becomes of the bio. */
static int answer(uint8_t status, uint32_t written)
{
	*(uint8_t *)host_virt(request.parts[request.nr - 1].start) = status;
	virtio_device_return(&device, request.id, request.descriptors, written);
	while (bio.status == -EINPROGRESS)
		block_poll(&disk.device);
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
	begin(HALF_FLUSH | HALF_INDIRECT);
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
	end();
}

static void expect_no_flush(uint32_t features)
{
	begin(features); /* the configuration has no cache */
	bio = (struct bio){.operation = BLOCK_FLUSH};
	expect_eq(block_execute(&disk.device, &bio), 0);
	expect(!virtio_device_take(&device, &request));
	end();
}

/* A device that caches no writes is not asked to flush. */
TEST(virtio_fake, flush_is_for_a_cache)
{
	expect_no_flush(0);
	expect_no_flush(HALF_FLUSH | HALF_WCE);
}

static void check_answers(uint32_t features)
{
	static const uint8_t senseless[] = {3, 0x7f, VIRTIO_BLK_NO_STATUS};

	begin(features);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_IOERR, 1), -EIO);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_UNSUPPORTED, PAGE_SIZE + 1), -EOPNOTSUPP);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE - 1), -EIO); /* not all was read */
	submit(BLOCK_WRITE);
	expect_eq(answer(VIRTIO_BLK_OK, 0), 0);
	expect(queue.ring.is_packed || queue.ring.split.put == 4); /* so far no reset */
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE + 2), -EIO);
	for (size_t i = 0; i < ARRAY_SIZE(senseless); i++) {
		virtio_device_start(&device, &queue.ring); /* since it was reset */
		submit(BLOCK_READ);
		expect_eq(answer(senseless[i], PAGE_SIZE + 1), -EIO);
		expect_eq(test_look(frame).pins, 0);
	}
	virtio_device_start(&device, &queue.ring);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE + 1), 0);
	end();
}

/* What the device answers becomes an error, or a reset if no device can answer so. */
TEST(virtio_fake, answers)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	check_answers(HALF_INDIRECT);
	check_answers(0);
	check_answers(HALF_SEG_MAX_AND_PACKED | HALF_INDIRECT);
	check_answers(HALF_SEG_MAX_AND_PACKED);
}

/* --- Silence. --- */

static int wait_in_vain(void)
{
	disk.device.timeout_ms = 5;
	submit(BLOCK_READ);
	while (bio.status == -EINPROGRESS)
		block_poll(&disk.device);
	expect_eq(test_look(frame).pins, 0);
	expect_eq(queue.block.in_flight, 0);
	return bio.status;
}

/* A device that is silent is reset, and works again. */
TEST(virtio_fake, silence_ends_in_a_reset)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	begin(HALF_INDIRECT);
	expect_eq(wait_in_vain(), -ETIMEDOUT);
	expect(common->status & VIRTIO_DRIVER_OK);
	virtio_device_start(&device, &queue.ring);
	submit(BLOCK_READ);
	expect_eq(answer(VIRTIO_BLK_OK, PAGE_SIZE + 1), 0);
	end();
}

static void expect_given_up(const char *why)
{
	expect_str(disk.virtio.fault, why);
	expect(!(fake->header.command & PCI_COMMAND_BUS_MASTER));
	expect_eq(block_execute(&disk.device, &bio), -ENODEV);
	expect_eq(test_look(frame).pins, 0);
}

static void expect_lost(enum fault what, int status, const char *why)
{
	begin(HALF_INDIRECT);
	disk.device.timeout_ms = 5;
	submit(BLOCK_READ);
	fault = what;
	while (bio.status == -EINPROGRESS)
		block_poll(&disk.device);
	expect_eq(bio.status, status);
	expect_given_up(why);
	end();
}

/* One that does not come back from a reset is given up, with its bus mastering off. */
TEST(virtio_fake, device_that_is_lost)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	expect_lost(ALL_ONES, -ENODEV, "the-device-is-gone");
	expect_lost(ALL_ZEROS, -ENODEV, "the-device-is-gone");
	expect_lost(NEVER_RESET, -ENODEV, "the-reset-does-not-end");
	expect_lost(NO_AGREEMENT, -ETIMEDOUT, "the-features-are-refused");
	expect_lost(NEVER_STARTS, -ETIMEDOUT, "the-device-does-not-start");
}

/* One that is another after a reset is given up, too. */
TEST(virtio_fake, device_that_changes)
{
	frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	begin(HALF_INDIRECT);
	config->capacity = CAPACITY / 2;
	expect_eq(wait_in_vain(), -ETIMEDOUT);
	expect_given_up("it-is-another-device-after-a-reset");
	end();
	begin(HALF_INDIRECT);
	common->queue_size = QUEUE_SIZE / 2;
	expect_eq(wait_in_vain(), -ETIMEDOUT);
	expect_given_up("a-queue-became-smaller");
	end();
}

/* A device that does not answer its first request is not used. */
TEST(virtio_fake, first_request_in_vain)
{
	begin(0);
	expect_eq(virtio_disk_identify(&disk), -EINVAL);
	expect_str(disk.virtio.fault, "its-first-request-is-not-answered");
	end();
}
