/* SPDX-License-Identifier: BSD-2-Clause */
/* The inventory over tables of real and simulated machines: what becomes a region, and as what. */
#include "drivers/inventory.h"
#include "drivers/acpi_layout.h"
#include "tests/firmware.h"
#include "tests/tables.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIB4 0x100000000ull
#define MIB  (1ull << 20)

static void expect_extent(const struct region *region, uint64_t start, uint64_t length)
{
	expect_eq(pfn_to_phys(region->start).addr, start);
	expect_eq(region_bytes(region), length);
}

/* One NVDIMM is one region; without capabilities its persistence domain is unknown. */
TEST(inventory, one_nvdimm_is_one_region)
{
	const struct inventory *inventory = machine_with("ok_minimal.nfit", NULL);
	const struct region *region = persistent_region(inventory, 0);

	expect_eq(persistent_regions(inventory), 1);
	expect_extent(region, GIB4, 128 * MIB);
	expect_str(region->name, "pmem0");
	expect_eq(region->domain, PERSISTENCE_UNKNOWN);
	expect(region->armed);
	expect(!region->writable);
	expect_eq(inventory->nr_refusals, 0);
}

/* An NVDIMM is listed with all that its control region says. */
TEST(inventory, nvdimm_is_identified)
{
	const struct inventory *inventory = machine_with("ok_minimal.nfit", NULL);
	const struct nvdimm *nvdimm = &inventory->nvdimms[0];

	require(inventory->nr_nvdimms == 1);
	expect_str(nvdimm->name, "nmem0");
	expect_eq(nvdimm->handle, 1);
	expect(nvdimm->identified);
	expect_eq(nvdimm->vendor, 0xabcd);
	expect_eq(nvdimm->serial, 0x1234);
	expect_eq(nvdimm->interface_code, 0x301);
	expect_eq(nvdimm->size, 128 * MIB);
	expect_eq(nvdimm->flags, 0);
}

