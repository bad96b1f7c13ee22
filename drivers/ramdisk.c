/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/ramdisk.h"

#include <errno.h>
#include <string.h>

#include "mm/frame_alloc.h"
#include "mm/host.h"

/* Where byte `at` of the disk is. */
static char *place(const struct ramdisk *disk, uint64_t at)
{
	phys_t area = pfn_to_phys(page_to_pfn(disk->areas[at / AREA_SIZE]));

	return host_virt(phys_add(area, at % AREA_SIZE));
}

/* Between a segment and the disk from byte `at` on. */
static void transfer(const struct ramdisk *disk, enum block_operation operation, uint64_t at,
		     const struct segment *segment)
{
	size_t length;

	for (size_t moved = 0; moved < segment->length; moved += length) {
		char *memory = host_virt(phys_add(segment->start, moved));
		char *sectors = place(disk, at + moved);

		length = AREA_SIZE - (at + moved) % AREA_SIZE;
		if (length > segment->length - moved)
			length = segment->length - moved;
		if (operation == BLOCK_WRITE)
			memmove(sectors, memory, length);
		else
			memmove(memory, sectors, length);
	}
}

/* A flush has no segments and nothing to do. */
static int ramdisk_submit(struct block_device *device, struct block_queue *queue,
			  struct block_request *request)
{
	const struct ramdisk *disk = (struct ramdisk *)device;
	uint64_t at = request->sector * SECTOR_SIZE;

	(void)queue;
	for (size_t i = 0; i < request->nr_segments; i++) {
		transfer(disk, request->operation, at, &request->segments[i]);
		at += request->segments[i].length;
	}
	return 0;
}

static const struct block_ops ramdisk_ops = {.submit = ramdisk_submit};

static int add_area(struct ramdisk *disk, uint32_t node)
{
	pfn_t start;
	struct page *area;
	int error = frame_alloc(MEMORY_DRAM, node, AREA_SIZE, &start);

	if (error)
		return error;
	area = page_pin(start);
	if (!area || page_size(area) != AREA_SIZE)
		host_panic("ramdisk: the area at %#llx was allocated and cannot be pinned",
			   (unsigned long long)pfn_to_phys(start).addr);
	memset(host_virt(pfn_to_phys(start)), 0, AREA_SIZE);
	disk->areas[disk->nr_areas++] = area;
	return 0;
}

int ramdisk_create(struct ramdisk *disk, const char *name, uint32_t node, uint64_t bytes)
{
	if (bytes == 0 || bytes % SECTOR_SIZE != 0 || bytes > RAMDISK_BYTES_MAX)
		return -EINVAL;
	*disk = (struct ramdisk){
		.device =
			{
				.name = name,
				.ops = &ramdisk_ops,
				.sectors = bytes / SECTOR_SIZE,
				.fua = true,
				.block_size = SECTOR_SIZE,
				.dma_alignment = 1,
				.max_segments = BLOCK_SEGMENTS_MAX,
				.max_bytes = AREA_SIZE,
			},
	};
	while (disk->nr_areas * AREA_SIZE < bytes) {
		int error = add_area(disk, node);

		if (error) {
			ramdisk_destroy(disk);
			return error;
		}
	}
	return block_device_init(&disk->device);
}

void ramdisk_destroy(struct ramdisk *disk)
{
	while (disk->nr_areas > 0) {
		struct page *area = disk->areas[--disk->nr_areas];
		pfn_t start = page_to_pfn(area);

		page_unpin(area);
		if (frame_free(start, AREA_SIZE))
			host_panic("ramdisk: the area at %#llx is pinned by somebody else",
				   (unsigned long long)pfn_to_phys(start).addr);
	}
}
