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

#include <errno.h>

/* Places in a slot's chain. */
enum { VIRTIO_SPLIT_HEADER, VIRTIO_SPLIT_STATUS, VIRTIO_SPLIT_DATA };

size_t virtio_split_bytes(unsigned size);
void virtio_split_place(struct virtio_ring *, void *memory);
void virtio_split_start(struct virtio_ring *);
struct virtio_ring_parts virtio_split_parts(const struct virtio_ring *);
void virtio_split_put(struct virtio_ring *, unsigned slot, const struct segment *segments,
		      size_t nr, bool device_writes);

/* The device has the chain that begins with this descriptor. */
static inline void virtio_split_offer(struct virtio_ring *ring, unsigned first)
{
	struct virtio_available *available = ring->split.available;

	available->ring[ring->split.put & ring->split.mask] = (uint16_t)first;
	/* It reads all that was written before once it sees the index. */
	__atomic_store_n(&available->index, (uint16_t)++ring->split.put, __ATOMIC_RELEASE);
}

/* virtio_split_put() of one segment, where slots have tables. */
static inline void virtio_split_put_one(struct virtio_ring *ring, unsigned number,
					struct virtio_slot *slot, const struct segment *segment,
					bool device_writes)
{
	struct virtio_split_descriptor *chain = slot->table.split;

	chain[VIRTIO_SPLIT_HEADER].next = VIRTIO_SPLIT_DATA;
	chain[VIRTIO_SPLIT_DATA].address = segment->start.addr;
	chain[VIRTIO_SPLIT_DATA].length = (uint32_t)segment->length;
	chain[VIRTIO_SPLIT_DATA].link =
		VIRTIO_SPLIT_STATUS << 16 | VIRTIO_NEXT | (device_writes ? VIRTIO_WRITE : 0);
	virtio_split_offer(ring, number);
}

/* How many slots the device is done with. -EIO: more than it had. */
static inline int virtio_split_ready(const struct virtio_ring *ring)
{
	unsigned taken = ring->split.taken;
	uint16_t ready = (uint16_t)(__atomic_load_n(&ring->split.used->index, __ATOMIC_ACQUIRE) -
				    (uint16_t)taken);

	return likely(ready <= ring->split.put - taken) ? ready : -EIO;
}

/* The next of them, as virtio_ring_take(). */
static inline int virtio_split_next(struct virtio_ring *ring, uint32_t *written)
{
	const struct virtio_used_element *element =
		&ring->split.used->ring[ring->split.taken & ring->split.mask];
	uint32_t id = __atomic_load_n(&element->id, __ATOMIC_RELAXED);
	unsigned slot = id;

	if (unlikely(!ring->indirect)) {
		slot = id >> ring->share_shift;
		if (slot << ring->share_shift != id)
			return -EIO;
	}
	if (unlikely(!virtio_ring_in_use(ring, slot)))
		return -EIO;
	*written = __atomic_load_n(&element->written, __ATOMIC_RELAXED);
	ring->split.taken++;
	return (int)slot;
}
