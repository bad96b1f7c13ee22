/* SPDX-License-Identifier: BSD-2-Clause */
/* What every block device is put through, whatever it is made of. Overwrites it. */
#pragma once

#include "drivers/block.h"

/* Two areas of memory that pieces of I/O are cut from: one whole, one split. */
struct disk_scratch {
	pfn_t whole;
	pfn_t split;
	size_t whole_used; /* bytes */
	size_t split_used;
};

/* Takes them for as long as the test runs. */
void disk_scratch_take(struct disk_scratch *);

/* One bio of one piece, until it is over; its status, or why it was refused. */
int disk_execute(struct block_device *, enum block_operation, uint64_t sector, struct bio_piece);

/*
 * Writes and reads runs of sectors at random places, from and to lists of random pieces, and
 * compares every sector with what was last written there. `number` tells this device from others
 * in the stamps. Works on the first 4 MiB.
 */
void disk_exercise(struct block_device *, struct disk_scratch *, uint32_t number,
		   unsigned operations);

/* Measures reads and writes of 4 KiB and of 2 MiB, one at a time, over the first 2 MiB. */
void disk_throughput(struct block_device *);
