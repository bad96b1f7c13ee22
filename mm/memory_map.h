/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's map of physical memory, as given: unsorted, unaligned, perhaps overlapping. The
 * types are those of ACPI's e820 interface (ACPI 6.5, 15) and of Linux, kept as numbers since
 * firmware may send any.
 */
#pragma once

#include "mm/types.h"

enum memory_type {
	MEMORY_TYPE_RAM = 1, /* the only one that is ours to use */
	MEMORY_TYPE_RESERVED = 2,
	MEMORY_TYPE_ACPI = 3,
	MEMORY_TYPE_NVS = 4,
	MEMORY_TYPE_BAD = 5,
	MEMORY_TYPE_PMEM = 7,
	MEMORY_TYPE_PRAM = 12, /* persistent memory as some firmware marked it before ACPI 6 */
	MEMORY_TYPE_UEFI_RESERVED = 20, /* what GRUB gives UEFI's runtime memory */
};

struct memory_range {
	phys_t start;
	uint64_t length; /* bytes; start + length may wrap: firmware is not to be trusted */
	uint32_t type;
};

/* "ram", "reserved", ...; "unknown" for a number without a name. */
const char *memory_type_name(uint32_t type);
