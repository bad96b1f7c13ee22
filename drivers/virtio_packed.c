/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_packed.h"

#include <string.h>

/* The two structures of event suppression follow the descriptors: the driver's, the device's. */
static size_t events_at(unsigned size)
{
	return size * sizeof(struct virtio_packed_descriptor);
}

size_t virtio_packed_bytes(unsigned size)
{
	return events_at(size) + 2 * sizeof(struct virtio_packed_event);
}

void virtio_packed_place(struct virtio_ring *ring, void *memory)
{
	ring->packed.descriptors = memory;
	ring->packed.driver_event =
		(struct virtio_packed_event *)((char *)memory + events_at(ring->size));
}

struct virtio_ring_parts virtio_packed_parts(const struct virtio_ring *ring)
{
	phys_t events = phys_add(ring->start, events_at(ring->size));

	return (struct virtio_ring_parts){
		.descriptors = ring->start,
		.driver = events,
		.device = phys_add(events, sizeof(struct virtio_packed_event)),
	};
}

static struct virtio_packed_descriptor header_of(const struct virtio_ring *ring, unsigned slot)
{
	phys_t at = virtio_ring_slot(ring, slot);

	return (struct virtio_packed_descriptor){
		.address = phys_add(at, offsetof(struct virtio_slot, header)).addr,
		.length = sizeof(struct virtio_blk_header),
	};
}

void virtio_packed_start(struct virtio_ring *ring)
{
	memset(ring->packed.descriptors, 0, virtio_packed_bytes(ring->size));
	ring->packed.driver_event->flags = VIRTIO_PACKED_EVENT_DISABLE;
	ring->packed.next = 0;
	ring->packed.next_marks = VIRTIO_PACKED_AVAIL;
	ring->packed.taken = 0;
	ring->packed.taken_marks = VIRTIO_PACKED_MARKS;
	for (unsigned slot = 0; slot < ring->nr_slots; slot++)
		ring->slots[slot].table.packed[0] = header_of(ring, slot);
}

static void put_indirect(struct virtio_ring *ring, unsigned slot, const struct segment *segments,
			 size_t nr, bool device_writes)
{
	struct virtio_packed_descriptor *table = ring->slots[slot].table.packed;
	phys_t at = virtio_ring_slot(ring, slot);

	for (size_t i = 0; i < nr; i++) {
		table++;
		table->address = segments[i].start.addr;
		table->length = (uint32_t)segments[i].length;
		table->flags = device_writes ? VIRTIO_WRITE : 0;
	}
	table++;
	table->address = phys_add(at, offsetof(struct virtio_slot, status)).addr;
	table->length = 1;
	table->flags = VIRTIO_WRITE;
	virtio_packed_offer(ring, slot, at, nr);
}

static void put_direct(struct virtio_ring *ring, unsigned slot, const struct segment *segments,
		       size_t nr, bool device_writes)
{
	struct virtio_packed_descriptor *descriptors = ring->packed.descriptors;
	uint16_t flags = device_writes ? VIRTIO_NEXT | VIRTIO_WRITE : VIRTIO_NEXT;
	phys_t at = virtio_ring_slot(ring, slot);
	unsigned first =
		virtio_packed_fill(ring, slot, phys_add(at, offsetof(struct virtio_slot, header)),
				   sizeof(struct virtio_blk_header));
	uint16_t first_marks = virtio_packed_step(ring);
	unsigned last;

	for (size_t i = 0; i < nr; i++) {
		unsigned next =
			virtio_packed_fill(ring, slot, segments[i].start, segments[i].length);

		descriptors[next].flags = (uint16_t)(virtio_packed_step(ring) | flags);
	}
	last = virtio_packed_fill(ring, slot, phys_add(at, offsetof(struct virtio_slot, status)),
				  1);
	descriptors[last].flags = (uint16_t)(virtio_packed_step(ring) | VIRTIO_WRITE);
	virtio_packed_publish(ring, first, (uint16_t)(first_marks | VIRTIO_NEXT));
}

void virtio_packed_put(struct virtio_ring *ring, unsigned slot, const struct segment *segments,
		       size_t nr, bool device_writes)
{
	if (ring->indirect) {
		put_indirect(ring, slot, segments, nr, device_writes);
		return;
	}
	ring->packed.used_by[slot] = (uint8_t)(nr + 2);
	put_direct(ring, slot, segments, nr, device_writes);
}
