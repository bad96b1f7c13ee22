/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rings by which a virtio block device gets requests and returns them, split or packed, as the
 * two sides agreed. A request is a slot: the header that the device reads, the data that it reads
 * or writes, and the status that it writes, in this order.
 *
 *	slot = virtio_ring_claim(ring)          -1: all slots are in use
 *	fill its header
 *	virtio_ring_put(ring, slot, ...)        the device has it; then notify the device
 *	...
 *	slot = virtio_ring_take(ring, &written) the device is done with it
 *	read its status
 *	virtio_ring_release(ring, slot)
 *
 * With indirect descriptors each slot has a table of its own, and takes one descriptor of the ring.
 * Without them each has a fixed share of the ring's descriptors, so that there are fewer slots of
 * fewer segments. Addresses that never change are written once, by virtio_ring_start().
 *
 * A ring lies in memory that the device may write whenever it likes: what is found there is checked
 * before use, and what the driver relies on is kept in struct virtio_ring.
 *
 * One CPU at a time works on a ring. Nothing here allocates, waits or touches a register.
 */
#pragma once

#include "drivers/virtio_regs.h"
#include "mm/compiler.h"
#include "mm/segment.h"
#include "mm/types.h"

enum {
	VIRTIO_RING_MAX = 256, /* descriptors, of larger rings that a device offers */
	VIRTIO_RING_MIN = 4,
	VIRTIO_SLOTS_MAX = 64,    /* bits of a word */
	VIRTIO_SEGMENTS_MAX = 60, /* so that a slot has 1 KiB */
};

struct virtio_slot {
	struct virtio_blk_header header;
	uint8_t status;
	union {
		struct virtio_split_descriptor split[VIRTIO_SEGMENTS_MAX + 2];
		struct virtio_packed_descriptor packed[VIRTIO_SEGMENTS_MAX + 2];
	} table __attribute__((aligned(16))); /* indirect */
};

_Static_assert(sizeof(struct virtio_slot) == 1024, "to find a slot takes a shift");

struct virtio_ring {
	bool is_packed;
	bool indirect;
	uint16_t size;         /* descriptors */
	uint16_t max_segments; /* of one request */
	unsigned nr_slots;
	uint16_t share_shift; /* a slot's descriptors of the ring are 1 << this */
	uint64_t free;        /* a bit for each slot */

	/* In memory that the device sees. */
	phys_t start;
	phys_t slots_start;
	struct virtio_slot *slots;
	union {
		struct {
			struct virtio_split_descriptor *descriptors;
			struct virtio_available *available;
			struct virtio_used *used;
			unsigned mask;  /* of numbers of entries */
			unsigned put;   /* how many requests, ever: the device counts 16 bits */
			unsigned taken; /* ... of which are over */
		} split;
		struct {
			struct virtio_packed_descriptor *descriptors;
			struct virtio_packed_event *driver_event;
			uint16_t next;        /* descriptor to be filled */
			uint16_t next_marks;  /* that make one available in this turn */
			uint16_t taken;       /* descriptor that the device marks next */
			uint16_t taken_marks; /* that make one used in this turn */
			uint8_t used_by[VIRTIO_SLOTS_MAX]; /* descriptors of a slot in use */
		} packed;
	};
};

/*
 * Plans a ring: `size` descriptors as the device offers, less if that suffices, and requests of
 * `max_segments` at most, less if they would not fit. -EINVAL: too few descriptors for a request,
 * or a split ring whose size is no power of two.
 */
int virtio_ring_plan(struct virtio_ring *, bool packed, bool indirect, uint16_t size,
		     size_t max_segments) must_check;

/* Bytes of memory that both sides see, a multiple of PAGE_SIZE. */
size_t virtio_ring_bytes(const struct virtio_ring *);

/* Gives the ring its memory: zeroed, page aligned, seen by the device at `start`. */
void virtio_ring_place(struct virtio_ring *, phys_t start, void *memory);

/*
 * Begins anew, with all slots free: before a device first sees the ring, and whenever it was reset
 * since.
 */
void virtio_ring_start(struct virtio_ring *);

/* What the device is told of where the parts are. */
struct virtio_ring_parts {
	phys_t descriptors;
	phys_t driver; /* what the driver writes and the device reads */
	phys_t device;
};

struct virtio_ring_parts virtio_ring_parts(const struct virtio_ring *);

/* Where the device sees a slot. */
static inline phys_t virtio_ring_slot(const struct virtio_ring *ring, unsigned slot)
{
	return phys_add(ring->slots_start, slot * sizeof(struct virtio_slot));
}

/* A free slot; there is one. */
static inline unsigned virtio_ring_first(struct virtio_ring *ring)
{
	uint64_t free = ring->free;

	ring->free = free & (free - 1);
	return (unsigned)__builtin_ctzll(free);
}

/* A free slot, or -1. */
static inline int virtio_ring_claim(struct virtio_ring *ring)
{
	return ring->free ? (int)virtio_ring_first(ring) : -1;
}

static inline void virtio_ring_release(struct virtio_ring *ring, unsigned slot)
{
	ring->free |= 1ULL << slot;
}

static inline bool virtio_ring_in_use(const struct virtio_ring *ring, unsigned slot)
{
	return slot < ring->nr_slots && !(ring->free & 1ULL << slot);
}

/* Gives a claimed slot to the device, with `nr` <= max_segments segments of data. */
void virtio_ring_put(struct virtio_ring *, unsigned slot, const struct segment *segments, size_t nr,
		     bool device_writes);

/*
 * A slot that the device is done with, and how many bytes it says that it wrote, the status among
 * them. -EAGAIN: there is none. -EIO: what the device says makes no sense.
 */
int virtio_ring_take(struct virtio_ring *, uint32_t *written) must_check;
