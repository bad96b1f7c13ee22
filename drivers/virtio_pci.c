/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_pci.h"

#include <errno.h>

#include "drivers/pci_regs.h"
#include "kernel/mmio.h"
#include "mm/host.h"

/* What every register of a device that went away reads as. */
enum { ALL_ONES = 0xff };

static int failed(struct virtio_pci *virtio, int error, const char *fault)
{
	virtio->fault = fault;
	return error;
}

/* --- Where the registers are. --- */

struct place {
	uint8_t bar;
	uint32_t offset, length;
	uint32_t notify_multiplier;
};

static struct place read_place(const struct pci_function *function, unsigned at)
{
	struct place place = {
		.bar = pci_read8(function, at + offsetof(struct virtio_pci_capability, bar)),
		.offset = pci_read32(function, at + offsetof(struct virtio_pci_capability, offset)),
		.length = pci_read32(function, at + offsetof(struct virtio_pci_capability, length)),
	};

	if (pci_read8(function, at + offsetof(struct virtio_pci_capability, type)) ==
	    VIRTIO_PCI_NOTIFY)
		place.notify_multiplier = pci_read32(
			function, at + offsetof(struct virtio_pci_capability, notify_multiplier));
	return place;
}

/* Memory that the function has, and enough of it. */
static bool is_usable(const struct pci_function *function, const struct place *place,
		      uint32_t least)
{
	struct pci_bar bar;

	return place->length >= least && place->offset % 4 == 0 &&
	       pci_bar(function, place->bar, &bar) == 0 && !bar.io &&
	       (uint64_t)place->offset + place->length <= bar.bytes;
}

/* 4.1.4: of several of one type, the first that is of use; of another kind of BAR, for example. */
static bool find(const struct pci_function *function, enum virtio_pci_type type, uint32_t least,
		 struct place *place)
{
	unsigned at = 0;

	while ((at = pci_capability(function, PCI_CAPABILITY_VENDOR, at)) != 0) {
		if (pci_read8(function, at + offsetof(struct virtio_pci_capability, type)) != type)
			continue;
		*place = read_place(function, at);
		if (is_usable(function, place, least))
			return true;
	}
	return false;
}

/* Registers of several types usually share a BAR, which is then mapped once. */
static volatile char *map_place(const struct virtio_pci *virtio, volatile char **bars,
				const struct place *place)
{
	volatile char **bar = &bars[place->bar];
	uint64_t bytes;

	if (!*bar)
		*bar = virtio->access->map(virtio->function, place->bar,
					   (uint64_t)place->offset + place->length, &bytes);
	return *bar ? *bar + place->offset : NULL;
}

int virtio_pci_open(struct virtio_pci *virtio, const struct pci_function *function,
		    const struct virtio_pci_access *access)
{
	volatile char *bars[VIRTIO_BARS] = {NULL};
	struct place common, config, notify;

	*virtio = (struct virtio_pci){.access = access, .function = function};
	if (!find(function, VIRTIO_PCI_COMMON, sizeof(struct virtio_common), &common))
		return failed(virtio, -ENOTSUP, "no-common-registers");
	if (!find(function, VIRTIO_PCI_DEVICE, 1, &config))
		return failed(virtio, -ENOTSUP, "no-device-configuration");
	if (!find(function, VIRTIO_PCI_NOTIFY, sizeof(uint16_t), &notify))
		return failed(virtio, -ENOTSUP, "no-register-to-notify");
	virtio->common = (volatile struct virtio_common *)map_place(virtio, bars, &common);
	virtio->config = map_place(virtio, bars, &config);
	virtio->config_bytes = config.length;
	virtio->notify = map_place(virtio, bars, &notify);
	virtio->notify_bytes = notify.length;
	virtio->notify_multiplier = notify.notify_multiplier;
	if (!virtio->common || !virtio->config || !virtio->notify)
		return failed(virtio, -ENOTSUP, "registers-cannot-be-mapped");
	return 0;
}

/* --- Status and features. --- */

static uint8_t read_status(const struct virtio_pci *virtio)
{
	return virtio->access->read_status(&virtio->common->status);
}

/* Status bits are added, one step after another. */
static void add_status(const struct virtio_pci *virtio, uint8_t bit)
{
	mmio_write8(&virtio->common->status, read_status(virtio) | bit);
}

bool virtio_pci_is_late(const struct virtio_pci *virtio, uint64_t start)
{
	return host_nanoseconds() - start > virtio->access->wait_ms * 1000000ull;
}

static int gone(struct virtio_pci *virtio)
{
	return failed(virtio, -ENODEV, "the-device-is-gone");
}

