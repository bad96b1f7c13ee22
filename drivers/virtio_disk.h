/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One virtio block device (Virtual I/O Device 1.2, 5.2): its queues, its requests, and how it is
 * stopped and started again.
 *
 * A device that does not come back from a reset is given up: its bus mastering is off, all that is
 * asked of it fails with -ENODEV, and virtio.fault says why.
 */
#pragma once

#include "drivers/block.h"
#include "drivers/disks.h"
#include "drivers/dma.h"
#include "drivers/virtio_blk_config.h"
#include "drivers/virtio_pci.h"
#include "drivers/virtio_ring.h"
#include "mm/compiler.h"
#include "mm/host.h"

#include <stdatomic.h>

struct virtio_disk_queue {
	struct block_queue block;
	struct virtio_ring ring;
	struct block_request *requests[VIRTIO_SLOTS_MAX]; /* of the slots in use */
	volatile uint16_t *notify;
	uint16_t index;
	struct dma_memory memory;
};

struct virtio_disk {
	struct block_device device;
	struct disk disk;
	struct virtio_pci virtio;
	struct virtio_blk_description description;
	bool given_up;
	atomic_uint lines; /* of the report, about this disk */
	char name[DISK_NAME_MAX];
	struct block_queue *queues[HOST_CPUS_MAX]; /* each the first part of a virtio_disk_queue */
};

/*
 * Makes a zeroed disk work, but for its part in the list of disks, with up to `nr` zeroed queues at
 * `queues`, which stay its own. After an error, virtio.fault says why, or NULL: there is no memory;
 * close it then.
 */
int virtio_disk_open(struct virtio_disk *, const struct pci_function *, const char *name,
		     const struct virtio_pci_access *, struct virtio_disk_queue *queues,
		     size_t nr) must_check;

/* Its first request: asks the device for its serial number. Errors as above. */
int virtio_disk_identify(struct virtio_disk *) must_check;

/*
 * The device touches no memory any more. What the disk has is not given back: it is closed at the
 * end of the run, or because it did not do as it was told.
 */
void virtio_disk_close(struct virtio_disk *);

static inline struct virtio_disk_queue *virtio_disk_queue(const struct virtio_disk *disk,
							  unsigned index)
{
	return (struct virtio_disk_queue *)disk->queues[index];
}
