/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device on PCI (Virtual I/O Device 1.2, 3.1 and 4.1): its registers, the agreement on
 * features, its queues. Modern devices only, and transitional ones by their modern registers.
 *
 *	virtio_pci_open()            where the registers are
 *	virtio_pci_negotiate()       reset, features
 *	virtio_pci_start_queue() ... each with a ring that was just started
 *	virtio_pci_run()             it works
 *	virtio_pci_reset()           it does nothing any more, and has forgotten its queues
 *
 * What fails returns a negative errno, with the reason in `fault`: -ENODEV the device is gone,
 * -ETIMEDOUT it does not answer, -EINVAL what it says makes no sense, -ENOTSUP it cannot do what
 * is needed. One CPU at a time.
 */
#pragma once

#include "drivers/pci.h"
#include "drivers/virtio_ring.h"
#include "mm/compiler.h"

/* How registers are reached. Hosted tests have a device of their own. */
struct virtio_pci_access {
	/* Those behind a base address: pci_map(). */
	volatile void *(*map)(const struct pci_function *, unsigned index, uint64_t least,
			      uint64_t *bytes);
	uint8_t (*read_status)(const volatile void *); /* mmio_read8() */
	unsigned wait_ms;                              /* at most, for an answer */
};

struct virtio_pci {
	const struct virtio_pci_access *access;
	const struct pci_function *function;
	volatile struct virtio_common *common;
	volatile char *config; /* of this type of device */
	uint32_t config_bytes;
	volatile char *notify;
	uint32_t notify_bytes;
	uint32_t notify_multiplier;
	uint64_t features; /* those agreed on */
	const char *fault; /* in words of a line of the report */
};

/* The device is not touched, but for sizing its base addresses. */
int virtio_pci_open(struct virtio_pci *, const struct pci_function *,
		    const struct virtio_pci_access *) must_check;

/*
 * Ends whatever the device does: when this returned 0 it touches no memory until it is started
 * again.
 */
int virtio_pci_reset(struct virtio_pci *) must_check;

/* Resets, and agrees on those of the `wanted` features that the device has. All `needed` it must.
 */
int virtio_pci_negotiate(struct virtio_pci *, uint64_t wanted, uint64_t needed) must_check;

/* Whether somebody who began to wait at `start`, in nanoseconds, has waited long enough. */
bool virtio_pci_is_late(const struct virtio_pci *, uint64_t start);

static inline bool virtio_pci_has(const struct virtio_pci *virtio, uint64_t feature)
{
	return virtio->features & feature;
}

/* Changes whenever the configuration does. */
uint8_t virtio_pci_generation(const struct virtio_pci *);

/* The most descriptors that queue `index` can have; 0: there is no such queue. */
uint16_t virtio_pci_queue_size(const struct virtio_pci *, uint16_t index);

/* Where queue `index`, with this ring, is notified by writing its number. */
int virtio_pci_start_queue(struct virtio_pci *, uint16_t index, const struct virtio_ring *,
			   volatile uint16_t **notify) must_check;

int virtio_pci_run(struct virtio_pci *) must_check;
