/* SPDX-License-Identifier: BSD-2-Clause */
/* How the inventory makes regions of RAM: by the memory map, by nodes, and less what is taken. */
#include "drivers/acpi_layout.h"
#include "drivers/inventory.h"
#include "tests/firmware.h"
#include "tests/test.h"

#define GIB4 0x100000000ull
#define MIB  (1ull << 20)

static struct machine machine;

/* RAM shrinks to whole frames; what follows one another is one region. */
TEST(inventory, ram_is_trimmed_and_merged)
{
	const struct inventory *inventory;

	machine_begin(&machine);
	machine_add_memory(&machine, GIB4 + 100, 2 * MIB - 100, MEMORY_TYPE_RAM);
	machine_add_memory(&machine, GIB4 + 2 * MIB, 2 * MIB + 100, MEMORY_TYPE_RAM);
	machine.sources.nfit = (struct acpi_bytes){NULL, 0};
	inventory = machine_build(&machine);
	require(inventory->nr_regions == 3);
	expect_eq(pfn_to_phys(inventory->regions[2].start).addr, GIB4 + 4096);
	expect_eq(pfn_to_phys(inventory->regions[2].end).addr, GIB4 + 4 * MIB);
	expect_str(inventory->regions[2].name, "dram2");
}

/* Where entries of the memory map overlap, whatever is not RAM wins, and grows to frames. */
TEST(inventory, what_is_not_ram_wins)
{
	const struct inventory *inventory;

	machine_begin(&machine);
	machine_add_memory(&machine, GIB4, 16 * MIB, MEMORY_TYPE_RAM);
	machine_add_memory(&machine, GIB4 + 8 * MIB + 1, 1, 99);
	machine_add_memory(&machine, GIB4 - MIB, 2 * MIB, MEMORY_TYPE_RESERVED);
	inventory = machine_build(&machine);
	require(inventory->nr_regions == 4);
	expect_eq(pfn_to_phys(inventory->regions[2].start).addr, GIB4 + MIB);
	expect_eq(pfn_to_phys(inventory->regions[2].end).addr, GIB4 + 8 * MIB);
	expect_eq(pfn_to_phys(inventory->regions[3].start).addr, GIB4 + 8 * MIB + 4096);
}

/* Entries that wrap or are empty do no harm: RAM of them ends where memory can be mapped. */
TEST(inventory, memory_map_may_be_absurd)
{
	const struct inventory *inventory;

	machine_begin(&machine);
	machine_add_memory(&machine, GIB4, 0, MEMORY_TYPE_RAM);
	machine_add_memory(&machine, UINT64_MAX, UINT64_MAX, MEMORY_TYPE_RAM);
	machine_add_memory(&machine, UINT64_MAX, 1, MEMORY_TYPE_RESERVED);
	machine_add_memory(&machine, (1ull << 40) - MIB, UINT64_MAX, MEMORY_TYPE_RAM);
	inventory = machine_build(&machine);
	require(inventory->nr_regions == 3);
	expect_eq(region_bytes(&inventory->regions[2]), MIB);
	expect(find_refusal(inventory, REFUSED_BEYOND_CPU) != NULL);
}

static void add_affinity(struct firmware *srat, uint32_t node, uint64_t start, uint64_t length,
			 uint32_t flags)
{
	struct srat_memory memory = {
		.record = {SRAT_MEMORY, sizeof(memory)},
		.node = node,
		.start = start,
		.length = length,
		.flags = flags,
	};

	firmware_add(srat, &memory, sizeof(memory));
}

