/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/fake_blk.h"

#include "tests/test.h"

#include <string.h>

enum { BAR = 4 };

struct fake_blk fake_blk;

static struct pci_space space;
static struct pci_function function;
static char registers[FAKE_BLK_BAR_BYTES] __attribute__((aligned(PAGE_SIZE)));

static volatile void *map(const struct pci_function *of, unsigned index, uint64_t least,
			  uint64_t *bytes)
{
	(void)of;
	expect_eq(index, BAR);
	expect(least <= FAKE_BLK_BAR_BYTES);
	*bytes = FAKE_BLK_BAR_BYTES;
	return registers;
}

static uint8_t read_status(const volatile void *status)
{
	uint8_t written = *(const volatile uint8_t *)status;

	switch (fake_blk.fault) {
	case FAKE_BLK_SOUND:
		break;
	case FAKE_BLK_ALL_ONES:
		return 0xff;
	case FAKE_BLK_ALL_ZEROS:
		return 0;
	case FAKE_BLK_NEVER_RESET:
		return written | VIRTIO_DRIVER_OK;
	case FAKE_BLK_NO_AGREEMENT:
		return written & (uint8_t)~VIRTIO_FEATURES_OK;
	case FAKE_BLK_NEVER_STARTS:
		return written & VIRTIO_DRIVER_OK ? written | VIRTIO_NEEDS_RESET : written;
	}
	return written;
}

static const struct virtio_pci_access access = {
	.map = map, .read_status = read_status, .wait_ms = 5};

struct virtio_pci_capability *fake_blk_capability(unsigned at)
{
	return (struct virtio_pci_capability *)(fake_blk.function->config + at);
}

void fake_blk_add_capability(unsigned at, unsigned next, enum virtio_pci_type type, uint32_t offset,
			     uint32_t length)
{
	fake_function_capability(fake_blk.function, at, PCI_CAPABILITY_VENDOR, next);
	fake_blk_capability(at)->bytes = sizeof(struct virtio_pci_capability);
	fake_blk_capability(at)->type = (uint8_t)type;
	fake_blk_capability(at)->bar = BAR;
	fake_blk_capability(at)->offset = offset;
	fake_blk_capability(at)->length = length;
	fake_blk_capability(at)->notify_multiplier = 4;
}

void fake_blk_create(uint32_t features)
{
	struct pci_table table = {.functions = &function, .max = 1};

	pci_space_begin(&space);
	fake_blk.function = pci_space_add(&space, 0, 3, 0);
	fake_function_bar(fake_blk.function, BAR, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCHABLE,
			  0x8000000000, FAKE_BLK_BAR_BYTES);
	fake_blk.function->header.status |= PCI_STATUS_CAPABILITIES;
	fake_blk.function->header.capabilities = FAKE_BLK_COMMON_CAPABILITY;
	fake_blk_add_capability(FAKE_BLK_COMMON_CAPABILITY, FAKE_BLK_CONFIG_CAPABILITY,
				VIRTIO_PCI_COMMON, 0, 0x100);
	fake_blk_add_capability(FAKE_BLK_CONFIG_CAPABILITY, FAKE_BLK_NOTIFY_CAPABILITY,
				VIRTIO_PCI_DEVICE, FAKE_BLK_CONFIG_AT, 0x100);
	fake_blk_add_capability(FAKE_BLK_NOTIFY_CAPABILITY, 0, VIRTIO_PCI_NOTIFY,
				FAKE_BLK_NOTIFY_AT, 0x100);
	pci_enumerate(&space.access, &table);
	require(table.nr == 1);
	memset(registers, 0, sizeof(registers));
	fake_blk.registers = registers;
	fake_blk.common = (struct virtio_common *)registers;
	fake_blk.config = (struct virtio_blk_config *)(registers + FAKE_BLK_CONFIG_AT);
	fake_blk.common->device_feature = FAKE_BLK_VERSION_1 | features;
	fake_blk.common->queue_size = FAKE_BLK_QUEUE_SIZE;
	fake_blk.config->capacity = FAKE_BLK_CAPACITY;
	fake_blk.config->seg_max = 16;
	fake_blk.config->blk_size = 512;
	fake_blk.config->nr_queues = 1;
	fake_blk.fault = FAKE_BLK_SOUND;
	fake_blk.disk = (struct virtio_disk){.given_up = false};
	fake_blk.queue = (struct virtio_disk_queue){.index = 0};
}

int fake_blk_open(void)
{
	return virtio_disk_open(&fake_blk.disk, &function, "vdx", &access, &fake_blk.queue, 1);
}

void fake_blk_close(void)
{
	virtio_disk_close(&fake_blk.disk);
	dma_free(&fake_blk.queue.memory);
}

void fake_blk_begin(uint32_t features)
{
	fake_blk_create(features);
	require(fake_blk_open() == 0);
	virtio_device_start(&fake_blk.device, &fake_blk.queue.ring);
}
