/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nvme_disk.h"

#include "drivers/nvme_admin.h"
#include "drivers/nvme_prp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { UUID_BYTES = 16 };

/* --- Errors. --- */

static const struct {
	enum nvme_status status;
	int error;
	const char *text;
} statuses[] = {
	{NVME_STATUS_INVALID_FIELD, -EIO, "invalid field in the command"},
	{NVME_STATUS_DATA_TRANSFER, -EIO, "data transfer error"},
	{NVME_STATUS_INTERNAL, -EIO, "internal error"},
	{NVME_STATUS_ABORTED, -EIO, "command aborted"},
	{NVME_STATUS_INVALID_NAMESPACE, -ENODEV, "no such namespace"},
	{NVME_STATUS_WRITE_PROTECTED, -EROFS, "namespace is write protected"},
	{NVME_STATUS_LBA_RANGE, -EIO, "block out of range"},
	{NVME_STATUS_CAPACITY, -EIO, "capacity exceeded"},
	{NVME_STATUS_NAMESPACE_NOT_READY, -EIO, "namespace not ready"},
	{NVME_STATUS_READ_ONLY_RANGE, -EROFS, "write to a read-only range"},
	{NVME_STATUS_WRITE_FAULT, -EIO, "write fault"},
	{NVME_STATUS_READ_ERROR, -EIO, "unrecovered read error"},
};

static const char *operation_name(enum block_operation operation)
{
	switch (operation) {
	case BLOCK_READ:
		return "read";
	case BLOCK_WRITE:
		return "write";
	case BLOCK_FLUSH:
		break;
	}
	return "flush";
}

static int request_failed(struct block_request *request, unsigned status)
{
	struct nvme_disk *disk = (struct nvme_disk *)request->device;
	const char *text = "which has no name here";
	int error = -EIO;

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		if (statuses[i].status != status)
			continue;
		text = statuses[i].text;
		error = statuses[i].error;
	}
	nvme_say(&disk->nvme->controller, disk->name,
		 "%s error at sector %llu, %zu bytes: status %#x (%s)",
		 operation_name(request->operation), (unsigned long long)request->sector,
		 request->bytes, status, text);
	return error;
}

/* --- What the block layer asks for. --- */

static void disk_recover(struct block_device *device, int why)
{
	struct nvme *nvme = ((struct nvme_disk *)device)->nvme;
	struct nvme_controller *controller = &nvme->controller;
	int error;

	nvme_say(controller, controller->name, "reset, since %s",
		 why == -ETIMEDOUT ? "it completes nothing"
				   : "it completed what was not in flight");
	error = nvme_controller_stop(controller);
	for (unsigned i = 0; i < controller->nr_queues; i++)
		nvme_queue_fail(&controller->queues[i], why);
	if (!error)
		error = nvme_controller_restart(controller);
	if (error)
		nvme_say(controller, controller->name, "out of use: error %d", error);
	else
		nvme_renew_disks(nvme);
}

static const struct block_ops disk_ops = {
	.start = nvme_queue_start,
	.poll = nvme_queue_poll,
	.recover = disk_recover,
};

/* --- Namespaces. --- */

const uint8_t *nvme_descriptor(const uint8_t *list, size_t bytes, uint8_t type, size_t length)
{
	struct nvme_namespace_descriptor descriptor;

	for (size_t at = 0; at + sizeof(descriptor) < bytes; at += descriptor.length) {
		memcpy(&descriptor, list + at, sizeof(descriptor));
		at += sizeof(descriptor);
		if (descriptor.length == 0 || descriptor.length > bytes - at)
			break;
		if (descriptor.type == type && descriptor.length >= length)
			return list + at;
	}
	return NULL;
}

/* A negative errno: the controller did not say. Its UUID becomes a part of the medium's name. */
static int learn_descriptors(struct nvme_controller *controller, struct nvme_disk *disk)
{
	bool has_sets = controller->cap & NVME_CAP_COMMAND_SETS;
	struct nvme_identify_namespace id;
	const uint8_t *list, *uuid, *set;

	if (!has_sets && !controller->describes_namespaces)
		return NVME_COMMAND_SET_NVM;
	list = nvme_identify(controller, NVME_CNS_DESCRIPTORS, disk->target.nsid);
	if (!list)
		return has_sets ? -EIO : NVME_COMMAND_SET_NVM;
	uuid = nvme_descriptor(list, NVME_IDENTIFY_BYTES, NVME_DESCRIPTOR_UUID, UUID_BYTES);
	if (uuid)
		memcpy(disk->medium.id + sizeof(id.nguid) + sizeof(id.eui64), uuid, UUID_BYTES);
	set = nvme_descriptor(list, NVME_IDENTIFY_BYTES, NVME_DESCRIPTOR_COMMAND_SET, 1);
	return has_sets && set ? *set : NVME_COMMAND_SET_NVM;
}

