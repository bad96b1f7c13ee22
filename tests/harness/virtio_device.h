/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a virtio ring, in memory: takes requests as a device would, with nothing but
 * the addresses that it was told, and returns them in any order. What it is given must keep to the
 * specification, or the test fails.
 */
#pragma once

#include "drivers/virtio_ring.h"

enum { VIRTIO_DEVICE_PARTS_MAX = VIRTIO_SEGMENTS_MAX + 2 };

struct virtio_device {
	bool packed;
	unsigned size;
	struct virtio_ring_parts at;
	unsigned taken, returned; /* split: how many; packed: places in the ring */
	bool taken_turn, returned_turn;
};

struct virtio_device_part {
	phys_t start;
	uint32_t length;
	bool writes; /* the device does */
};

/* A request as the device sees it. */
struct virtio_device_request {
	unsigned id;
	unsigned descriptors; /* of the ring */
	size_t nr;
	struct virtio_device_part parts[VIRTIO_DEVICE_PARTS_MAX];
};

/* A device that was reset, and told of the ring. */
void virtio_device_start(struct virtio_device *, const struct virtio_ring *);

/* The next request that is available. False: there is none. */
bool virtio_device_take(struct virtio_device *, struct virtio_device_request *) must_check;

/* Returns a request: any id, even one that makes no sense. */
void virtio_device_return(struct virtio_device *, unsigned id, unsigned descriptors,
			  uint32_t written);