/*
 * 2.4, 4.1.4.3.2: a device is reset when its status reads 0, and not before. Where there is no
 * device any more everything may read 0: one that remembers what is written is there.
 */
int virtio_pci_reset(struct virtio_pci *virtio)
{
	uint64_t start = host_nanoseconds();
	uint8_t status;

	mmio_write8(&virtio->common->status, 0);
	while ((status = read_status(virtio)) != 0) {
		if (status == ALL_ONES)
			return gone(virtio);
		if (virtio_pci_is_late(virtio, start))
			return failed(virtio, -ETIMEDOUT, "the-reset-does-not-end");
	}
	add_status(virtio, VIRTIO_ACKNOWLEDGE);
	return read_status(virtio) == VIRTIO_ACKNOWLEDGE ? 0 : gone(virtio);
}

static uint64_t read_features(const struct virtio_pci *virtio)
{
	uint64_t features = 0;

	for (uint32_t half = 0; half < 2; half++) {
		mmio_write32(&virtio->common->device_feature_select, half);
		features |= (uint64_t)mmio_read32(&virtio->common->device_feature) << 32 * half;
	}
	return features;
}

static void write_features(const struct virtio_pci *virtio, uint64_t features)
{
	for (uint32_t half = 0; half < 2; half++) {
		mmio_write32(&virtio->common->driver_feature_select, half);
		mmio_write32(&virtio->common->driver_feature, (uint32_t)(features >> 32 * half));
	}
}

int virtio_pci_negotiate(struct virtio_pci *virtio, uint64_t wanted, uint64_t needed)
{
	int error = virtio_pci_reset(virtio);
	uint8_t status;

	if (error)
		return error;
	add_status(virtio, VIRTIO_DRIVER);
	virtio->features = read_features(virtio) & (wanted | needed);
	if ((virtio->features & needed) != needed)
		return failed(virtio, -ENOTSUP, "a-feature-is-missing");
	write_features(virtio, virtio->features);
	add_status(virtio, VIRTIO_FEATURES_OK);
	status = read_status(virtio);
	if (status == ALL_ONES)
		return gone(virtio);
	if (!(status & VIRTIO_FEATURES_OK))
		return failed(virtio, -ENOTSUP, "the-features-are-refused");
	return 0;
}

int virtio_pci_run(struct virtio_pci *virtio)
{
	uint8_t status;

	add_status(virtio, VIRTIO_DRIVER_OK);
	status = read_status(virtio);
	if (status == ALL_ONES)
		return gone(virtio);
	if (status & (VIRTIO_NEEDS_RESET | VIRTIO_FAILED))
		return failed(virtio, -EINVAL, "the-device-does-not-start");
	return 0;
}

uint8_t virtio_pci_generation(const struct virtio_pci *virtio)
{
	return mmio_read8(&virtio->common->config_generation);
}

/* --- Queues. --- */

uint16_t virtio_pci_queue_size(const struct virtio_pci *virtio, uint16_t index)
{
	mmio_write16(&virtio->common->queue_select, index);
	return mmio_read16(&virtio->common->queue_size);
}

static void write_address(volatile uint64_t *at, phys_t address)
{
	volatile uint32_t *halves = (volatile uint32_t *)at;

	mmio_write32(&halves[0], (uint32_t)address.addr);
	mmio_write32(&halves[1], (uint32_t)(address.addr >> 32));
}

int virtio_pci_start_queue(struct virtio_pci *virtio, uint16_t index,
			   const struct virtio_ring *ring, volatile uint16_t **notify)
{
	volatile struct virtio_common *common = virtio->common;
	struct virtio_ring_parts parts = virtio_ring_parts(ring);
	uint64_t at;

	if (virtio_pci_queue_size(virtio, index) < ring->size)
		return failed(virtio, -EINVAL, "a-queue-became-smaller");
	at = (uint64_t)mmio_read16(&common->queue_notify_offset) * virtio->notify_multiplier;
	if (at + sizeof(uint16_t) > virtio->notify_bytes || at % sizeof(uint16_t) != 0)
		return failed(virtio, -EINVAL, "a-queue-is-notified-outside-of-its-registers");
	*notify = (volatile uint16_t *)(virtio->notify + at);
	mmio_write16(&common->queue_size, ring->size);
	write_address(&common->queue_descriptors, parts.descriptors);
	write_address(&common->queue_driver, parts.driver);
	write_address(&common->queue_device, parts.device);
	mmio_write16(&common->queue_enable, 1);
	return 0;
}
