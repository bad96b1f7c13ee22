/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules by which the inventory protects data, each with a machine that would break it. */
#include "drivers/acpi_layout.h"
#include "drivers/inventory.h"
#include "drivers/nfit_claims.h"
#include "tests/firmware.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

#define GIB4 0x100000000ull
#define MIB  (1ull << 20)
#define GIB  (1ull << 30)

static struct machine machine;
static struct firmware nfit;

/* A machine with one NVDIMM; what a test does to it comes before building it. */
static void begin_with_range(uint64_t start, uint64_t length)
{
	machine_begin(&machine);
	nfit_begin(&nfit);
	nfit_add_nvdimm(&nfit, 1, start, length);
}

static const struct inventory *build(void)
{
	machine.sources.nfit = (struct acpi_bytes){nfit.bytes, nfit.length};
	return machine_build(&machine);
}

/* The range is refused for this reason, and has no region. */
static void expect_refused(const struct inventory *inventory, enum refusal_reason reason)
{
	expect_eq(persistent_regions(inventory), 0);
	expect_eq(inventory->ranges[0].refused, reason);
	if (!find_refusal(inventory, reason))
		fail("expected a refusal with reason=%s, found none", refusal_word(reason));
}

/* The fields of the range that begin_with_range() made, to be changed. */
static void change_range(size_t field, const void *value, size_t bytes)
{
	memcpy(nfit.bytes + sizeof(struct nfit_header) + field, value, bytes);
	firmware_seal(&nfit);
}

/* RAM that the NFIT calls persistent is known before any memory is used; other claims do not count.
 */
TEST(inventory, claims_on_ram_are_known_early)
{
	struct memory_range claims[2];
	size_t nr = 0;

	begin_with_range(GIB4, 64 * MIB);
	nfit_add_nvdimm(&nfit, 2, 16 * MIB, MIB);
	nfit_add_range(&nfit, 3, GUID_VOLATILE, 32 * MIB, MIB);
	nfit_add_nvdimm(&nfit, 4, 127 * MIB, 2 * MIB);
	build();
	expect_eq(nfit_claims(machine.sources.nfit, machine.sources.map, machine.sources.nr_map,
			      claims, &nr, ARRAY_SIZE(claims)),
		  0);
	require(nr == 2);
	expect_eq(claims[0].start.addr, 16 * MIB);
	expect_eq(claims[0].length, MIB);
	expect_eq(claims[1].start.addr, 127 * MIB);
	expect_eq(claims[1].length, 2 * MIB);

	nr = 1;
	expect_eq(nfit_claims(machine.sources.nfit, machine.sources.map, machine.sources.nr_map,
			      claims, &nr, ARRAY_SIZE(claims)),
		  -ENOSPC);
	expect_eq(nfit_claims((struct acpi_bytes){NULL, 0}, NULL, 0, claims, &nr, 2), 0);
}

