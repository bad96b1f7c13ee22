/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_split.h"

#include <string.h>

static size_t available_at(unsigned size)
{
	return size * sizeof(struct virtio_split_descriptor);
}

static size_t used_at(unsigned size)
{
	size_t end = available_at(size) + sizeof(struct virtio_available) +
		     size * sizeof(uint16_t) + VIRTIO_RING_EVENT_BYTES;

	return align_up(end, sizeof(struct virtio_used_element));
}

size_t virtio_split_bytes(unsigned size)
{
	return used_at(size) + sizeof(struct virtio_used) +
	       size * sizeof(struct virtio_used_element) + VIRTIO_RING_EVENT_BYTES;
}

void virtio_split_place(struct virtio_ring *ring, void *memory)
{
	char *bytes = memory;

	ring->split.mask = ring->size - 1u;
	ring->split.descriptors = memory;
	ring->split.available = (struct virtio_available *)(bytes + available_at(ring->size));
	ring->split.used = (struct virtio_used *)(bytes + used_at(ring->size));
}

struct virtio_ring_parts virtio_split_parts(const struct virtio_ring *ring)
{
	return (struct virtio_ring_parts){
		.descriptors = ring->start,
		.driver = phys_add(ring->start, available_at(ring->size)),
		.device = phys_add(ring->start, used_at(ring->size)),
	};
}

/* The descriptors of a slot's chain, and the number of the first of them where they are. */
static inline struct virtio_split_descriptor *chain_of(const struct virtio_ring *ring,
						       unsigned slot, unsigned *first)
{
	if (ring->indirect) {
		*first = 0;
		return ring->slots[slot].table.split;
	}
	*first = slot << ring->share_shift;
	return ring->split.descriptors + *first;
}

static void start_slot(struct virtio_ring *ring, unsigned slot)
{
	phys_t at = virtio_ring_slot(ring, slot);
	unsigned first;
	struct virtio_split_descriptor *chain = chain_of(ring, slot, &first);

	if (ring->indirect)
		ring->split.descriptors[slot] = (struct virtio_split_descriptor){
			.address = phys_add(at, offsetof(struct virtio_slot, table)).addr,
			.length =
				(uint32_t)(ring->max_segments + VIRTIO_SPLIT_DATA) * sizeof(*chain),
			.flags = VIRTIO_INDIRECT,
		};
	chain[VIRTIO_SPLIT_HEADER] = (struct virtio_split_descriptor){
		.address = phys_add(at, offsetof(struct virtio_slot, header)).addr,
		.length = sizeof(struct virtio_blk_header),
		.flags = VIRTIO_NEXT,
	};
	chain[VIRTIO_SPLIT_STATUS] = (struct virtio_split_descriptor){
		.address = phys_add(at, offsetof(struct virtio_slot, status)).addr,
		.length = 1,
		.flags = VIRTIO_WRITE,
	};
}

void virtio_split_start(struct virtio_ring *ring)
{
	memset(ring->split.descriptors, 0, virtio_split_bytes(ring->size));
	ring->split.available->flags = VIRTIO_AVAILABLE_NO_INTERRUPT;
	ring->split.put = 0;
	ring->split.taken = 0;
	for (unsigned slot = 0; slot < ring->nr_slots; slot++)
		start_slot(ring, slot);
}

void virtio_split_put(struct virtio_ring *ring, unsigned slot, const struct segment *segments,
		      size_t nr, bool device_writes)
{
	uint16_t flags = device_writes ? VIRTIO_NEXT | VIRTIO_WRITE : VIRTIO_NEXT;
	unsigned first;
	struct virtio_split_descriptor *chain = chain_of(ring, slot, &first);
	unsigned last = VIRTIO_SPLIT_HEADER;

	for (size_t i = 0; i < nr; i++) {
		unsigned at = VIRTIO_SPLIT_DATA + (unsigned)i;

		chain[last].next = (uint16_t)(first + at);
		chain[at].address = segments[i].start.addr;
		chain[at].length = (uint32_t)segments[i].length;
		chain[at].flags = flags;
		last = at;
	}
	chain[last].next = (uint16_t)(first + VIRTIO_SPLIT_STATUS);
	virtio_split_offer(ring, slot << ring->share_shift);
}
