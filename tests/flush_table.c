/* SPDX-License-Identifier: BSD-2-Clause */
/* Flush hints, from the NFIT to the table that a drain looks into: which are used, and for what. */
#include "drivers/acpi_layout.h"
#include "drivers/flush_table.h"
#include "mm/host.h"
#include "tests/firmware.h"
#include "tests/test.h"

#include <string.h>

#define GIB4  0x100000000ull
#define MIB   (1ull << 20)
#define HINTS 0xfd000000ull /* where this machine has nothing */

enum { FRAMES = 4 };

static struct machine machine;
static struct firmware nfit;
static struct inventory inventory;

/* What plays the frames from HINTS on, and how often each was mapped. */
static uint64_t frames[FRAMES][PAGE_SIZE / sizeof(uint64_t)];
static unsigned times_mapped[FRAMES];
static unsigned mappable; /* frames from here on cannot be mapped */

static void *map(phys_t start, size_t bytes)
{
	size_t frame = (start.addr - HINTS) / PAGE_SIZE;

	expect_eq(bytes, PAGE_SIZE);
	expect_eq(start.addr % PAGE_SIZE, 0);
	require(frame < FRAMES);
	if (frame >= mappable)
		return NULL;
	times_mapped[frame]++;
	return frames[frame];
}

static void begin(void)
{
	machine_begin(&machine);
	nfit_begin(&nfit);
	memset(times_mapped, 0, sizeof(times_mapped));
	mappable = FRAMES;
}

static void add_hint(uint32_t handle, uint64_t address)
{
	nfit_add_hints(&nfit, handle, &address, 1);
}

/* A copy, since hints that cannot be mapped change it. All may be written. */
static void build(void)
{
	machine.sources.nfit = (struct acpi_bytes){nfit.bytes, nfit.length};
	inventory = *machine_build(&machine);
	for (size_t i = 0; i < inventory.nr_regions; i++)
		inventory.regions[i].writable = inventory.regions[i].kind == MEMORY_PERSISTENT;
}

static const struct flush_range *table;

static size_t build_table(void)
{
	static uint64_t storage[1024];

	require(flush_table_size(&inventory) <= sizeof(storage));
	return flush_table_build(&inventory, map, storage, &table);
}

static uint64_t *place(size_t frame, size_t offset)
{
	return &frames[frame][offset / sizeof(uint64_t)];
}

/* A region's NVDIMMs are told, each by its own addresses, and of several by a power of two. */
TEST(flush_table, each_region_has_the_hints_of_its_nvdimms)
{
	static const uint64_t three[] = {HINTS + PAGE_SIZE, HINTS + PAGE_SIZE + 64, HINTS + 64};

	begin();
	nfit_add_nvdimm(&nfit, 1, GIB4, 16 * MIB);
	nfit_add_nvdimm(&nfit, 2, GIB4 + 16 * MIB, 16 * MIB);
	nfit_add_nvdimm(&nfit, 3, GIB4 + 32 * MIB, 16 * MIB);
	add_hint(1, HINTS);
	nfit_add_hints(&nfit, 3, three, ARRAY_SIZE(three));
	build();
	require(build_table() == 2);

	expect(table[0].start == (uintptr_t)host_virt(phys(GIB4)));
	expect_eq(table[0].end - table[0].start, 16 * MIB);
	require(table[0].nr_nvdimms == 1);
	expect_eq(table[0].nvdimms[0].nr, 1);
	expect(table[0].nvdimms[0].addresses[0] == place(0, 0));

	expect(table[1].start == (uintptr_t)host_virt(phys(GIB4 + 32 * MIB)));
	require(table[1].nr_nvdimms == 1);
	expect_eq(table[1].nvdimms[0].nr, 2);
	expect(table[1].nvdimms[0].addresses[0] == place(1, 0));
	expect(table[1].nvdimms[0].addresses[1] == place(1, 64));
	expect_eq(inventory.nr_refusals, 0);
}

/* Two NVDIMMs of one set are both told; one that is mapped twice is told once. */
TEST(flush_table, each_nvdimm_of_a_set_is_there_once)
{
	begin();
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 24 * MIB);
	nfit_add_mapping(&nfit, 1, 1, 8 * MIB, 0);
	nfit_add_mapping(&nfit, 2, 1, 8 * MIB, 0);
	nfit_add_mapping(&nfit, 1, 1, 8 * MIB, 0);
	add_hint(1, HINTS);
	add_hint(2, HINTS + 8);
	build();
	require(build_table() == 1);
	require(table[0].nr_nvdimms == 2);
	expect(table[0].nvdimms[0].addresses[0] != table[0].nvdimms[1].addresses[0]);
	/* One page, and it was mapped once. */
	expect_eq(times_mapped[0], 1);
}

/* What may not be written has no hints written either: they are not even mapped. */
TEST(flush_table, read_only_regions_have_none)
{
	begin();
	nfit_add_nvdimm(&nfit, 1, GIB4, 16 * MIB);
	add_hint(1, HINTS);
	build();
	for (size_t i = 0; i < inventory.nr_regions; i++)
		inventory.regions[i].writable = false;
	expect_eq(build_table(), 0);
	expect_eq(times_mapped[0], 0);
}

/* Of more hints than are of use the first are taken, and no more pages than those need. */
TEST(flush_table, no_more_hints_than_are_of_use)
{
	begin();
	nfit_add_nvdimm(&nfit, 1, GIB4, 16 * MIB);
	for (uint64_t i = 0; i < FLUSH_HINTS_MAX + 10; i++)
		add_hint(1, i < FLUSH_HINTS_MAX ? HINTS + i * 8 : HINTS + PAGE_SIZE + i * 8);
	build();
	expect_eq(inventory.nvdimms[0].hints, FLUSH_HINTS_MAX + 10);
	require(build_table() == 1);
	expect_eq(table[0].nvdimms[0].nr, FLUSH_HINTS_MAX);
	expect_eq(times_mapped[0], 1);
	expect_eq(times_mapped[1], 0);
}

