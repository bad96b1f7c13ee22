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

#include <errno.h>

#define VIRTIO_PACKED_MARKS ((uint16_t)(VIRTIO_PACKED_AVAIL | VIRTIO_PACKED_USED))

size_t virtio_packed_bytes(unsigned size);
void virtio_packed_place(struct virtio_ring *, void *memory);
void virtio_packed_start(struct virtio_ring *);
struct virtio_ring_parts virtio_packed_parts(const struct virtio_ring *);
void virtio_packed_put(struct virtio_ring *, unsigned slot, const struct segment *segments,
		       size_t nr, bool device_writes);

/* --- Parts of them, and what is usual without a call. --- */

/* Fills the next descriptor of the ring, but for its flags. Returns its number. */
static inline unsigned virtio_packed_fill(struct virtio_ring *ring, unsigned slot, phys_t address,
					  size_t length)
{
	unsigned at = ring->packed.next;
	struct virtio_packed_descriptor *descriptor = &ring->packed.descriptors[at];

	descriptor->address = address.addr;
	descriptor->length = (uint32_t)length;
	descriptor->id = (uint16_t)slot;
	return at;
}

/* Goes on to the next one. Returns what makes the one that was filled available. */
static inline uint16_t virtio_packed_step(struct virtio_ring *ring)
{
	uint16_t marks = ring->packed.next_marks;

	if (unlikely(++ring->packed.next == ring->size)) {
		ring->packed.next = 0;
		ring->packed.next_marks ^= VIRTIO_PACKED_MARKS;
	}
	return marks;
}

/* The device reads all that was written before once it sees the flags of the first descriptor. */
static inline void virtio_packed_publish(struct virtio_ring *ring, unsigned first, uint16_t flags)
{
	__atomic_store_n(&ring->packed.descriptors[first].flags, flags, __ATOMIC_RELEASE);
}

/* The slot's table has this many segments between header and status. */
static inline void virtio_packed_offer(struct virtio_ring *ring, unsigned slot, phys_t at,
				       size_t segments)
{
	unsigned first =
		virtio_packed_fill(ring, slot, phys_add(at, offsetof(struct virtio_slot, table)),
				   (segments + 2) * sizeof(struct virtio_packed_descriptor));

	ring->packed.used_by[slot] = 1;
	virtio_packed_publish(ring, first, (uint16_t)(virtio_packed_step(ring) | VIRTIO_INDIRECT));
}

/* virtio_packed_put() of one segment, where slots have tables. */
static inline void virtio_packed_put_one(struct virtio_ring *ring, unsigned number,
					 struct virtio_slot *slot, const struct segment *segment,
					 bool device_writes)
{
	phys_t at = phys_add(ring->slots_start, (size_t)((char *)slot - (char *)ring->slots));
	struct virtio_packed_descriptor *table = slot->table.packed;

	table[1].address = segment->start.addr;
	table[1].length = (uint32_t)segment->length;
	table[1].flags = device_writes ? VIRTIO_WRITE : 0;
	table[2].address = phys_add(at, offsetof(struct virtio_slot, status)).addr;
	table[2].length = 1;
	table[2].flags = VIRTIO_WRITE;
	virtio_packed_offer(ring, number, at, 1);
}

/* As virtio_ring_take(). */
static inline int virtio_packed_take(struct virtio_ring *ring, uint32_t *written)
{
	const struct virtio_packed_descriptor *descriptor =
		&ring->packed.descriptors[ring->packed.taken];
	uint16_t flags = __atomic_load_n(&descriptor->flags, __ATOMIC_ACQUIRE);
	uint16_t slot;

	if ((flags & VIRTIO_PACKED_MARKS) != ring->packed.taken_marks)
		return -EAGAIN;
	slot = __atomic_load_n(&descriptor->id, __ATOMIC_RELAXED);
	*written = __atomic_load_n(&descriptor->length, __ATOMIC_RELAXED);
	if (unlikely(!virtio_ring_in_use(ring, slot)))
		return -EIO;
	ring->packed.taken = (uint16_t)(ring->packed.taken + ring->packed.used_by[slot]);
	if (unlikely(ring->packed.taken >= ring->size)) {
		ring->packed.taken = (uint16_t)(ring->packed.taken - ring->size);
		ring->packed.taken_marks ^= VIRTIO_PACKED_MARKS;
	}
	return slot;
}