/* Reads what the namespace is into the disk. -EINVAL, after a line: none for us. */
static int learn_format(struct nvme_controller *controller, struct nvme_disk *disk)
{
	uint32_t nsid = disk->target.nsid;
	int commands = learn_descriptors(controller, disk);
	const void *data;
	struct nvme_identify_namespace id;
	struct nvme_lba_format format;

	if (commands != NVME_COMMAND_SET_NVM) {
		nvme_say(controller, disk->name,
			 "left alone: command set %d, expected %d, that of blocks", commands,
			 NVME_COMMAND_SET_NVM);
		return -EINVAL;
	}
	data = nvme_identify(controller, NVME_CNS_NAMESPACE, nsid);
	if (!data)
		return -EIO;
	memcpy(&id, data, sizeof(id));
	if (id.blocks == 0)
		return -ENOENT;
	format = id.formats[id.format & NVME_FORMAT_INDEX];
	if ((id.format & NVME_FORMAT_INDEX) > id.last_format || format.metadata_bytes != 0 ||
	    format.block_shift < 9 || format.block_shift > PAGE_SHIFT ||
	    id.blocks > UINT64_MAX >> format.block_shift) {
		nvme_say(controller, disk->name,
			 "left alone: %llu blocks, format %u of %u, log2 of the block size %u, %u "
			 "bytes of metadata",
			 (unsigned long long)id.blocks, id.format & NVME_FORMAT_INDEX,
			 id.last_format, format.block_shift, format.metadata_bytes);
		return -EINVAL;
	}
	nvme_target_set(&disk->target, nsid, format.block_shift);
	disk->blocks = id.blocks;
	memcpy(disk->medium.id, id.nguid, sizeof(id.nguid));
	memcpy(disk->medium.id + sizeof(id.nguid), id.eui64, sizeof(id.eui64));
	disk->write_protected = id.attributes & NVME_NAMESPACE_WRITE_PROTECTED;
	return 0;
}

/* What a request must keep to. */
static void set_limits(struct nvme_disk *disk)
{
	struct nvme_controller *controller = &disk->nvme->controller;
	struct block_device *device = &disk->device;

	device->max_segments = BLOCK_SEGMENTS_MAX;
	device->max_bytes = controller->max_bytes;
	device->max_segment_bytes = 0;
	device->segment_boundary = controller->sgl ? 0 : PAGE_SIZE;
	device->queues = controller->block_queues;
	device->nr_queues = controller->nr_queues;
}

static int make_disk(struct nvme *nvme, struct nvme_disk *disk, uint32_t nsid)
{
	struct nvme_controller *controller = &nvme->controller;
	int error;

	*disk = (struct nvme_disk){
		.nvme = nvme, .target.nsid = nsid, .target.working = &controller->working};
	snprintf(disk->name, sizeof(disk->name), "%sn%u", controller->name, nsid);
	error = learn_format(controller, disk);
	if (error)
		return error;
	disk->device = (struct block_device){
		.name = disk->name,
		.ops = &disk_ops,
		.sectors = disk->blocks << disk->target.sector_shift,
		.read_only = disk->write_protected,
		.fua = true,
		.block_size = (size_t)SECTOR_SIZE << disk->target.sector_shift,
		.dma_alignment = NVME_PRP_ALIGNMENT,
	};
	set_limits(disk);
	return block_device_init(&disk->device);
}

static void add_disk(struct nvme *nvme, uint32_t nsid)
{
	struct nvme_controller *controller = &nvme->controller;

	if (nvme->nr_disks == NVME_DISKS_MAX)
		nvme_say(controller, controller->name,
			 "namespace %u left alone: there is room for %d", nsid, NVME_DISKS_MAX);
	else if (!make_disk(nvme, &nvme->disks[nvme->nr_disks], nsid))
		nvme->nr_disks++;
}

/* The list is ascending, and ends with a 0 or when it is full. */
static void add_listed(struct nvme *nvme)
{
	struct nvme_controller *controller = &nvme->controller;
	const void *data = nvme_identify(controller, NVME_CNS_ACTIVE_NAMESPACES, 0);
	uint32_t list[NVME_NAMESPACE_LIST_MAX];
	uint32_t before = 0;

	if (!data)
		return;
	memcpy(list, data, sizeof(list));
	for (size_t i = 0; i < NVME_NAMESPACE_LIST_MAX && list[i] != 0; i++) {
		if (list[i] <= before || list[i] > controller->last_namespace) {
			nvme_say(controller, controller->name,
				 "namespace %u follows %u in a list of up to %u", list[i], before,
				 controller->last_namespace);
			return;
		}
		before = list[i];
		add_disk(nvme, before);
	}
}

void nvme_find_disks(struct nvme *nvme)
{
	struct nvme_controller *controller = &nvme->controller;

	for (unsigned i = 0; i < NVME_QUEUES_MAX; i++)
		controller->queues[i].failed = request_failed;
	if (controller->lists_namespaces)
		add_listed(nvme);
	else
		for (uint32_t nsid = 1;
		     nsid <= controller->last_namespace && nsid <= NVME_DISKS_MAX; nsid++)
			add_disk(nvme, nsid);
	if (!atomic_load(&controller->working))
		nvme->nr_disks = 0;
}

void nvme_renew_disks(struct nvme *nvme)
{
	struct nvme_controller *controller = &nvme->controller;

	for (size_t i = 0; i < nvme->nr_disks; i++) {
		struct nvme_disk *disk = &nvme->disks[i];
		struct nvme_disk now = {.target.nsid = disk->target.nsid};

		strcpy(now.name, disk->name);
		if (learn_format(controller, &now) || now.blocks != disk->blocks ||
		    now.target.sector_shift != disk->target.sector_shift ||
		    memcmp(&now.medium, &disk->medium, sizeof(now.medium)) != 0) {
			nvme_say(controller, disk->name,
				 "out of use: after a reset it is not the same any more");
			atomic_store(&disk->target.gone, true);
			continue;
		}
		set_limits(disk);
		if (block_device_init(&disk->device))
			atomic_store(&disk->target.gone, true);
	}
}
