/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/virtio_blk.h"

#include "drivers/pci_devices.h"
#include "drivers/virtio_disk.h"
#include "kernel/console.h"
#include "kernel/mmio.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { DISKS_MAX = 26 }; /* vda ... vdz */

static const struct virtio_pci_access registers = {
	.map = pci_map,
	.read_status = mmio_read8,
	.wait_ms = 1000,
};

static struct virtio_disk *disks[DISKS_MAX];
static size_t nr_disks;

static void refuse(const struct pci_function *function, const char *reason, int error)
{
	char address[PCI_NAME_MAX];

	pci_name(function, address);
	console_line("# virtio-blk-refused address=%s reason=%s error=%d", address,
		     reason ? reason : "no-memory", error);
}

static void print(const struct virtio_disk *disk)
{
	const struct virtio_ring *ring = &virtio_disk_queue(disk, 0)->ring;
	char address[PCI_NAME_MAX];

	pci_name(disk->virtio.function, address);
	console_line("# virtio-blk name=%s address=%s ring=%s indirect=%s queues=%u requests=%u "
		     "segments=%zu segment-bytes=%zu cache=%s features=%#llx",
		     disk->name, address, ring->is_packed ? "packed" : "split",
		     ring->indirect ? "yes" : "no", disk->device.nr_queues, ring->nr_slots,
		     disk->device.max_segments, disk->device.max_segment_bytes,
		     disk->description.caches_writes ? "writeback" : "writethrough",
		     (unsigned long long)disk->virtio.features);
}

/* A disk, and a queue for each CPU. NULL: there is no memory. */
static struct virtio_disk *create(struct virtio_disk_queue **queues)
{
	size_t bytes = host_cpus() * sizeof(**queues);
	struct virtio_disk *disk = calloc(1, sizeof(*disk));

	*queues = memalign(_Alignof(typeof(**queues)), bytes);
	if (!disk || !*queues) {
		free(disk);
		free(*queues);
		return NULL;
	}
	memset(*queues, 0, bytes);
	return disk;
}

static int begin(struct virtio_disk *disk, const struct pci_function *function,
		 struct virtio_disk_queue *queues)
{
	const char name[] = {'v', 'd', (char)('a' + nr_disks), '\0'};
	int error = virtio_disk_open(disk, function, name, &registers, queues, host_cpus());

	if (!error)
		error = virtio_disk_identify(disk);
	disk->disk.driver = virtio_blk_driver.name;
	disk->disk.function = function;
	return error ? error : disk_add(&disk->disk);
}

/* One that is refused keeps its memory: it did not do as it was told. */
static void virtio_blk_probe(const struct pci_function *function)
{
	struct virtio_disk_queue *queues;
	struct virtio_disk *disk;
	int error;

	if (nr_disks == DISKS_MAX) {
		refuse(function, "more-than-26", -ENFILE);
		return;
	}
	disk = create(&queues);
	if (!disk) {
		refuse(function, NULL, -ENOMEM);
		return;
	}
	error = begin(disk, function, queues);
	if (error) {
		virtio_disk_close(disk);
		refuse(function, disk->virtio.fault, error);
		return;
	}
	disks[nr_disks++] = disk;
	print(disk);
}

static bool virtio_blk_takes(const struct pci_function *function)
{
	return function->vendor_id == VIRTIO_VENDOR &&
	       (function->device_id == VIRTIO_BLK_DEVICE ||
		function->device_id == VIRTIO_BLK_TRANSITIONAL);
}

/* Whoever wrote has flushed. */
static void virtio_blk_shutdown(void)
{
	for (size_t i = 0; i < nr_disks; i++)
		virtio_disk_close(disks[i]);
}

const struct pci_driver virtio_blk_driver = {
	.name = "virtio-blk",
	.takes = virtio_blk_takes,
	.probe = virtio_blk_probe,
	.shutdown = virtio_blk_shutdown,
};
