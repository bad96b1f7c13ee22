/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring (Virtual I/O Device 1.2, 2.7), for drivers/virtio_ring.c. Descriptors are a table,
 * linked by their `next`; one ring says which chains are available, another which are used.
 *
 * The chain of a slot: header -> data ... -> status. Its first two descriptors are the header's and
 * the status's and never change, but for what follows the header.
 */
#pragma once

#include "drivers/virtio_ring.h"

size_t virtio_split_bytes(unsigned size);
void virtio_split_place(struct virtio_ring *, void *memory);
void virtio_split_start(struct virtio_ring *);
struct virtio_ring_parts virtio_split_parts(const struct virtio_ring *);
void virtio_split_put(struct virtio_ring *, unsigned slot, const struct segment *segments,
		      size_t nr, bool device_writes);
int virtio_split_take(struct virtio_ring *, uint32_t *written) must_check;
