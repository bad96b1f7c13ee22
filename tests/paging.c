/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping memory: what is granted, what is refused, and what changes. */
#include "kernel/paging.h"

#include "kernel/cpu.h"
#include "kernel/layout.h"
#include "kernel/windows.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/probe.h"
#include "tests/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MIB (1UL << 20)

static uint64_t physical_limit(void)
{
	return 1UL << cpu_features()->physical_bits;
}

static uintptr_t direct(phys_t start)
{
	return (uintptr_t)host_virt(start);
}

/* Mapping memory where it is mapped already is granted, and changes nothing. */
TEST(paging, mapping_again_is_granted)
{
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	size_t before = paging_bytes();

	expect_eq(paging_map_direct(frame, pfn_add(frame, 1), MAPPING_WRITE), 0);
	expect_eq(paging_bytes(), before);
	expect(probe_store(test_virt(frame, 0)) == PROBE_WORKED);
}

/* What is mapped is not replaced, neither by other memory nor by other permissions. */
TEST(paging, mapping_over_is_refused)
{
	pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);
	uintptr_t virt = direct(pfn_to_phys(frame));

	expect_eq(paging_map(virt, pfn_to_phys(pfn_add(frame, 1)), PAGE_SIZE, MAPPING_WRITE),
		  -EEXIST);
	expect_eq(paging_map(virt, pfn_to_phys(frame), PAGE_SIZE, MAPPING_READ), -EEXIST);
	expect_eq(paging_map((uintptr_t)kernel_text_start, pfn_to_phys(frame), PAGE_SIZE,
			     MAPPING_WRITE),
		  -EEXIST);
	expect(probe_store(test_virt(frame, 0)) == PROBE_WORKED);
}

/* Parts of pages, and memory that the CPU cannot address, are not mapped. */
TEST(paging, impossible_mappings_are_refused)
{
	phys_t frame = pfn_to_phys(test_take(MEMORY_DRAM, PAGE_SIZE));
	phys_t beyond = phys(physical_limit());

	expect_eq(paging_map(HEAP - 1, frame, PAGE_SIZE, MAPPING_READ), -EINVAL);
	expect_eq(paging_map(HEAP, phys_add(frame, 8), PAGE_SIZE, MAPPING_READ), -EINVAL);
	expect_eq(paging_map(HEAP, frame, PAGE_SIZE / 2, MAPPING_READ), -EINVAL);
	expect_eq(paging_map(HEAP, beyond, PAGE_SIZE, MAPPING_READ), -EINVAL);
	expect_eq(paging_map(HEAP, phys(0), physical_limit() + PAGE_SIZE, MAPPING_READ), -EINVAL);
	expect_eq(paging_map_direct(phys_to_pfn(phys(DIRECT_MAP_SIZE - PAGE_SIZE)),
				    phys_to_pfn(phys(DIRECT_MAP_SIZE + PAGE_SIZE)), MAPPING_READ),
		  -EINVAL);
}

/* Three pages of the heap that each hold something. */
static char *three_pages(void)
{
	char *pages = memalign(PAGE_SIZE, 3 * PAGE_SIZE);

	require(pages != NULL);
	test_cleanup(free, pages);
	for (size_t i = 0; i < 3; i++)
		memset(pages + i * PAGE_SIZE, (int)('a' + i), PAGE_SIZE);
	return pages;
}

/* Taking write permission from one page of a larger one leaves its neighbours and all contents. */
TEST(paging, protection_changes_one_page)
{
	char *pages = three_pages();
	char *middle = pages + PAGE_SIZE;

	require(paging_protect((uintptr_t)middle, PAGE_SIZE, MAPPING_READ) == 0);
	expect(probe_store(middle - 1) == PROBE_WORKED);
	expect(probe_store(middle) == PROBE_FORBIDDEN);
	expect(probe_store(middle + PAGE_SIZE - 1) == PROBE_FORBIDDEN);
	expect(probe_store(middle + PAGE_SIZE) == PROBE_WORKED);

	require(paging_protect((uintptr_t)middle, PAGE_SIZE, MAPPING_WRITE) == 0);
	expect(probe_store(middle) == PROBE_WORKED);
	for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
		require(pages[i] == (char)('a' + i / PAGE_SIZE));
}