/* The capabilities of the platform are those of every persistent region. */
TEST(inventory, capabilities_are_the_domain)
{
	static const struct {
		const char *table;
		enum persistence_domain domain;
	} cases[] = {
		{"ok_caps_eadr.nfit", PERSISTENCE_CPU_CACHE},
		{"ok_caps_masked.nfit", PERSISTENCE_UNKNOWN},
		{"caps_highest31.nfit", PERSISTENCE_MEMORY_CONTROLLER},
		{"nfit_test0_pmem_only.nfit", PERSISTENCE_MEMORY_CONTROLLER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct inventory *inventory = machine_with(cases[i].table, NULL);

		expect_eq(persistent_region(inventory, 0)->domain, cases[i].domain);
	}
}

/* The range structure of ACPI 6.4 means the same as the older one. */
TEST(inventory, range_with_cookie_is_a_region)
{
	const struct inventory *inventory = machine_with("ok_spa64_cookie_acpi64.nfit", NULL);

	expect_extent(persistent_region(inventory, 0), GIB4, 128 * MIB);
}

/* NVDIMMs that take turns form one set and one region. */
TEST(inventory, interleaved_nvdimms_are_one_region)
{
	const struct inventory *inventory = machine_with("ok_2way_interleave_4k.nfit", NULL);

	expect_eq(inventory->nr_nvdimms, 2);
	expect_eq(persistent_regions(inventory), 1);
	expect_extent(persistent_region(inventory, 0), GIB4, 256 * MIB);
	require(inventory->nr_sets == 1);
	expect_eq(inventory->sets[0].nr_mappings, 2);
	expect(inventory->sets[0].armed);
}

/* A virtual disk within a persistent range is taken out of it. */
TEST(inventory, virtual_disk_is_taken_out)
{
	const struct inventory *inventory = machine_with("ok_pdisk_overlaps_pm.nfit", NULL);
	const struct refusal *refusal = find_refusal(inventory, REFUSED_OVERLAPS_RANGE);

	expect_eq(persistent_regions(inventory), 2);
	expect_extent(persistent_region(inventory, 0), GIB4, 16 * MIB);
	expect_extent(persistent_region(inventory, 1), GIB4 + 32 * MIB, 96 * MIB);
	expect_eq(persistent_region(inventory, 0)->set, persistent_region(inventory, 1)->set);
	require(refusal != NULL);
	expect_eq(refusal->start.addr, GIB4 + 16 * MIB);
	expect_eq(refusal->length, 16 * MIB);
}

/* What two ranges claim is given to neither: nobody can say whose bytes these are. */
TEST(inventory, common_part_of_ranges_is_given_to_none)
{
	const struct inventory *inventory = machine_with("spa_overlap.nfit", NULL);
	const struct refusal *refusal = find_refusal(inventory, REFUSED_OVERLAPS_RANGE);

	expect_eq(persistent_regions(inventory), 2);
	expect_extent(persistent_region(inventory, 0), GIB4, 64 * MIB);
	expect_extent(persistent_region(inventory, 1), GIB4 + 128 * MIB, 64 * MIB);
	require(refusal != NULL);
	expect_eq(refusal->start.addr, GIB4 + 64 * MIB);
	expect_eq(refusal->length, 64 * MIB);
}

/* Ends need not be on areas. */
TEST(inventory, ends_are_where_the_range_ends)
{
	const struct inventory *inventory = machine_with("pm_not_2M_aligned.nfit", NULL);

	expect_extent(persistent_region(inventory, 0), GIB4 + 0x1000, 0x7ffe000);
	inventory = machine_with("q35_1x128M_label128K.nfit", NULL);
	expect_extent(persistent_region(inventory, 0), GIB4, 126 * MIB);
}

/* A range that would end past the last address is refused. */
TEST(inventory, range_that_wraps_is_refused)
{
	const struct inventory *inventory = machine_with("pm_wraps_64bit.nfit", NULL);
	const struct refusal *refusal = find_refusal(inventory, REFUSED_WRAPS);

	expect_eq(persistent_regions(inventory), 0);
	expect_eq(inventory->nr_nvdimms, 1);
	require(refusal != NULL);
	expect_str(refusal->what, "range");
	expect_eq(refusal->id, 1);
	expect_eq(inventory->ranges[0].refused, REFUSED_WRAPS);
}

/* An NVDIMM whose mapping refers to no range is listed, reported, and has no region. */
TEST(inventory, mapping_to_an_unknown_range_is_reported)
{
	const struct inventory *inventory = machine_with("memdev_unknown_spa.nfit", NULL);
	const struct refusal *refusal = find_refusal(inventory, REFUSED_UNKNOWN_RANGE);

	expect_eq(inventory->nr_nvdimms, 2);
	expect_eq(persistent_regions(inventory), 1);
	expect_eq(inventory->sets[0].nr_mappings, 1);
	require(refusal != NULL);
	expect_eq(refusal->id, 2);
}

/* An NVDIMM without its control region is reported, and listed without identity. */
TEST(inventory, missing_control_region_is_reported)
{
	static struct machine machine;
	const struct inventory *inventory;
	struct firmware nfit;

	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 128 * MIB);
	nfit_add_mapping(&nfit, 7, 1, 128 * MIB, 0);
	machine_begin(&machine);
	machine.sources.nfit = (struct acpi_bytes){nfit.bytes, nfit.length};
	inventory = machine_build(&machine);
	expect(find_refusal(inventory, REFUSED_UNKNOWN_CONTROL) != NULL);
	require(inventory->nr_nvdimms == 1);
	expect(!inventory->nvdimms[0].identified);
	expect_eq(persistent_regions(inventory), 1);
}

/* A structure of an unknown type is reported and does no harm. */
TEST(inventory, unknown_structure_is_reported)
{
	const struct inventory *inventory = machine_with("unknown_type_middle.nfit", NULL);

	expect(find_refusal(inventory, REFUSED_UNKNOWN_TYPE) != NULL);
	expect(persistent_region(inventory, 0)->armed);
}

/* Of a table that breaks off what came before is kept, but flags that are lost may be bad ones. */
TEST(inventory, region_without_its_mapping_is_not_armed)
{
	const struct inventory *inventory = machine_with("zero_length_struct.nfit", NULL);

	expect(find_refusal(inventory, REFUSED_MALFORMED) != NULL);
	expect(find_refusal(inventory, REFUSED_INCOMPLETE) != NULL);
	expect_extent(persistent_region(inventory, 0), GIB4, 128 * MIB);
	expect(!persistent_region(inventory, 0)->armed);
}

