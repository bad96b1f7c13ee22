/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/pmem_disk.h"

#include <errno.h>
#include <stdio.h>

#include "drivers/pmem_io.h"
#include "mm/host.h"
#include "mm/persist.h"

static int transfer(enum block_operation operation, phys_t disk, const struct segment *segment)
{
	void *memory = host_virt(segment->start);

	if (operation == BLOCK_WRITE)
		return pmem_write(disk, memory, segment->length);
	return pmem_read(disk, memory, segment->length);
}

/* Names the first sector that is bad; what is not bad could not be pinned. */
static void say_what_failed(const struct pmem_disk *disk, enum block_operation operation, phys_t at,
			    const struct segment *segment, int error)
{
	phys_t bad = at;
	bool is_bad = pmem_find_bad(at, segment->length, &bad);
	char line[160];

	if (error == -EFAULT) {
		snprintf(line, sizeof(line),
			 "# %s: write error at sector %llu: the data at 0x%llx is in bad memory",
			 disk->device.name,
			 (unsigned long long)(at.addr - disk->memory.start.addr) / SECTOR_SIZE,
			 (unsigned long long)segment->start.addr);
		host_print(line);
		return;
	}

	snprintf(line, sizeof(line), "# %s: %s error at sector %llu: memory at 0x%llx %s",
		 disk->device.name, operation == BLOCK_WRITE ? "write" : "read",
		 (unsigned long long)(bad.addr - disk->memory.start.addr) / SECTOR_SIZE,
		 (unsigned long long)bad.addr,
		 is_bad ? "is bad; writing the whole sector may repair it" : "has no pin to spare");
	host_print(line);
}

static int pmem_disk_submit(struct block_device *device, struct block_queue *queue,
			    struct block_request *request)
{
	const struct pmem_disk *disk = (struct pmem_disk *)device;
	phys_t at = phys_add(disk->memory.start, request->sector * SECTOR_SIZE);
	int error = 0;

	(void)queue;
	for (size_t i = 0; i < request->nr_segments; i++)
		if (segments_overlap(request->segments[i], disk->memory))
			return -EINVAL;
	for (size_t i = 0; i < request->nr_segments && !error; i++) {
		error = transfer(request->operation, at, &request->segments[i]);
		if (error)
			say_what_failed(disk, request->operation, at, &request->segments[i], error);
		at = phys_add(at, request->segments[i].length);
	}
	if (request->operation == BLOCK_FLUSH || (request->flags & BLOCK_FUA))
		persist_drain(host_virt(disk->memory.start));
	return error ? -EIO : 0;
}

static const struct block_ops pmem_disk_ops = {.submit = pmem_disk_submit};

int pmem_disk_create(struct pmem_disk *disk, const char *name, pfn_t start, pfn_t end)
{
	const struct region *region = pfn_to_region(start);

	if (!region || region->kind != MEMORY_PERSISTENT || !pfn_before(start, end) ||
	    pfn_before(region->end, end))
		return -EINVAL;
	*disk = (struct pmem_disk){
		.device =
			{
				.name = name,
				.ops = &pmem_disk_ops,
				.sectors = (pfn_distance(start, end) << PAGE_SHIFT) / SECTOR_SIZE,
				.read_only = !region->writable,
				.fua = true,
				.block_size = SECTOR_SIZE,
				.dma_alignment = 1,
				.max_segments = BLOCK_SEGMENTS_MAX,
				.max_bytes = AREA_SIZE,
			},
		.memory = {pfn_to_phys(start), pfn_distance(start, end) << PAGE_SHIFT},
	};
	return block_device_init(&disk->device);
}