/* An extent that cannot be is refused. */
TEST(inventory, impossible_range_is_refused)
{
	static const struct {
		uint64_t start, length;
		enum refusal_reason reason;
	} cases[] = {
		{GIB4, 0, REFUSED_EMPTY},
		{UINT64_MAX - 4095, 8192, REFUSED_WRAPS},
		{(1ull << 40) - MIB, 2 * MIB, REFUSED_BEYOND_CPU},
		{1ull << 40, MIB, REFUSED_BEYOND_CPU},
		{GIB4 + 512, MIB, REFUSED_UNALIGNED},
		{GIB4, MIB + 512, REFUSED_UNALIGNED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin_with_range(cases[i].start, cases[i].length);
		expect_refused(build(), cases[i].reason);
	}
}

/* A range that cannot be takes nothing from the others, nor from RAM. */
TEST(inventory, impossible_range_claims_nothing)
{
	const struct inventory *inventory;

	begin_with_range(GIB4, 16 * MIB);
	nfit_add_nvdimm(&nfit, 2, 4096, UINT64_MAX - 8191);
	inventory = build();
	expect_eq(inventory->ranges[1].refused, REFUSED_BEYOND_CPU);
	expect_eq(persistent_regions(inventory), 1);
	expect_eq(inventory->nr_regions, 3);
}

/* A range up to the CPU's last byte is in; memory past 64 TiB is not, whatever the CPU can do. */
TEST(inventory, range_ends_where_memory_can_be_mapped)
{
	begin_with_range((1ull << 40) - MIB, MIB);
	expect_eq(persistent_regions(build()), 1);
	begin_with_range((1ull << 46) - MIB, MIB);
	machine.sources.physical_bits = 52;
	expect_eq(persistent_regions(build()), 1);
	begin_with_range((1ull << 46) - MIB, 2 * MIB);
	machine.sources.physical_bits = 52;
	expect_refused(build(), REFUSED_BEYOND_MAP);
}

/* RAM that a range claims is used neither as persistent memory nor as RAM. */
TEST(inventory, ram_in_a_range_is_used_for_nothing)
{
	const struct inventory *inventory;
	const struct refusal *refusal;

	begin_with_range(0x6000000, 16 * MIB);
	inventory = build();
	expect_refused(inventory, REFUSED_OVERLAPS_RAM);
	refusal = find_refusal(inventory, REFUSED_CLAIMED_BY_RANGE);
	require(refusal != NULL);
	expect_eq(refusal->start.addr, 0x6000000);
	expect_eq(refusal->length, 16 * MIB);
	for (size_t i = 0; i < inventory->nr_regions; i++)
		expect(!region_holds(&inventory->regions[i], phys_to_pfn(phys(0x6800000))));
}

/* A single frame in common is enough to refuse all of the range. */
TEST(inventory, one_common_frame_refuses_the_range)
{
	begin_with_range(GIB4, 16 * MIB);
	machine_add_memory(&machine, GIB4 + 16 * MIB - 4096, 4096, MEMORY_TYPE_RAM);
	expect_refused(build(), REFUSED_OVERLAPS_RAM);
	begin_with_range(GIB4, 16 * MIB);
	machine_add_memory(&machine, GIB4 + 16 * MIB, 4096, MEMORY_TYPE_RAM);
	expect_eq(persistent_regions(build()), 1);
}

/* What is in use already, as the kernel's image, is in no region. */
TEST(inventory, range_over_used_memory_is_refused)
{
	begin_with_range(0x200000, 4096);
	expect_refused(build(), REFUSED_OVERLAPS_USED);
}

/* Memory of the firmware itself is not touched. */
TEST(inventory, range_over_firmware_is_refused)
{
	static const uint32_t types[] = {MEMORY_TYPE_ACPI, MEMORY_TYPE_NVS, MEMORY_TYPE_BAD};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		begin_with_range(GIB4, 16 * MIB);
		machine_add_memory(&machine, GIB4 + MIB, 1, types[i]);
		expect_refused(build(), REFUSED_OVERLAPS_FIRMWARE);
	}
}

/* Firmware marks persistent memory in its map, as such or as reserved: that is no contradiction. */
TEST(inventory, range_over_its_own_mark_is_a_region)
{
	static const uint32_t types[] = {MEMORY_TYPE_RESERVED, MEMORY_TYPE_PMEM, MEMORY_TYPE_PRAM,
					 MEMORY_TYPE_UEFI_RESERVED};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct inventory *inventory;

		begin_with_range(GIB4, 16 * MIB);
		machine_add_memory(&machine, GIB4, 16 * MIB, types[i]);
		inventory = build();
		expect_eq(persistent_regions(inventory), 1);
		expect_eq(inventory->nr_refusals, 0);
	}
}

/* Persistent memory that only the memory map knows is listed and not used. */
TEST(inventory, mark_without_a_range_is_listed)
{
	const struct inventory *inventory;
	const struct refusal *refusal;

	begin_with_range(GIB4, 16 * MIB);
	machine_add_memory(&machine, GIB4, 24 * MIB, MEMORY_TYPE_PRAM);
	inventory = build();
	expect_eq(persistent_regions(inventory), 1);
	refusal = find_refusal(inventory, REFUSED_NOT_IN_NFIT);
	require(refusal != NULL);
	expect_eq(refusal->start.addr, GIB4 + 16 * MIB);
	expect_eq(refusal->length, 8 * MIB);
	/* A range of any type is a name. */
	nfit_add_range(&nfit, 0, GUID_PERSISTENT_DISK, GIB4 + 16 * MIB, 8 * MIB);
	expect_eq(build()->nr_refusals, 0);
}

/* Registers are no memory: local and I/O APIC, PCI's configuration space, the event timer. */
TEST(inventory, range_over_registers_is_refused)
{
	static const uint64_t registers[] = {0xfee00000, 0xfec00000, 0xb0100000, 0xfed00000};
	static struct firmware madt, mcfg, hpet;
	const struct madt_io_apic io_apic = {{MADT_IO_APIC, sizeof(io_apic)}, 0, 0, 0xfec00000, 0};
	const struct mcfg_window window = {0xb0000000, 0, 0, 255, 0};
	const uint32_t local_apic = 0xfee00000;
	const uint64_t timer = 0xfed00000;

	firmware_begin(&madt, "APIC", 1, sizeof(struct madt_header));
	memcpy(madt.bytes + offsetof(struct madt_header, local_apic), &local_apic,
	       sizeof(local_apic));
	firmware_add(&madt, &io_apic, sizeof(io_apic));
	firmware_begin(&mcfg, "MCFG", 1, sizeof(struct mcfg_header));
	firmware_add(&mcfg, &window, sizeof(window));
	firmware_begin(&hpet, "HPET", 1, sizeof(struct hpet_table));
	memcpy(hpet.bytes + offsetof(struct hpet_table, address), &timer, sizeof(timer));
	firmware_seal(&hpet);
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		begin_with_range(registers[i], 4096);
		expect_eq(persistent_regions(build()), 1);
		begin_with_range(registers[i], 4096);
		machine.sources.madt = (struct acpi_bytes){madt.bytes, madt.length};
		machine.sources.mcfg = (struct acpi_bytes){mcfg.bytes, mcfg.length};
		machine.sources.hpet = (struct acpi_bytes){hpet.bytes, hpet.length};
		expect_refused(build(), REFUSED_OVERLAPS_DEVICE);
	}
}