/* A structure that is rejected at the table's end takes nothing else with it. */
TEST(inventory, structure_past_the_end_is_reported)
{
	const struct inventory *inventory = machine_with("struct_past_end.nfit", NULL);

	expect(find_refusal(inventory, REFUSED_MALFORMED) != NULL);
	expect(persistent_region(inventory, 0)->armed);
}

/* Flush hints that overrun their structure count as none. */
TEST(inventory, broken_flush_hints_are_none)
{
	const struct inventory *inventory = machine_with("flush_count_overrun.nfit", NULL);

	expect(find_refusal(inventory, REFUSED_MALFORMED) != NULL);
	expect_eq(inventory->nvdimms[0].hints, 0);
	expect_eq(persistent_regions(inventory), 1);
}

/* Firmware that will not save an NVDIMM says so, and its region is not armed. */
TEST(inventory, not_armed_is_kept)
{
	static const char *const tables[] = {"flag_not_armed.nfit", "q35_1x128M_unarmed.nfit"};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct inventory *inventory = machine_with(tables[i], NULL);

		expect_eq(inventory->nvdimms[0].flags, NFIT_NOT_ARMED);
		expect(!persistent_region(inventory, 0)->armed);
	}
}

/* There is no limit to the number of ranges but that of the table's length. */
TEST(inventory, thousand_ranges_are_thousand_regions)
{
	const struct inventory *inventory = machine_with("many_spas_1024.nfit", NULL);

	expect_eq(persistent_regions(inventory), 1024);
	expect_eq(inventory->nr_nvdimms, 1024);
	for (size_t i = 0; i < 1024; i++) {
		const struct region *region = &inventory->regions[inventory->nr_regions - 1024 + i];

		require(pfn_to_phys(region->start).addr == GIB4 + i * 2 * MIB);
		require(region_bytes(region) == 2 * MIB);
		require(region->armed);
	}
	expect_str(persistent_region(inventory, 1023)->name, "pmem1023");
}

/* Linux's simulated bus: two sets over four NVDIMMs, which neighbour and stay two regions. */
TEST(inventory, simulated_bus_has_its_sets)
{
	static const char *const tables[] = {"nfit_test0_pmem_only.nfit", "nfit_test0_blk.nfit",
					     "nfit_test0_after_hotplug.nfit"};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct inventory *inventory = machine_with(tables[i], NULL);
		const struct interleave_set *sets = inventory->sets;

		require(inventory->nr_sets >= 2);
		expect_extent(persistent_region(inventory, 0), GIB4, 32 * MIB);
		expect_extent(persistent_region(inventory, 1), GIB4 + 32 * MIB, 64 * MIB);
		expect_eq(sets[0].nr_mappings, 2);
		expect_eq(sets[0].cookie_v1_1, 0x3fe000000fe);
		expect_eq(sets[0].cookie_v1_2, 0x40e62f0cc00f58ac);
		expect_eq(sets[1].nr_mappings, 4);
		expect_eq(sets[1].cookie_v1_1, 0xc0ffadb0100fefb);
		expect_eq(sets[1].cookie_v1_2, (long long)0xa76c6907811fae57);
		expect(persistent_region(inventory, 0)->armed);
		expect(persistent_region(inventory, 1)->armed);
		expect_eq(inventory->nvdimms[0].hints, 8);
		expect_eq(inventory->nvdimms[0].size, 32 * MIB);
		expect_eq(inventory->nvdimms[1].flags, NFIT_HEALTH_NOTIFY);
	}
}

/* What is plugged in later is one NVDIMM and one region more. */
TEST(inventory, hot_plugged_nvdimm_is_one_more)
{
	const struct inventory *inventory = machine_with("nfit_test0_pmem_only.nfit", NULL);

	expect_eq(inventory->nr_nvdimms, 4);
	expect_eq(persistent_regions(inventory), 2);
	inventory = machine_with("nfit_test0_after_hotplug.nfit", NULL);
	expect_eq(inventory->nr_nvdimms, 5);
	expect_eq(inventory->nvdimms[4].handle, 0x1000);
	expect_eq(persistent_regions(inventory), 3);
	expect_extent(persistent_region(inventory, 2), GIB4 + 96 * MIB, 32 * MIB);
}

