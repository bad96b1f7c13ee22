/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What I/O on a disk costs the CPU: a bio from its submission to its end, block layer included and
 * the wait for the device left out, into persistent memory where the machine has such.
 */
#pragma once

#include "drivers/block.h"

/*
 * Measures read4k_qd1, read4k_qd32, read2m and the same of writes. `wait_for_device` returns when
 * all that was submitted is over for the device, and nobody has polled yet. Skips the test where
 * instructions are not counted.
 */
void count_disk(struct block_device *, void (*wait_for_device)(void));

/* The same of read2m and write2m alone. */
void count_disk_2m(struct block_device *, void (*wait_for_device)(void));

/* Reads of 4 KiB, 64 KiB and 2 MiB: read4k, read64k and read2m. */
void count_disk_reads(struct block_device *, void (*wait_for_device)(void));

/* How many bios the device has when it is waited for. */
unsigned count_disk_in_flight(void);