/* Memory that may not be cached write-back is not mapped so, hence not at all. */
TEST(inventory, range_that_is_not_write_back_is_refused)
{
	uint64_t attributes = NFIT_ATTRIBUTE_UNCACHED;

	begin_with_range(GIB4, 16 * MIB);
	change_range(offsetof(struct nfit_range, attributes), &attributes, sizeof(attributes));
	expect_refused(build(), REFUSED_NOT_WRITE_BACK);
	attributes = 0; /* says nothing */
	change_range(offsetof(struct nfit_range, attributes), &attributes, sizeof(attributes));
	expect_eq(persistent_regions(build()), 1);
}

/* What a range that is refused claims is nobody else's all the same. */
TEST(inventory, refused_range_keeps_its_claim)
{
	const uint64_t attributes = NFIT_ATTRIBUTE_UNCACHED;
	const struct inventory *inventory;

	begin_with_range(GIB4, 16 * MIB);
	change_range(offsetof(struct nfit_range, attributes), &attributes, sizeof(attributes));
	nfit_add_range(&nfit, 2, GUID_PERSISTENT, GIB4 + 8 * MIB, 16 * MIB);
	inventory = build();
	require(persistent_regions(inventory) == 1);
	expect_eq(pfn_to_phys(persistent_region(inventory, 0)->start).addr, GIB4 + 16 * MIB);
}

/* Index 0 is for ranges that no mapping refers to, which persistent memory is not. */
TEST(inventory, persistent_range_of_index_zero_is_refused)
{
	uint16_t index = 0;

	begin_with_range(GIB4, 16 * MIB);
	change_range(offsetof(struct nfit_range, index), &index, sizeof(index));
	expect_refused(build(), REFUSED_INDEX_ZERO);
}

/* Of two ranges with one index nobody can say which one the mappings mean. */
TEST(inventory, ranges_of_one_index_are_refused)
{
	const struct inventory *inventory;

	begin_with_range(GIB4, 16 * MIB);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4 + GIB, 16 * MIB);
	inventory = build();
	expect_refused(inventory, REFUSED_INDEX_TWICE);
	expect_eq(inventory->ranges[1].refused, REFUSED_INDEX_TWICE);
}

/* Three ranges over one another: only what a single one claims is a region. */
TEST(inventory, parts_of_a_single_range_are_regions)
{
	const struct inventory *inventory;

	begin_with_range(GIB4, 48 * MIB);
	nfit_add_nvdimm(&nfit, 2, GIB4 + 16 * MIB, 16 * MIB);
	nfit_add_range(&nfit, 3, GUID_VOLATILE, GIB4 + 40 * MIB, 4 * MIB);
	inventory = build();
	require(persistent_regions(inventory) == 3);
	expect_eq(region_bytes(persistent_region(inventory, 0)), 16 * MIB);
	expect_eq(region_bytes(persistent_region(inventory, 1)), 8 * MIB);
	expect_eq(region_bytes(persistent_region(inventory, 2)), 4 * MIB);
	expect_eq(inventory->ranges[1].refused, REFUSED_OVERLAPS_RANGE);
}

/* A refused range claims its bytes all the same. */
TEST(inventory, refused_range_still_claims)
{
	const struct inventory *inventory;

	begin_with_range(GIB4, 16 * MIB);
	nfit_add_nvdimm(&nfit, 2, GIB4 + 8 * MIB, 16 * MIB);
	machine_add_memory(&machine, GIB4 + 23 * MIB, MIB, MEMORY_TYPE_RAM);
	inventory = build();
	require(persistent_regions(inventory) == 1);
	expect_eq(region_bytes(persistent_region(inventory, 0)), 8 * MIB);
	expect_eq(inventory->ranges[1].refused, REFUSED_OVERLAPS_RAM);
}

