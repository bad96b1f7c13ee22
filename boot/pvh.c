/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/pvh.h"

#include "boot/pvh_layout.h"

#include <errno.h>
#include <string.h>

static bool copy(boot_memory_fn *memory, phys_t from, void *to, size_t bytes)
{
	const void *readable = memory(from, bytes);

	if (!readable)
		return false;
	memcpy(to, readable, bytes);
	return true;
}

/* The text ends with a NUL and nothing says where. */
static int read_cmdline(phys_t start, boot_memory_fn *memory, struct boot_info *info)
{
	for (size_t i = 0; i < sizeof(info->cmdline); i++) {
		if (!copy(memory, phys_add(start, i), &info->cmdline[i], 1))
			return -EINVAL;
		if (info->cmdline[i] == '\0')
			return 0;
	}
	return -E2BIG;
}

int pvh_parse(phys_t start_info, boot_memory_fn *memory, struct boot_info *info)
{
	struct pvh_start_info start;
	struct pvh_memory entry;

	info->loader = "pvh";
	info->firmware = "unknown";
	if (!copy(memory, start_info, &start, sizeof(start)))
		return -EINVAL;
	if (start.magic != PVH_START_MAGIC || start.version < 1 || start.memory_map_entries == 0)
		return -EINVAL;

	for (uint32_t i = 0; i < start.memory_map_entries; i++) {
		if (!copy(memory, phys_add(phys(start.memory_map), i * sizeof(entry)), &entry,
			  sizeof(entry)))
			return -EINVAL;
		boot_info_add_memory(info, entry.start, entry.length, entry.type);
	}
	info->rsdp = phys(start.rsdp);
	return start.cmdline ? read_cmdline(phys(start.cmdline), memory, info) : 0;
}
