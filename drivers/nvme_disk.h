/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The namespaces of an NVMe controller as block devices, which share its queues. Names are those of
 * the controller and the namespace: "nvme0n1".
 *
 * Namespaces with metadata beside their blocks, or blocks of other than 512 to 4096 bytes, are left
 * alone and named in the report. So is one that is not the same any more after a reset.
 */
#pragma once

#include "drivers/block.h"
#include "drivers/disks.h"
#include "drivers/nvme_controller.h"

enum { NVME_DISKS_MAX = 16 };

struct nvme_disk {
	union { /* first */
		struct block_device device;
		struct nvme_target target;
	};
	struct nvme *nvme;
	uint64_t blocks;
	bool write_protected;
	char name[24];
	struct disk disk; /* for the registry */
};

/* A controller and its disks. */
struct nvme {
	struct nvme_controller controller;
	struct nvme_disk disks[NVME_DISKS_MAX];
	size_t nr_disks;
};

/* Makes the disks of a controller that works; none, if it does not any more then. */
void nvme_find_disks(struct nvme *);

/*
 * Looks again at the disks of a controller that was made to work anew, and gives them the limits
 * that it has now.
 */
void nvme_renew_disks(struct nvme *);

/*
 * Which commands a namespace understands, by the list of its descriptors (NVMe 2.0, 5.17.2.3):
 * NVME_COMMAND_SET_NVM, or another one; the former, too, if the list does not say. A descriptor
 * that ends behind the list is ignored, and what follows it.
 */
uint8_t nvme_command_set(const uint8_t *list, size_t bytes);
