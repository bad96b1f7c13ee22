/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/machine.h"

#include "mm/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PHYSICAL_END (6ull << 30)

/*
 * Shapes that PCs have: DRAM that starts and ends inside an area, a second node; persistent memory
 * that QEMU aligned to what its label left (0x107fe0000), two regions that meet inside an area,
 * and one that may only be read.
 */
static const struct region regions[] = {
	{.start = {0x00100}, .end = {0x0a123}, .kind = MEMORY_DRAM, .node = 0, .name = "dram0"},
	{.start = {0x20000}, .end = {0x28000}, .kind = MEMORY_DRAM, .node = 1, .name = "dram1"},
	{.start = {0x100000},
	 .end = {0x107fe0},
	 .kind = MEMORY_PERSISTENT,
	 .node = 0,
	 .name = "pmem0",
	 .set = 0,
	 .domain = PERSISTENCE_MEMORY_CONTROLLER,
	 .armed = true,
	 .writable = true},
	{.start = {0x107fe0},
	 .end = {0x10ffc0},
	 .kind = MEMORY_PERSISTENT,
	 .node = 1,
	 .name = "pmem1",
	 .set = 1,
	 .domain = PERSISTENCE_CPU_CACHE,
	 .armed = true,
	 .writable = true},
	{.start = {0x140010},
	 .end = {0x143ff0},
	 .kind = MEMORY_PERSISTENT,
	 .node = 1,
	 .name = "pmem2",
	 .set = 2,
	 .domain = PERSISTENCE_UNKNOWN,
	 .armed = false,
	 .writable = false},
};

static unsigned char *physical;

static void require_mapped(bool mapped)
{
	if (!mapped) {
		perror("bifold-tests: cannot map the simulated memory");
		exit(EXIT_FAILURE);
	}
}

static void *map(size_t bytes, int protection)
{
	void *memory =
		mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	require_mapped(memory != MAP_FAILED);
	return memory;
}

void machine_create(void)
{
	physical = map(PHYSICAL_END, PROT_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		const struct region *region = &regions[i];
		bool writable = region->kind == MEMORY_DRAM || region->writable;

		require_mapped(mprotect(host_virt(pfn_to_phys(region->start)), region_bytes(region),
					writable ? PROT_READ | PROT_WRITE : PROT_READ) == 0);
	}
}

const struct region *machine_regions(size_t *nr)
{
	*nr = ARRAY_SIZE(regions);
	return regions;
}

void *machine_metadata(size_t bytes)
{
	return map(bytes, PROT_READ | PROT_WRITE);
}

void *host_virt(phys_t address)
{
	return physical + address.addr;
}
