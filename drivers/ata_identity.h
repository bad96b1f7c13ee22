/* SPDX-License-Identifier: BSD-2-Clause */
/* What an ATA disk says of itself (IDENTIFY DEVICE: ATA/ATAPI Command Set 3, 7.12). */
#pragma once

#include "drivers/disks.h"
#include "mm/compiler.h"

struct ata_identity {
	uint64_t lbas;
	uint32_t lba_bytes; /* a power of two, 512 ... 4096 */
	bool caches_writes;
	char model[DISK_TEXT_MAX];
	char serial[DISK_TEXT_MAX];
};

/*
 * From its 512 bytes. NULL, or why the disk cannot be used: a checksum that is wrong, no 48-bit
 * addresses, no DMA, a size that makes no sense.
 */
const char *ata_identify(const void *bytes, struct ata_identity *) must_check;