/* A virtual disk that ends within a frame takes the whole frame with it. */
TEST(inventory, exclusions_grow_to_frames)
{
	const struct inventory *inventory;

	begin_with_range(GIB4, 16 * MIB);
	nfit_add_range(&nfit, 0, GUID_PERSISTENT_DISK, GIB4 + MIB + 512, 512);
	inventory = build();
	require(persistent_regions(inventory) == 2);
	expect_eq(region_bytes(persistent_region(inventory, 0)), MIB);
	expect_eq(region_bytes(persistent_region(inventory, 1)), 15 * MIB - 4096);
}

/* The bad flags of one NVDIMM of a set are those of the whole set. */
TEST(inventory, one_bad_nvdimm_disarms_its_set)
{
	static const uint16_t flags[] = {NFIT_SAVE_FAILED, NFIT_RESTORE_FAILED, NFIT_FLUSH_FAILED,
					 NFIT_NOT_ARMED, NFIT_MAP_FAILED};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		machine_begin(&machine);
		nfit_begin(&nfit);
		nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 32 * MIB);
		nfit_add_mapping(&nfit, 1, 1, 16 * MIB, NFIT_HEALTH_EVENT | NFIT_HEALTH_NOTIFY);
		nfit_add_mapping(&nfit, 2, 1, 16 * MIB, 0);
		expect(persistent_region(build(), 0)->armed);
		/* Also where another mapping of the same NVDIMM has the flag. */
		nfit_add_mapping(&nfit, 2, 0, 16 * MIB, flags[i]);
		expect(!persistent_region(build(), 0)->armed);
	}
}

/* Mappings that add up to less or to more than the range leave open who answers for it. */
TEST(inventory, mappings_that_do_not_add_up_disarm)
{
	static const uint64_t sizes[] = {8 * MIB, 24 * MIB, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct inventory *inventory;

		machine_begin(&machine);
		nfit_begin(&nfit);
		nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 16 * MIB);
		nfit_add_mapping(&nfit, 1, 1, sizes[i], 0);
		inventory = build();
		expect(!persistent_region(inventory, 0)->armed);
		expect(find_refusal(inventory, REFUSED_INCOMPLETE) != NULL);
	}
}

/* Nor do sizes help that add up only because their sum wraps. */
TEST(inventory, mappings_that_wrap_disarm)
{
	machine_begin(&machine);
	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 16 * MIB);
	nfit_add_mapping(&nfit, 1, 1, (1ull << 63) + 8 * MIB, 0);
	nfit_add_mapping(&nfit, 2, 1, (1ull << 63) + 8 * MIB, 0);
	expect(!persistent_region(build(), 0)->armed);
}

/* The NVDIMMs of a set are in the order of their places in it. */
TEST(inventory, members_are_in_the_order_of_their_places)
{
	const struct inventory *inventory;

	machine_begin(&machine);
	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 48 * MIB);
	for (uint32_t i = 0; i < 3; i++) {
		const struct nfit_mapping mapping = {
			.structure = {NFIT_TYPE_MAPPING, sizeof(mapping)},
			.handle = i,
			.range = 1,
			.size = 16 * MIB,
			.region_offset = (2 - i) * 4096,
		};

		firmware_add(&nfit, &mapping, sizeof(mapping));
	}
	inventory = build();
	require(inventory->nr_sets == 1 && inventory->sets[0].nr_mappings == 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct inventory_mapping *mapping =
			&inventory->mappings[inventory->sets[0].first_mapping + i];

		expect_eq(mapping->region_offset, i * 4096);
		expect_eq(inventory->nvdimms[mapping->nvdimm].handle, 2 - i);
	}
}

/* Where the capabilities contradict each other the weaker promise counts. */
TEST(inventory, weaker_capability_counts)
{
	struct nfit_capabilities capabilities = {
		.structure = {NFIT_TYPE_CAPABILITIES, sizeof(capabilities)}, .highest = 1};

	begin_with_range(GIB4, 16 * MIB);
	capabilities.capabilities = NFIT_MEMORY_CONTROLLER_FLUSHED;
	firmware_add(&nfit, &capabilities, sizeof(capabilities));
	capabilities.capabilities |= NFIT_CPU_CACHE_FLUSHED;
	firmware_add(&nfit, &capabilities, sizeof(capabilities));
	expect_eq(persistent_region(build(), 0)->domain, PERSISTENCE_MEMORY_CONTROLLER);
}

/* Every reason has a word for machines and a sentence for people. */
TEST(inventory, reasons_have_words)
{
	for (unsigned reason = 0; reason < REFUSAL_REASONS; reason++) {
		const char *word = refusal_word((enum refusal_reason)reason);

		require(word != NULL && *word);
		expect(strspn(word, "abcdefghijklmnopqrstuvwxyz-") == strlen(word));
		expect(refusal_sentence((enum refusal_reason)reason) != NULL);
	}
}
