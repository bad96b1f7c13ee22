/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed ring (Virtual I/O Device 1.2, 2.8), for drivers/virtio_ring.c. Descriptors are filled
 * one after the other, around and around. Two bits of each say who has it: the driver writes the
 * number of its turn, 1 or 0, into one and the opposite into the other, and the device makes both
 * the number of its own turn. A used descriptor takes the place of the first of as many as the
 * request had, whichever request comes back there.
 */
#pragma once

#include "drivers/virtio_ring.h"

size_t virtio_packed_bytes(unsigned size);
void virtio_packed_place(struct virtio_ring *, void *memory);
void virtio_packed_start(struct virtio_ring *);
struct virtio_ring_parts virtio_packed_parts(const struct virtio_ring *);
void virtio_packed_put(struct virtio_ring *, unsigned slot, const struct segment *segments,
		       size_t nr, bool device_writes);
int virtio_packed_take(struct virtio_ring *, uint32_t *written) must_check;
