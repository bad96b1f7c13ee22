/* SPDX-License-Identifier: BSD-2-Clause */
/* What a virtio block device says of itself (Virtual I/O Device 1.2, 5.2.3 to 5.2.5), checked. */
#pragma once

#include "drivers/virtio_pci.h"
#include "mm/compiler.h"

enum { VIRTIO_BLK_BLOCK_MAX = 4096 };

struct virtio_blk_description {
	uint64_t features;
	uint64_t sectors;  /* of 512 bytes, whole blocks */
	size_t block_size; /* 512 ... VIRTIO_BLK_BLOCK_MAX */
	size_t max_segments;
	size_t max_segment_bytes; /* a multiple of the block size; 0: any */
	uint16_t nr_queues;       /* 1 or more */
	bool read_only;
	bool caches_writes; /* a write is durable after a flush only */
};

/* Resets the device, agrees with it on features and reads the rest. Errors as in virtio_pci.h. */
int virtio_blk_negotiate(struct virtio_pci *, struct virtio_blk_description *) must_check;

bool virtio_blk_is_same(const struct virtio_blk_description *,
			const struct virtio_blk_description *) must_check;
