/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_ring.h"

#include <errno.h>

#include "drivers/virtio_packed.h"
#include "drivers/virtio_split.h"

enum {
	SHARE_SHIFT_MIN = 2, /* header, status and two segments */
	SHARE_SHIFT_MAX = 4,
	SHARES = 8, /* that are better than longer ones */
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static uint16_t choose_share(size_t size, size_t max_segments)
{
	unsigned shift = SHARE_SHIFT_MAX;

	while (shift > SHARE_SHIFT_MIN &&
	       ((size_t)SHARES << shift > size || max_segments + 2 <= 1u << (shift - 1)))
		shift--;
	return (uint16_t)shift;
}

int virtio_ring_plan(struct virtio_ring *ring, bool packed, bool indirect, uint16_t size,
		     size_t max_segments)
{
	if (size < VIRTIO_RING_MIN || max_segments == 0 || (!packed && (size & (size - 1)) != 0))
		return -EINVAL;
	*ring = (struct virtio_ring){.is_packed = packed, .indirect = indirect};
	ring->size = (uint16_t)smaller(size, VIRTIO_RING_MAX);
	if (!indirect)
		ring->share_shift = choose_share(ring->size, max_segments);
	ring->nr_slots =
		(uint16_t)smaller((size_t)ring->size >> ring->share_shift, VIRTIO_SLOTS_MAX);
	/* 2.7.5.3.1, 2.8.8: no chain is longer than the ring, not in a table of its own either. */
	max_segments =
		smaller(max_segments, (indirect ? ring->size : 1u << ring->share_shift) - 2u);
	ring->max_segments = (uint16_t)smaller(max_segments, VIRTIO_SEGMENTS_MAX);
	return 0;
}

static size_t slots_at(const struct virtio_ring *ring)
{
	size_t bytes =
		ring->is_packed ? virtio_packed_bytes(ring->size) : virtio_split_bytes(ring->size);

	return align_up(bytes, 64);
}

size_t virtio_ring_bytes(const struct virtio_ring *ring)
{
	return align_up(slots_at(ring) + ring->nr_slots * sizeof(struct virtio_slot), PAGE_SIZE);
}

void virtio_ring_place(struct virtio_ring *ring, phys_t start, void *memory)
{
	ring->start = start;
	ring->slots_start = phys_add(start, slots_at(ring));
	ring->slots = (struct virtio_slot *)((char *)memory + slots_at(ring));
	if (ring->is_packed)
		virtio_packed_place(ring, memory);
	else
		virtio_split_place(ring, memory);
}

void virtio_ring_start(struct virtio_ring *ring)
{
	ring->free = ~0ULL >> (VIRTIO_SLOTS_MAX - ring->nr_slots);
	if (ring->is_packed)
		virtio_packed_start(ring);
	else
		virtio_split_start(ring);
}

struct virtio_ring_parts virtio_ring_parts(const struct virtio_ring *ring)
{
	return ring->is_packed ? virtio_packed_parts(ring) : virtio_split_parts(ring);
}

void virtio_ring_put(struct virtio_ring *ring, unsigned slot, const struct segment *segments,
		     size_t nr, bool device_writes)
{
	if (ring->is_packed)
		virtio_packed_put(ring, slot, segments, nr, device_writes);
	else
		virtio_split_put(ring, slot, segments, nr, device_writes);
}

int virtio_ring_take(struct virtio_ring *ring, uint32_t *written)
{
	int ready;

	if (ring->is_packed)
		return virtio_packed_take(ring, written);
	ready = virtio_split_ready(ring);
	if (ready == 0)
		return -EAGAIN;
	return ready < 0 ? ready : virtio_split_next(ring, written);
}
