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
	struct disk_medium
		medium; /* NGUID, EUI-64 and UUID, as far as it has them: NVMe 1.4, 7.11 */
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
 * The value of the first descriptor of a type in a list of a namespace's descriptors (NVMe 1.4,
 * 5.15.2.3), at least `length` bytes; NULL: it has none. One that is shorter is ignored, and one
 * that ends behind the list, with what follows it.
 */
const uint8_t *nvme_descriptor(const uint8_t *list, size_t bytes, uint8_t type, size_t length);
