/* SPDX-License-Identifier: BSD-2-Clause */
/* The parsers of the MADT, SRAT, MCFG and HPET tables. */
#include "drivers/acpi_layout.h"
#include "drivers/madt.h"
#include "drivers/mcfg.h"
#include "drivers/srat.h"
#include "tests/firmware.h"
#include "tests/tables.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 16 };

/* What the parsers said. */
static struct {
	size_t processors, io_apics, memories, windows, faults;
	uint32_t processor[KEPT_MAX], node[KEPT_MAX], flags[KEPT_MAX];
	uint64_t local_apic, io_apic;
	uint64_t start[KEPT_MAX], length[KEPT_MAX];
} seen;

static void see_processor(void *context, uint32_t apic_id, uint32_t flags)
{
	(void)context;
	seen.processor[seen.processors % KEPT_MAX] = apic_id;
	seen.flags[seen.processors++ % KEPT_MAX] = flags;
}

static void see_local_apic(void *context, phys_t start)
{
	(void)context;
	seen.local_apic = start.addr;
}

static void see_io_apic(void *context, phys_t start)
{
	(void)context;
	seen.io_apics++;
	seen.io_apic = start.addr;
}

static void see_memory(void *context, uint32_t node, phys_t start, uint64_t length, uint32_t flags)
{
	size_t i = seen.memories++ % KEPT_MAX;

	(void)context;
	seen.node[i] = node;
	seen.start[i] = start.addr;
	seen.length[i] = length;
	seen.flags[i] = flags;
}

static void see_node_of_processor(void *context, uint32_t node, uint32_t apic_id)
{
	(void)context;
	seen.processor[seen.processors % KEPT_MAX] = apic_id;
	seen.node[seen.processors++ % KEPT_MAX] = node;
}

static void see_window(void *context, uint16_t segment, uint8_t first, uint8_t last, phys_t start,
		       uint64_t length)
{
	size_t i = seen.windows++ % KEPT_MAX;

	(void)context;
	(void)first;
	(void)last;
	seen.node[i] = segment;
	seen.start[i] = start.addr;
	seen.length[i] = length;
}

static void see_fault(void *context, size_t offset, const char *what)
{
	(void)context;
	(void)offset;
	(void)what;
	seen.faults++;
}

static int parse_madt(const void *bytes, size_t length)
{
	const struct madt_visitor visitor = {see_processor, see_local_apic, see_io_apic, see_fault,
					     NULL};

	memset(&seen, 0, sizeof(seen));
	return madt_parse(bytes, length, &visitor);
}

static int parse_srat(const void *bytes, size_t length)
{
	const struct srat_visitor visitor = {see_memory, see_node_of_processor, see_fault, NULL};

	memset(&seen, 0, sizeof(seen));
	return srat_parse(bytes, length, &visitor);
}

static int parse_mcfg(const void *bytes, size_t length)
{
	const struct mcfg_visitor visitor = {see_window, see_fault, NULL};

	memset(&seen, 0, sizeof(seen));
	return mcfg_parse(bytes, length, &visitor);
}

static int parse_hpet(const void *bytes, size_t length)
{
	phys_t start;

	return hpet_parse(bytes, length, &start);
}

/* Processors, old and new records, and the interrupt controllers' addresses. */
static void make_madt(struct firmware *madt)
{
	const uint32_t local_apic = 0xfee00000;
	const struct madt_local_apic processor = {
		{MADT_LOCAL_APIC, sizeof(processor)}, 0, 3, MADT_ENABLED};
	const struct madt_local_x2apic x2apic = {
		{MADT_LOCAL_X2APIC, sizeof(x2apic)}, 0, 300, MADT_ONLINE_CAPABLE, 1};
	const struct madt_io_apic io_apic = {{MADT_IO_APIC, sizeof(io_apic)}, 0, 0, 0xfec00000, 0};
	const uint8_t unknown[] = {0x7f, 5, 1, 2, 3};

	firmware_begin(madt, "APIC", 3, sizeof(struct madt_header));
	memcpy(madt->bytes + offsetof(struct madt_header, local_apic), &local_apic,
	       sizeof(local_apic));
	firmware_add(madt, &processor, sizeof(processor));
	firmware_add(madt, unknown, sizeof(unknown));
	firmware_add(madt, &x2apic, sizeof(x2apic));
	firmware_add(madt, &io_apic, sizeof(io_apic));
}