/* A hint that cannot be mapped is not used, and said so; the others of its NVDIMM are. */
TEST(flush_table, unmapped_hints_are_refused)
{
	begin();
	nfit_add_nvdimm(&nfit, 1, GIB4, 16 * MIB);
	nfit_add_nvdimm(&nfit, 2, GIB4 + 16 * MIB, 16 * MIB);
	add_hint(1, HINTS + PAGE_SIZE);
	add_hint(1, HINTS + 8);
	add_hint(2, HINTS + 2 * PAGE_SIZE);
	build();
	mappable = 1;
	require(build_table() == 1);
	require(table[0].nr_nvdimms == 1);
	expect(table[0].nvdimms[0].addresses[0] == place(0, 8));
	expect_eq(inventory.nvdimms[0].usable_hints, 1);
	expect_eq(inventory.nvdimms[1].usable_hints, 0);
	expect_eq(inventory.nr_refusals, 2);
	expect(find_refusal(&inventory, REFUSED_HINT_UNMAPPED) != NULL);
}

static void expect_hint_refused(uint64_t address, enum refusal_reason reason)
{
	const struct refusal *refusal;

	begin();
	machine_add_memory(&machine, GIB4 + 64 * MIB, 16 * MIB, MEMORY_TYPE_PMEM);
	machine_add_memory(&machine, GIB4 + 96 * MIB, 16 * MIB, MEMORY_TYPE_PRAM);
	machine_add_memory(&machine, 0xfc000000, PAGE_SIZE, MEMORY_TYPE_NVS);
	nfit_add_nvdimm(&nfit, 1, GIB4, 16 * MIB);
	nfit_add_range(&nfit, 2, GUID_BLOCK_WINDOW, GIB4 + 32 * MIB, MIB);
	add_hint(1, address);
	build();
	expect_eq(build_table(), 0);
	expect_eq(inventory.nvdimms[0].hints, 1);
	expect_eq(inventory.nvdimms[0].usable_hints, 0);
	refusal = find_refusal(&inventory, reason);
	if (!refusal) {
		fail("%#llx is not refused as %s", (unsigned long long)address,
		     refusal_word(reason));
		return;
	}
	expect_str(refusal->what, "hint");
	expect_eq(refusal->id, 1);
	expect_eq(refusal->start.addr, address);
}

/* Firmware that names an address which is somebody's does not get it written. */
TEST(flush_table, hints_in_memory_are_refused)
{
	expect_hint_refused(HINTS + 4, REFUSED_HINT_UNALIGNED);
	expect_hint_refused(1ull << 40, REFUSED_BEYOND_CPU);
	expect_hint_refused(UINT64_MAX - 7, REFUSED_BEYOND_CPU);
	expect_hint_refused(3 * MIB, REFUSED_OVERLAPS_USED);
	expect_hint_refused(100 * MIB, REFUSED_OVERLAPS_RAM);
	expect_hint_refused(0xfc000008, REFUSED_OVERLAPS_FIRMWARE);
	/* in the region, in a window of blocks, in persistent memory that the NFIT does not name */
	expect_hint_refused(GIB4 + 8 * MIB, REFUSED_OVERLAPS_DATA);
	expect_hint_refused(GIB4 + 32 * MIB, REFUSED_OVERLAPS_DATA);
	expect_hint_refused(GIB4 + 64 * MIB, REFUSED_OVERLAPS_DATA);
	expect_hint_refused(GIB4 + 96 * MIB, REFUSED_OVERLAPS_DATA);
}

/* Registers that a table names are not written either. */
TEST(flush_table, hints_in_registers_are_refused)
{
	static struct firmware madt;
	const struct madt_io_apic io_apic = {{MADT_IO_APIC, sizeof(io_apic)}, 0, 0, HINTS, 0};

	begin();
	firmware_begin(&madt, "APIC", 1, sizeof(struct madt_header));
	firmware_add(&madt, &io_apic, sizeof(io_apic));
	machine.sources.madt = (struct acpi_bytes){madt.bytes, madt.length};
	nfit_add_nvdimm(&nfit, 1, GIB4, 16 * MIB);
	add_hint(1, HINTS + 64);
	build();
	expect_eq(build_table(), 0);
	expect(find_refusal(&inventory, REFUSED_OVERLAPS_DEVICE) != NULL);
}

/* The domain that counts is the weakest of what is written; without any, nothing is known. */
TEST(flush_table, weakest_domain_counts)
{
	begin();
	nfit_add_nvdimm(&nfit, 1, GIB4, 16 * MIB);
	nfit_add_nvdimm(&nfit, 2, GIB4 + 16 * MIB, 16 * MIB);
	build();
	for (size_t i = 0; i < inventory.nr_regions; i++)
		inventory.regions[i].domain = PERSISTENCE_CPU_CACHE;
	expect_eq(flush_table_domain(&inventory), PERSISTENCE_CPU_CACHE);
	inventory.regions[inventory.nr_regions - 1].domain = PERSISTENCE_MEMORY_CONTROLLER;
	expect_eq(flush_table_domain(&inventory), PERSISTENCE_MEMORY_CONTROLLER);
	inventory.regions[inventory.nr_regions - 1].writable = false;
	expect_eq(flush_table_domain(&inventory), PERSISTENCE_CPU_CACHE);
	for (size_t i = 0; i < inventory.nr_regions; i++)
		inventory.regions[i].writable = false;
	expect_eq(flush_table_domain(&inventory), PERSISTENCE_UNKNOWN);
}