/* DRAM is divided where its node changes. */
TEST(inventory, ram_is_divided_by_nodes)
{
	static struct firmware srat;
	const struct inventory *inventory;

	firmware_begin(&srat, "SRAT", 3, sizeof(struct srat_header));
	add_affinity(&srat, 5, 0, 0x4000000, SRAT_MEMORY_ENABLED);
	add_affinity(&srat, 600, 0x4000000, 0x4000000, SRAT_MEMORY_ENABLED);
	add_affinity(&srat, 7, 0, GIB4, SRAT_MEMORY_ENABLED | SRAT_MEMORY_HOT_PLUGGABLE);
	add_affinity(&srat, 8, 0, GIB4, 0);
	machine_begin(&machine);
	machine.sources.srat = (struct acpi_bytes){srat.bytes, srat.length};
	inventory = machine_build(&machine);
	require(inventory->nr_regions == 3);
	expect_eq(inventory->regions[1].node, 5);
	expect_eq(pfn_to_phys(inventory->regions[1].end).addr, 0x4000000);
	expect_eq(inventory->regions[2].node, 600);
	expect_eq(inventory->nr_refusals, 0);
}

/* Where the SRAT contradicts itself memory has the default node, and that is said. */
TEST(inventory, contradictory_nodes_are_reported)
{
	static struct firmware srat;
	const struct inventory *inventory;

	firmware_begin(&srat, "SRAT", 3, sizeof(struct srat_header));
	add_affinity(&srat, 5, 0, GIB4, SRAT_MEMORY_ENABLED);
	add_affinity(&srat, 6, 0, GIB4, SRAT_MEMORY_ENABLED);
	machine_begin(&machine);
	machine.sources.srat = (struct acpi_bytes){srat.bytes, srat.length};
	inventory = machine_build(&machine);
	expect_eq(inventory->regions[0].node, NODE_DEFAULT);
	expect(find_refusal(inventory, REFUSED_NODES_DISAGREE) != NULL);
}

/* A range that names no node has that of the memory where it starts. */
TEST(inventory, range_without_a_node_asks_the_srat)
{
	static struct firmware nfit, srat;
	const struct inventory *inventory;

	firmware_begin(&srat, "SRAT", 3, sizeof(struct srat_header));
	add_affinity(&srat, 3, GIB4, 16 * MIB, SRAT_MEMORY_ENABLED | SRAT_MEMORY_NON_VOLATILE);
	nfit_begin(&nfit);
	nfit_add_nvdimm(&nfit, 1, GIB4, 32 * MIB);
	machine_begin(&machine);
	machine.sources.nfit = (struct acpi_bytes){nfit.bytes, nfit.length};
	machine.sources.srat = (struct acpi_bytes){srat.bytes, srat.length};
	inventory = machine_build(&machine);
	expect_eq(persistent_region(inventory, 0)->node, 3);
	expect_eq(persistent_regions(inventory), 1);
}

/* Frames that were taken leave the DRAM regions: from an end, from the middle, or all. */
TEST(inventory, taken_frames_leave_their_region)
{
	struct inventory inventory;
	const struct region *regions;

	machine_begin(&machine);
	inventory = *machine_build(&machine);
	regions = inventory.regions;
	require(inventory.nr_regions == 2 && regions[1].start.n == 0x400);
	require(inventory_take(&inventory, pfn(0x7000), pfn(0x9000)) == 0);
	expect_eq(regions[1].end.n, 0x7000);
	require(inventory_take(&inventory, pfn(0x300), pfn(0x500)) == 0);
	expect_eq(regions[1].start.n, 0x500);
	require(inventory_take(&inventory, pfn(0x1000), pfn(0x2000)) == 0);
	require(inventory.nr_regions == 3);
	expect_eq(regions[1].end.n, 0x1000);
	expect_eq(regions[2].start.n, 0x2000);
	expect_str(regions[2].name, "dram2");
	require(inventory_take(&inventory, pfn(0), pfn(0x1800)) == 0);
	require(inventory.nr_regions == 1);
	expect_eq(regions[0].start.n, 0x2000);
	expect_str(regions[0].name, "dram0");
}

/* Persistent frames are not taken. */
TEST(inventory, persistent_frames_are_not_taken)
{
	struct inventory inventory;

	inventory = *machine_with("q35_1x128M.nfit", NULL);
	require(inventory_take(&inventory, pfn(0), pfn(GIB4 >> PAGE_SHIFT << 1)) == 0);
	expect_eq(inventory.nr_regions, 1);
	expect_eq(persistent_regions(&inventory), 1);
}