/* Control regions and block windows are listed and not managed. */
TEST(inventory, other_ranges_are_listed_only)
{
	const struct inventory *inventory = machine_with("nfit_test0_blk.nfit", NULL);
	size_t control_regions = 0, block_windows = 0;

	expect_eq(inventory->nr_ranges, 10);
	expect_eq(persistent_regions(inventory), 2);
	for (size_t i = 0; i < inventory->nr_ranges; i++) {
		const struct inventory_range *range = &inventory->ranges[i];

		control_regions += range->type == NFIT_CONTROL_REGION;
		block_windows += range->type == NFIT_BLOCK_WINDOW;
		expect_eq(range->regions, range->type == NFIT_PERSISTENT);
	}
	expect_eq(control_regions, 4);
	expect_eq(block_windows, 4);
}

/* A region with flags of loss is not armed; an NVDIMM that is not mapped and a CD are listed. */
TEST(inventory, second_simulated_bus_is_not_armed)
{
	const struct inventory *inventory = machine_with("nfit_test1.nfit", NULL);

	expect_eq(persistent_regions(inventory), 1);
	expect(!persistent_region(inventory, 0)->armed);
	require(inventory->nr_nvdimms == 2);
	expect_eq(inventory->nvdimms[0].flags, 0x1f);
	expect_eq(inventory->nvdimms[1].handle, 0x10001);
	expect_eq(inventory->nvdimms[1].flags, NFIT_MAP_FAILED);
	expect_eq(inventory->nvdimms[1].size, 32 * MIB);
	require(inventory->nr_ranges == 2);
	expect_eq(inventory->ranges[0].index, 0);
	expect_eq(inventory->ranges[0].type, NFIT_VOLATILE_CD);
	expect_eq(inventory->ranges[0].length, 4 * MIB);
	expect_eq(inventory->ranges[0].refused, NOT_REFUSED);
}

/* Regions are sorted by address, in whatever order the table has the ranges. */
TEST(inventory, regions_are_sorted)
{
	const struct inventory *inventory = machine_with("q35_8x64M.nfit", NULL);

	expect_eq(inventory->nr_nvdimms, 8);
	require(persistent_regions(inventory) == 8);
	for (size_t i = 0; i < 8; i++)
		expect_extent(persistent_region(inventory, i), GIB4 + i * 64 * MIB, 64 * MIB);
}

/* Sizes, labels and flags of QEMU's NVDIMMs stay with the right one. */
TEST(inventory, mixed_nvdimms_keep_apart)
{
	static const struct {
		uint64_t start, length;
		bool armed;
	} cases[] = {
		{0x100000000, 0x8000000, true},
		{0x108000000, 0x10000000, false},
		{0x118000000, 0x3fe00000, true},
		{0x157e00000, 0x4000000, true},
	};
	const struct inventory *inventory = machine_with("q35_4x_mixed.nfit", "q35_4x_mixed.srat");

	require(persistent_regions(inventory) == ARRAY_SIZE(cases));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct region *region = persistent_region(inventory, i);

		expect_extent(region, cases[i].start, cases[i].length);
		expect_eq(region->armed, cases[i].armed);
		expect_eq(region->domain, PERSISTENCE_CPU_CACHE);
	}
}

/* Persistent regions have the node of their range, and DRAM is divided by nodes. */
TEST(inventory, nodes_are_those_of_the_tables)
{
	const struct inventory *inventory = machine_with("q35_2node.nfit", "q35_2node.srat");
	const struct region *regions = inventory->regions;

	expect_eq(persistent_region(inventory, 0)->node, 1);
	expect_eq(persistent_region(inventory, 1)->node, 2);
	require(inventory->nr_regions == 4);
	expect_extent(&regions[0], 1 * MIB, 1 * MIB);
	expect_extent(&regions[1], 4 * MIB, 0x7be0000);
	expect_eq(regions[1].node, 0);
	expect(!find_refusal(inventory, REFUSED_NODES_DISAGREE));
}

/* Without a bad word in them the tables of QEMU give no reason to refuse anything. */
TEST(inventory, tables_of_qemu_are_not_refused)
{
	for (size_t i = 0; table_at(i).bytes; i++) {
		struct table table = table_at(i);

		if (table_is_nfit(table) && strncmp(table.name, "q35", 3) == 0)
			expect_eq(machine_with(table.name, NULL)->nr_refusals, 0);
	}
}