/* What is not mapped in full cannot be protected, and the part that is mapped stays as it was. */
TEST(paging, protecting_a_hole_is_refused)
{
	uintptr_t last = (uintptr_t)kernel_end - PAGE_SIZE;

	expect_eq(paging_protect(last, 2 * PAGE_SIZE, MAPPING_READ), -ENOENT);
	expect(probe_store((const void *)last) == PROBE_WORKED);
	expect_eq(paging_protect(HEAP + HEAP_SIZE, PAGE_SIZE, MAPPING_WRITE), -ENOENT);
	expect_eq(paging_protect(last + 1, PAGE_SIZE, MAPPING_READ), -EINVAL);
}

/* A lookup gives the frame that the direct map shows, and how. */
TEST(paging, lookup_finds_the_page)
{
	phys_t frame = pfn_to_phys(test_take(MEMORY_DRAM, PAGE_SIZE));
	uintptr_t virt = direct(frame) + 123;
	struct paging_entry page;

	require(paging_lookup(virt, &page));
	expect(page.virt <= virt && virt - page.virt < page.bytes);
	expect_eq(page.start.addr + (virt - page.virt), frame.addr + 123);
	expect(page.writable && !page.executable && page.write_back);
	expect(!paging_lookup(0, &page));
	expect(!paging_lookup(HEAP + HEAP_SIZE, &page));
}

/* Where a page of this size fits first in the region; the end of the region if nowhere. */
static pfn_t first_page(const struct region *region, uint64_t size)
{
	phys_t aligned = phys(align_up(pfn_to_phys(region->start).addr, size));
	pfn_t end = phys_to_pfn(phys_add(aligned, size));

	return pfn_before(region->end, end) ? region->end : phys_to_pfn(aligned);
}

/* Persistent memory is mapped by the largest pages that its place and the CPU allow. */
TEST(paging, persistent_memory_uses_large_pages)
{
	const struct region *region = next_region(NULL, MEMORY_PERSISTENT);

	if (!region)
		skip("the machine has no persistent memory");
	for (; region; region = next_region(region, MEMORY_PERSISTENT)) {
		uint64_t size = cpu_features()->pages_1gib ? 1UL << 30 : AREA_SIZE;
		struct paging_entry page;

		while (size > PAGE_SIZE && pfn_eq(first_page(region, size), region->end))
			size /= PAGES_PER_AREA;
		require(paging_lookup(direct(pfn_to_phys(first_page(region, size))), &page));
		expect_eq(page.bytes, size);
	}
}

/* The end of the first MiB, where a BIOS is, through windows made once however often this runs. */
static const char *firmware_window(void)
{
	static const char *window, *next;

	if (!window) {
		window = map_firmware(phys(FIRST_MIB - 100), 100);
		next = map_firmware(phys(FIRST_MIB - PAGE_SIZE), PAGE_SIZE);
	}
	require(window != NULL && next != NULL);
	return window;
}

/* Firmware tables can be read at any offset and not be written, and no window meets the next. */
TEST(paging, firmware_windows_are_read_only)
{
	const char *window = firmware_window();
	struct paging_entry page;

	expect_eq((uintptr_t)window % PAGE_SIZE, PAGE_SIZE - 100);
	expect(probe_load(window) == PROBE_WORKED);
	expect(probe_store(window) == PROBE_FORBIDDEN);
	expect(probe_load(window + 100) == PROBE_UNMAPPED);
	require(paging_lookup((uintptr_t)window, &page));
	expect_eq(page.start.addr, FIRST_MIB - PAGE_SIZE);
	expect(!page.writable && !page.executable && page.write_back);
}

/* Memory that is seen cached is not mapped uncached: managed memory, and the kernel itself. */
TEST(paging, device_windows_to_memory_are_refused)
{
	phys_t frame = pfn_to_phys(test_take(MEMORY_DRAM, PAGE_SIZE));
	phys_t image = phys((uint64_t)kernel_start - KERNEL_BASE);

	expect(map_mmio(frame, 8) == NULL);
	expect(map_mmio(phys(frame.addr - 8), 16) == NULL);
	expect(map_framebuffer(frame, PAGE_SIZE) == NULL);
	expect(map_mmio(image, 8) == NULL);
	expect(map_mmio(phys(image.addr - 8), 16) == NULL);
}

/* A window to nothing, or past what the CPU can address, does not exist. */
TEST(paging, impossible_windows_are_refused)
{
	expect(map_firmware(phys(FIRST_MIB - PAGE_SIZE), 0) == NULL);
	expect(map_firmware(phys(physical_limit() - 8), 16) == NULL);
	expect(map_firmware(phys(UINT64_MAX), 1) == NULL);
	expect(map_firmware(phys(8), SIZE_MAX) == NULL);
	expect(map_mmio(phys(physical_limit()), 8) == NULL);
	expect(map_mmio(phys(UINT64_MAX - 4), 16) == NULL);
}
