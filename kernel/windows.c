/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/windows.h"

#include "kernel/cpu.h"
#include "kernel/layout.h"
#include "kernel/paging.h"

static uintptr_t next = WINDOWS;

static void *map_window(phys_t start, size_t bytes, enum mapping mapping)
{
	phys_t first = phys(align_down(start.addr, PAGE_SIZE));
	uintptr_t virt = next;
	uint64_t length;

	if (bytes == 0 || !cpu_has_physical(start, bytes))
		return NULL;
	length = align_up(start.addr + bytes, PAGE_SIZE) - first.addr;
	/* Large pages need addresses that have the same remainder as the memory. */
	if (length >= AREA_SIZE)
		virt = align_up(virt, AREA_SIZE) + first.addr % AREA_SIZE;
	if (length > WINDOWS + WINDOWS_SIZE - PAGE_SIZE - virt)
		return NULL;
	next = virt + length + PAGE_SIZE;
	if (paging_map(virt, first, length, mapping))
		return NULL;
	return (void *)(virt + (start.addr - first.addr));
}

/* Whether the kernel sees any of it cached. */
static bool is_cached(phys_t start, size_t bytes)
{
	phys_t image = phys((uint64_t)kernel_start - KERNEL_BASE);
	phys_t image_end = phys((uint64_t)kernel_end - KERNEL_BASE);
	uint64_t end = start.addr + bytes;

	if (start.addr < image_end.addr && end > image.addr)
		return true;
	if (end > DIRECT_MAP_SIZE)
		end = DIRECT_MAP_SIZE;
	return start.addr < end && paging_mapped(DIRECT_MAP + start.addr, end - start.addr) > 0;
}

const void *map_firmware(phys_t start, size_t bytes)
{
	return map_window(start, bytes, MAPPING_READ);
}

static void *map_device(phys_t start, size_t bytes, enum mapping mapping)
{
	if (!cpu_has_physical(start, bytes) || is_cached(start, bytes))
		return NULL;
	return map_window(start, bytes, mapping);
}

void *map_mmio(phys_t start, size_t bytes)
{
	return map_device(start, bytes, MAPPING_DEVICE);
}

void *map_framebuffer(phys_t start, size_t bytes)
{
	return map_device(start, bytes, MAPPING_WRITE_COMBINING);
}
