/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio disks of the machine that a test runs on. */
#pragma once

#include "drivers/virtio_disk.h"

/*
 * Those that should work have any serial number; of the others it says what they do: "bad-read".
 * All skip the test when the machine has no such device.
 */
void with_each_virtio(void (*body)(struct virtio_disk *));

/* ... of them that may be written. Skips the test when there is none. */
void with_each_writable_virtio(void (*body)(struct virtio_disk *));

/* The disk with this serial number. Skips the test when there is none. */
struct virtio_disk *virtio_with_serial(const char *serial);

/* One bio over one piece of memory. Returns its status. */
int virtio_transfer(struct virtio_disk *, enum block_operation, uint64_t sector, pfn_t frame,
		    size_t bytes) must_check;
