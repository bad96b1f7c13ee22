/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/boot_info.h"

#include "boot/multiboot2.h"
#include "boot/multiboot2_layout.h"
#include "boot/pvh.h"
#include "boot/pvh_layout.h"

#include <errno.h>
#include <string.h>

/* More than any loader has to say; a larger size is a broken one. */
enum { MULTIBOOT2_BYTES_MAX = 1 << 20 };

/* What the boot page tables map at its own address, on every CPU (boot/entry.S). */
static const uint64_t identity_end = 1ULL << 32;

const void *boot_memory(phys_t start, size_t bytes)
{
	if (start.addr == 0 || start.addr > identity_end || bytes > identity_end - start.addr)
		return NULL;
	return (const void *)start.addr;
}

static int read_multiboot2(phys_t information, struct boot_info *info)
{
	struct multiboot2_header header;
	const void *bytes = boot_memory(information, sizeof(header));

	if (!bytes)
		return -EINVAL;
	memcpy(&header, bytes, sizeof(header));
	if (header.total_size > MULTIBOOT2_BYTES_MAX)
		return -EINVAL;
	bytes = boot_memory(information, header.total_size);
	return bytes ? multiboot2_parse(bytes, header.total_size, info) : -EINVAL;
}

int boot_info_read(uint32_t magic, uint32_t information, struct boot_info *info)
{
	memset(info, 0, sizeof(*info));
	switch (magic) {
	case MULTIBOOT2_MAGIC:
		return read_multiboot2(phys(information), info);
	case PVH_START_MAGIC:
		return pvh_parse(phys(information), boot_memory, info);
	default:
		return -EINVAL;
	}
}

void boot_info_add_memory(struct boot_info *info, uint64_t start, uint64_t length, uint32_t type)
{
	if (info->nr_map == BOOT_MAP_MAX) {
		info->map_dropped++;
		return;
	}
	info->map[info->nr_map++] = (struct memory_range){phys(start), length, type};
}
