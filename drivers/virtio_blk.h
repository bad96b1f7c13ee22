/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of virtio block devices (Virtual I/O Device 1.2, 5.2) on PCI: "vda", "vdb", ...
 *
 *	virtio_blk.c         the devices of this machine
 *	virtio_disk.c        one of them, as a block device
 *	virtio_blk_config.c  what it says of itself
 *	virtio_pci.c         registers, features, queues
 *	virtio_ring.c        slots of requests, on either ring: virtio_split.c, virtio_packed.c
 *
 * One queue for each CPU, as far as the device has so many.
 */
#pragma once

#include "drivers/devices.h"

extern const struct pci_driver virtio_blk_driver;
