/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader says about the machine, whichever loader it was. Everything is copied out
 * of the loader's memory, so that memory is free afterwards.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/framebuffer.h"
#include "mm/memory_map.h"
#include "mm/types.h"

enum { BOOT_MAP_MAX = 1024, BOOT_CMDLINE_MAX = 2048 };

struct boot_info {
	const char *loader;   /* "multiboot2" or "pvh" */
	const char *firmware; /* "bios", "uefi" or "unknown" */
	char cmdline[BOOT_CMDLINE_MAX];
	phys_t rsdp;            /* where the loader found it; 0: it did not say */
	uint8_t rsdp_copy[36];  /* GRUB hands over a copy instead */
	size_t rsdp_copy_bytes; /* 0: no copy */
	struct memory_range map[BOOT_MAP_MAX];
	size_t nr_map;
	size_t map_dropped; /* entries that did not fit */
	struct framebuffer framebuffer;
};

/*
 * From the registers at entry. 0, or -EINVAL: no known boot protocol, or broken information.
 * -E2BIG: the command line is longer than BOOT_CMDLINE_MAX - 1, and an option must not get lost.
 */
int boot_info_read(uint32_t magic, uint32_t info, struct boot_info *) must_check;

/* For the parsers: one more entry of the map. */
void boot_info_add_memory(struct boot_info *, uint64_t start, uint64_t length, uint32_t type);

/*
 * Physical memory through the boot page tables: the first 4 GiB, until paging_init(). NULL: not all
 * of it is within that.
 */
const void *boot_memory(phys_t start, size_t bytes);
