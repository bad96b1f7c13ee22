/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognises by their signatures the formats that somebody may have put on persistent memory, so
 * that they are not overwritten by mistake. Only reads. A signature is enough: data whose header is
 * damaged is still data. NULL means that no known format was found, not that nothing is there.
 *
 * Namespace labels are not read. They are in an area of the NVDIMM outside of its range, which only
 * methods in AML reach (ACPI 6.5, 6.5.10), and nothing here interprets AML. What a label claims for
 * a BTT, fsdax or devdax has an info block, at the start of the namespace or 4 KiB behind it, and
 * is recognised by that.
 */
#pragma once

#include "mm/types.h"

enum {
	/* The last signature from the start (btrfs) is within this. */
	CONTENT_START_BYTES = 68 << 10,
	CONTENT_END_BYTES = 4096,

	/* Linux begins namespaces at multiples of this. */
	CONTENT_STEP = 16 << 20,
	/* The first touch of a page costs an emulator with a sparse file up to a millisecond. */
	CONTENT_STEPS_MAX = 1024,
	CONTENT_STEP_BYTES = 8192, /* all signatures but those of btrfs and ISO 9660 */
};

/*
 * "btt", "pfn" (Linux's fsdax), "dax" (devdax), "label-index", "gpt", "mbr", "fat", "exfat",
 * "ntfs", "ext2", "ext3", "ext4", "xfs", "btrfs", "swap", "lvm2", "luks", "iso9660", or NULL, by
 * the first and the last bytes of something: CONTENT_START_BYTES and CONTENT_END_BYTES, or all of
 * it where it is shorter. Either may be absent, with length 0.
 */
const char *content_recognise(const void *start, size_t start_length, const void *end,
			      size_t end_length);

/*
 * The same for a whole run of memory, which may be divided into namespaces: looks at its start, at
 * its end and at every step. A step is CONTENT_STEP, and wider where there would be more than
 * CONTENT_STEPS_MAX of them: over 16 GiB a namespace may be missed.
 */
const char *content_of(const void *memory, uint64_t length);
uint64_t content_step(uint64_t length);