/* Records of both kinds of processors are understood, and those of unknown types skipped. */
TEST(acpi, madt_lists_processors_and_controllers)
{
	struct firmware madt;

	make_madt(&madt);
	require(parse_madt(madt.bytes, madt.length) == 0);
	require(seen.processors == 2);
	expect_eq(seen.processor[0], 3);
	expect_eq(seen.flags[0], MADT_ENABLED);
	expect_eq(seen.processor[1], 300);
	expect_eq(seen.flags[1], MADT_ONLINE_CAPABLE);
	expect_eq(seen.local_apic, 0xfee00000);
	expect_eq(seen.io_apics, 1);
	expect_eq(seen.io_apic, 0xfec00000);
	expect_eq(seen.faults, 0);
}

/* The address of the local APIC may be replaced by one of 64 bits. */
TEST(acpi, madt_address_is_replaced)
{
	const struct madt_local_apic_address address = {
		{MADT_LOCAL_APIC_ADDRESS, sizeof(address)}, 0, 0x1fee00000};
	struct firmware madt;

	make_madt(&madt);
	firmware_add(&madt, &address, sizeof(address));
	require(parse_madt(madt.bytes, madt.length) == 0);
	expect_eq(seen.local_apic, 0x1fee00000);
}

/* QEMU's SRAT: memory of two nodes, NVDIMMs, and a window for hot-plugging. */
TEST(acpi, srat_lists_memory_by_node)
{
	struct table table = table_named("q35_2node.srat");

	require(parse_srat(table.bytes, table.length) == 0);
	expect_eq(seen.processors, 1);
	require(seen.memories == 6);
	expect_eq(seen.node[2], 1);
	expect_eq(seen.start[2], 0x8000000);
	expect_eq(seen.length[2], 0x8000000);
	expect_eq(seen.flags[2], SRAT_MEMORY_ENABLED);
	expect_eq(seen.flags[3], SRAT_MEMORY_ENABLED | SRAT_MEMORY_NON_VOLATILE);
	expect_eq(seen.flags[5], SRAT_MEMORY_ENABLED | SRAT_MEMORY_HOT_PLUGGABLE);
	expect_eq(seen.faults, 0);
}

/* Nodes have 8 bits up to revision 1 of the table and 32 bits since. */
TEST(acpi, srat_nodes_grew)
{
	const struct srat_processor processor = {.record = {SRAT_PROCESSOR, sizeof(processor)},
						 .node_low = 4,
						 .apic_id = 9,
						 .flags = SRAT_PROCESSOR_ENABLED,
						 .node_high = {3, 2, 1}};
	const struct srat_x2apic disabled = {.record = {SRAT_X2APIC, sizeof(disabled)}};
	struct firmware srat;

	for (uint8_t revision = 1; revision <= 2; revision++) {
		firmware_begin(&srat, "SRAT", revision, sizeof(struct srat_header));
		firmware_add(&srat, &processor, sizeof(processor));
		firmware_add(&srat, &disabled, sizeof(disabled));
		require(parse_srat(srat.bytes, srat.length) == 0);
		expect_eq(seen.processors, 1);
		expect_eq(seen.processor[0], 9);
		expect_eq(seen.node[0], revision == 1 ? 4 : 0x01020304);
	}
}

/* Records whose length is not that of their type, or that lead nowhere, are faults. */
TEST(acpi, broken_records_are_faults)
{
	static const struct {
		uint8_t bytes[3];
		size_t length;
	} cases[] = {
		{{SRAT_MEMORY, 3, 0}, 3}, /* too short for memory */
		{{0x7f, 0, 0}, 2},        /* without length */
		{{0x7f, 1, 0}, 2},        /* shorter than its header */
		{{0x7f, 9, 0}, 3},        /* past the end */
		{{0x7f}, 1},              /* half a header */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct firmware srat;

		firmware_begin(&srat, "SRAT", 3, sizeof(struct srat_header));
		firmware_add(&srat, cases[i].bytes, cases[i].length);
		require(parse_srat(srat.bytes, srat.length) == 0);
		expect_eq(seen.faults, 1);
		expect_eq(seen.memories, 0);
	}
}