/* Without tables there is DRAM and nothing else. */
TEST(inventory, no_tables_is_a_machine_too)
{
	const struct inventory *inventory = machine_with(NULL, NULL);

	expect_eq(inventory->nr_nvdimms, 0);
	expect_eq(persistent_regions(inventory), 0);
	expect_eq(inventory->nr_regions, 2);
	expect_eq(inventory->nr_refusals, 0);
}

/* Storage that is a byte too small is refused, and not written past its end. */
TEST(inventory, small_storage_is_refused)
{
	static struct machine machine;
	static struct inventory inventory;
	struct table table = table_named("ok_minimal.nfit");
	size_t bytes;
	void *storage;

	machine_begin(&machine);
	machine.sources.nfit = (struct acpi_bytes){table.bytes, table.length};
	bytes = inventory_size(&machine.sources);
	storage = calloc(1, bytes);
	require(storage != NULL);
	test_cleanup(free, storage);
	expect_eq(inventory_build(&machine.sources, storage, bytes - 1, &inventory), -ENOMEM);
	expect_eq(inventory_build(&machine.sources, NULL, bytes, &inventory), -ENOMEM);
	expect_eq(inventory_build(&machine.sources, storage, bytes, &inventory), 0);
}

/* A table longer than any real one is refused as a whole. */
TEST(inventory, overlong_table_is_refused)
{
	static struct machine machine;
	struct table table = table_named("ok_minimal.nfit");
	const struct inventory *inventory;

	machine_begin(&machine);
	machine.sources.nfit = (struct acpi_bytes){table.bytes, INVENTORY_TABLE_BYTES_MAX + 1};
	/* Nor does it need room. */
	expect(inventory_size(&machine.sources) < INVENTORY_TABLE_BYTES_MAX);
	inventory = machine_build(&machine);
	expect(find_refusal(inventory, REFUSED_TOO_LONG) != NULL);
	expect_eq(persistent_regions(inventory), 0);
}

/* Builds in memory of exactly the sizes needed, so that a sanitizer sees each byte beyond. */
static void build_copy(const uint8_t *bytes, size_t length)
{
	static struct machine machine;
	static struct inventory inventory;
	uint32_t stated = (uint32_t)length;
	uint8_t *copy = malloc(length);
	size_t storage_bytes;
	void *storage;
	const char *broken;

	require(copy != NULL);
	memcpy(copy, bytes, length);
	memcpy(copy + offsetof(struct acpi_header, length), &stated, sizeof(stated));
	machine_begin(&machine);
	if (memcmp(bytes, "NFIT", 4) == 0)
		machine.sources.nfit = (struct acpi_bytes){copy, length};
	else
		machine.sources.srat = (struct acpi_bytes){copy, length};
	storage_bytes = inventory_size(&machine.sources);
	storage = calloc(1, storage_bytes);
	require(storage != NULL);
	require(inventory_build(&machine.sources, storage, storage_bytes, &inventory) == 0);
	broken = machine_check(&machine, &inventory);
	free(copy);
	free(storage);
	expect_str(broken, NULL);
}

/* Tables may end anywhere: what is left makes a sound inventory. */
TEST(inventory, every_truncation_is_survived)
{
	for (size_t i = 0; table_at(i).bytes; i++) {
		struct table table = table_at(i);

		for (size_t length = sizeof(struct acpi_header);
		     length < table.length && table.length <= 4096; length++)
			build_copy(table.bytes, length);
	}
}

/* Any byte may be wrong: regions are in no RAM, in nothing that is in use, and apart. */
TEST(inventory, every_wrong_byte_is_survived)
{
	for (size_t i = 0; table_at(i).bytes; i++) {
		struct table table = table_at(i);
		static uint8_t bytes[4096];

		if (table.length > sizeof(bytes))
			continue;
		memcpy(bytes, table.bytes, table.length);
		for (size_t at = sizeof(struct acpi_header); at < table.length; at++) {
			bytes[at] ^= 0xff;
			build_copy(bytes, table.length);
			bytes[at] = (uint8_t)test_random();
			build_copy(bytes, table.length);
			bytes[at] = table.bytes[at];
		}
	}
}
