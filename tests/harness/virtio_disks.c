/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/virtio_disks.h"

#include <string.h>

#include "tests/test.h"

static struct virtio_disk *next_virtio(const struct virtio_disk *after)
{
	const struct disk *disk = after ? &after->disk : NULL;

	while ((disk = disk_next(disk)) != NULL)
		if (strcmp(disk->driver, "virtio-blk") == 0)
			return (struct virtio_disk *)disk->device;
	if (!after)
		skip("the machine has no virtio-blk-pci device");
	return NULL;
}

static bool should_work(const struct virtio_disk *disk)
{
	return strncmp(disk->disk.serial, "bad-", 4) != 0;
}

void with_each_virtio(void (*body)(struct virtio_disk *))
{
	for (struct virtio_disk *disk = next_virtio(NULL); disk; disk = next_virtio(disk))
		if (should_work(disk))
			body(disk);
}

void with_each_writable_virtio(void (*body)(struct virtio_disk *))
{
	unsigned nr = 0;

	for (struct virtio_disk *disk = next_virtio(NULL); disk; disk = next_virtio(disk)) {
		if (!should_work(disk) || disk->device.read_only)
			continue;
		body(disk);
		nr++;
	}
	if (nr == 0)
		skip("no virtio disk may be written");
}

struct virtio_disk *virtio_with_serial(const char *serial)
{
	for (struct virtio_disk *disk = next_virtio(NULL); disk; disk = next_virtio(disk))
		if (strcmp(disk->disk.serial, serial) == 0)
			return disk;
	skip("no virtio disk has the serial number %s", serial);
}

int virtio_transfer(struct virtio_disk *disk, enum block_operation operation, uint64_t sector,
		    pfn_t frame, size_t bytes)
{
	struct bio_piece piece = {pfn_to_page(frame), 0, bytes};
	struct bio bio = {
		.operation = operation,
		.sector = sector,
		.pieces = &piece,
		.nr_pieces = 1,
	};

	return block_execute(&disk->device, &bio);
}