/* The same for the MADT, where a record is too short or too long for its type. */
TEST(acpi, broken_processors_are_faults)
{
	static const uint8_t records[][9] = {{MADT_LOCAL_X2APIC, 8}, {MADT_LOCAL_APIC, 9}};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		struct firmware madt;

		firmware_begin(&madt, "APIC", 3, sizeof(struct madt_header));
		firmware_add(&madt, records[i], records[i][1]);
		require(parse_madt(madt.bytes, madt.length) == 0);
		expect_eq(seen.faults, 1);
		expect_eq(seen.processors, 0);
	}
}

/* A window of configuration space begins at its first bus, wherever its base is. */
TEST(acpi, mcfg_lists_windows)
{
	static const struct mcfg_window windows[] = {
		{0xb0000000, 0, 0, 255, 0},
		{0x80000000, 1, 16, 31, 0},
		{0x80000000, 2, 31, 16, 0},                    /* backwards */
		{UINT64_MAX - MCFG_BYTES_PER_BUS, 3, 0, 1, 0}, /* past the last address */
	};
	struct firmware mcfg;

	firmware_begin(&mcfg, "MCFG", 1, sizeof(struct mcfg_header));
	firmware_add(&mcfg, windows, sizeof(windows));
	firmware_add(&mcfg, windows, 5); /* a part of one more */
	require(parse_mcfg(mcfg.bytes, mcfg.length) == 0);
	require(seen.windows == 2);
	expect_eq(seen.start[0], 0xb0000000);
	expect_eq(seen.length[0], 256 << 20);
	expect_eq(seen.node[1], 1);
	expect_eq(seen.start[1], 0x81000000);
	expect_eq(seen.length[1], 16 << 20);
	expect_eq(seen.faults, 3);
}

/* The event timer counts only where its registers are in memory. */
TEST(acpi, hpet_is_in_memory)
{
	const uint64_t address = 0xfed00000;
	struct firmware hpet;
	phys_t start;

	firmware_begin(&hpet, "HPET", 1, sizeof(struct hpet_table));
	memcpy(hpet.bytes + offsetof(struct hpet_table, address), &address, sizeof(address));
	require(hpet_parse(hpet.bytes, hpet.length, &start) == 0);
	expect_eq(start.addr, address);
	hpet.bytes[offsetof(struct hpet_table, space)] = 1;
	expect_eq(hpet_parse(hpet.bytes, hpet.length, &start), -EINVAL);
}

/* No length and no wrong byte of any of these tables leads outside it. */
TEST(acpi, broken_tables_are_survived)
{
	static int (*const parsers[])(const void *, size_t) = {parse_madt, parse_srat, parse_mcfg,
							       parse_hpet};
	struct table table = table_named("q35_4x_mixed.srat");
	static struct firmware tables[4];

	make_madt(&tables[0]);
	memcpy(tables[1].bytes, table.bytes, table.length);
	tables[1].length = table.length;
	firmware_begin(&tables[2], "MCFG", 1, sizeof(struct mcfg_header) + 32);
	firmware_begin(&tables[3], "HPET", 1, sizeof(struct hpet_table));
	for (size_t i = 0; i < ARRAY_SIZE(parsers); i++) {
		for (uint32_t length = 1; length <= tables[i].length; length++) {
			/* Exactly so long, for a sanitizer to see what is read beyond. */
			uint8_t *copy = malloc(length);
			int error;

			require(copy != NULL);
			memcpy(copy, tables[i].bytes, length);
			if (length >= 8)
				memcpy(copy + 4, &length, sizeof(length));
			if (length > 48)
				copy[36 + test_random_below(length - 36)] = (uint8_t)test_random();
			error = parsers[i](copy, length);
			free(copy);
			expect(error == 0 || error == -EINVAL);
		}
	}
}
