/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding ACPI's tables, in a physical memory that is made for it. */
#include "drivers/acpi.h"
#include "drivers/acpi_layout.h"
#include "tests/firmware.h"
#include "tests/tables.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

/* Where the pieces of that memory lie; everything else is not readable. */
enum {
	EBDA = 0x9fc00,
	BIOS = 0xe0000,
	TABLES = 0x7fe0000,
	XSDT = TABLES,
	RSDT = TABLES + 0x1000,
	FIRST = TABLES + 0x2000, /* of the tables that they list */
	RSDP = TABLES + 0x8000,
	TABLES_BYTES = 0x9000,
};

static struct piece {
	uint64_t start;
	size_t length;
	uint8_t *bytes;
} pieces[] = {
	{0x400, 0x100, (uint8_t[0x100]){0}},
	{EBDA, 0x400, (uint8_t[0x400]){0}},
	{BIOS, 0x20000, (uint8_t[0x20000]){0}},
	{TABLES, TABLES_BYTES, (uint8_t[TABLES_BYTES]){0}},
};

static const void *map(phys_t start, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		uint64_t offset = start.addr - pieces[i].start;

		if (offset < pieces[i].length && length <= pieces[i].length - offset)
			return pieces[i].bytes + offset;
	}
	return NULL;
}

static uint8_t *at(uint64_t address)
{
	return (uint8_t *)map(phys(address), 1);
}

static void put_rsdp(uint64_t address, uint8_t revision)
{
	struct acpi_rsdp rsdp = {
		.signature = ACPI_RSDP_SIGNATURE,
		.revision = revision,
		.rsdt = RSDT,
		.length = sizeof(rsdp),
		.xsdt = XSDT,
	};
	const uint8_t *bytes = (const uint8_t *)&rsdp;

	for (size_t i = 0; i < ACPI_RSDP_V1_BYTES; i++)
		rsdp.checksum = (uint8_t)(rsdp.checksum - (i == 8 ? 0 : bytes[i]));
	for (size_t i = 0; i < sizeof(rsdp); i++)
		rsdp.extended_checksum =
			(uint8_t)(rsdp.extended_checksum - (i == 32 ? 0 : bytes[i]));
	memcpy(at(address), &rsdp, revision < 2 ? ACPI_RSDP_V1_BYTES : sizeof(rsdp));
}

static void put_table(uint64_t address, const struct firmware *firmware)
{
	memcpy(at(address), firmware->bytes, firmware->length);
}

/* An RSDT and an XSDT that list the tables at these addresses. */
static void put_roots(const uint64_t *addresses, size_t nr)
{
	struct firmware rsdt, xsdt;

	firmware_begin(&rsdt, "RSDT", 1, sizeof(struct acpi_header));
	firmware_begin(&xsdt, "XSDT", 1, sizeof(struct acpi_header));
	for (size_t i = 0; i < nr; i++) {
		firmware_add(&rsdt, &addresses[i], sizeof(uint32_t));
		firmware_add(&xsdt, &addresses[i], sizeof(uint64_t));
	}
	put_table(RSDT, &rsdt);
	put_table(XSDT, &xsdt);
}

/* A machine with an NFIT and an SRAT, and its root pointer at RSDP. */
static void put_machine(void)
{
	static const uint64_t addresses[] = {FIRST, FIRST + 0x1000};
	struct table nfit = table_named("ok_minimal.nfit");
	struct table srat = table_named("q35_2node.srat");

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		memset(pieces[i].bytes, 0, pieces[i].length);
	memcpy(at(FIRST), nfit.bytes, nfit.length);
	memcpy(at(FIRST + 0x1000), srat.bytes, srat.length);
	put_roots(addresses, 2);
	put_rsdp(RSDP, 2);
}

static struct acpi_tables tables;

static int find_at(uint64_t rsdp)
{
	return acpi_find(&(struct acpi_sources){.loader = phys(rsdp), .map = map}, &tables);
}

static bool has_fault(const char *what)
{
	for (size_t i = 0; i < tables.nr_faults; i++) {
		if (strcmp(tables.fault[i].what, what) == 0)
			return true;
	}
	return false;
}

/* Revision 2 leads through the XSDT to every table, with what its header says. */
TEST(acpi, tables_are_found_by_the_xsdt)
{
	struct acpi_bytes nfit;

	put_machine();
	require(find_at(RSDP) == 0);
	expect_str(tables.source, "loader");
	expect_eq(tables.rsdp.addr, RSDP);
	expect_str(tables.root.signature, "XSDT");
	require(tables.nr == 2);
	expect_str(tables.table[0].signature, "NFIT");
	expect_eq(tables.table[0].address.addr, FIRST);
	expect_eq(tables.table[0].length, 176);
	expect_eq(tables.table[0].revision, 1);
	expect_str(tables.table[0].fault, NULL);
	expect_eq(tables.nr_faults, 0);
	nfit = acpi_table(&tables, "NFIT");
	expect(nfit.bytes == at(FIRST));
	expect_eq(nfit.length, 176);
	expect(acpi_table(&tables, "MCFG").bytes == NULL);
}

/* Revision 0 has 20 bytes and no XSDT. */
TEST(acpi, tables_are_found_by_the_rsdt)
{
	put_machine();
	/* The last 20 bytes of a piece: more are not readable. */
	put_rsdp(BIOS + 0x20000 - ACPI_RSDP_V1_BYTES, 0);
	require(find_at(BIOS + 0x20000 - ACPI_RSDP_V1_BYTES) == 0);
	expect_str(tables.root.signature, "RSDT");
	expect_eq(tables.nr, 2);
}

/* GRUB hands over a copy of the root pointer instead of its address. */
TEST(acpi, loader_may_give_a_copy)
{
	uint8_t copy[sizeof(struct acpi_rsdp)];
	struct acpi_sources sources = {
		.loader_copy = copy, .loader_copy_bytes = sizeof(copy), .map = map};

	put_machine();
	memcpy(copy, at(RSDP), sizeof(copy));
	require(acpi_find(&sources, &tables) == 0);
	expect_str(tables.source, "loader-copy");
	expect_eq(tables.nr, 2);
	sources.loader_copy_bytes = ACPI_RSDP_V1_BYTES; /* of revision 2: too few */
	expect_eq(acpi_find(&sources, &tables), -ENOENT);
	put_rsdp(RSDP, 0);
	memcpy(copy, at(RSDP), ACPI_RSDP_V1_BYTES);
	expect_eq(acpi_find(&sources, &tables), 0);
}

/* Without a loader's word a BIOS is searched, in its data area and in its image. */
TEST(acpi, bios_areas_are_searched)
{
	const struct acpi_sources sources = {.search = true, .map = map};
	const uint16_t segment = EBDA >> 4;

	put_machine();
	expect_eq(acpi_find(&sources, &tables), -ENOENT);
	put_rsdp(BIOS + 0x1ffd0, 2);
	require(acpi_find(&sources, &tables) == 0);
	expect_str(tables.source, "bios");
	expect_eq(tables.rsdp.addr, BIOS + 0x1ffd0);
	put_rsdp(EBDA + 0x3e0, 0);
	memcpy(at(0x40e), &segment, sizeof(segment));
	require(acpi_find(&sources, &tables) == 0);
	expect_eq(tables.rsdp.addr, EBDA + 0x3e0);
	put_machine();
	put_rsdp(BIOS + 8, 2); /* not on 16 bytes */
	expect_eq(acpi_find(&sources, &tables), -ENOENT);
}

/* What the user gives is used or nothing is. */
TEST(acpi, option_is_the_only_choice)
{
	struct acpi_sources sources = {.option = phys(RSDP), .loader = phys(BIOS), .map = map};

	put_machine();
	require(acpi_find(&sources, &tables) == 0);
	expect_str(tables.source, "option");
	sources = (struct acpi_sources){.option = phys(BIOS), .loader = phys(RSDP), .map = map};
	expect_eq(acpi_find(&sources, &tables), -ENOENT);
	expect(tables.source == NULL);
	expect(has_fault("no root pointer signature"));
}

/* Each checksum is checked: of the first 20 bytes, of all 36, of the roots. */
TEST(acpi, checksums_are_checked)
{
	put_machine();
	at(RSDP)[9] ^= 1;
	expect_eq(find_at(RSDP), -ENOENT);
	expect(has_fault("root pointer with a bad checksum"));
	put_machine();
	at(RSDP)[33] ^= 1;
	expect_eq(find_at(RSDP), -ENOENT);
	expect(has_fault("root pointer with a bad extended checksum"));
	put_machine();
	at(XSDT)[10] ^= 1;
	at(RSDT)[10] ^= 1;
	expect_eq(find_at(RSDP), -ENOENT);
	expect_eq(tables.nr_faults, 2);
}

/* Where the XSDT is no good the RSDT serves, and that is said. */
TEST(acpi, rsdt_stands_in_for_a_bad_xsdt)
{
	put_machine();
	at(XSDT)[10] ^= 1;
	require(find_at(RSDP) == 0);
	expect_str(tables.root.signature, "RSDT");
	expect(has_fault("bad checksum"));
	expect_eq(tables.nr, 2);
}

/* A table that calls itself something else is no root. */
TEST(acpi, root_has_its_signature)
{
	struct firmware table;

	put_machine();
	firmware_begin(&table, "RSDT", 1, sizeof(struct acpi_header));
	put_table(XSDT, &table);
	require(find_at(RSDP) == 0);
	expect(has_fault("wrong signature"));
	expect_eq(tables.root.address.addr, RSDT);
}

/* A bad candidate does not end the search. */
TEST(acpi, next_source_is_tried)
{
	put_machine();
	put_rsdp(BIOS, 2);
	at(BIOS)[9] ^= 1;
	put_rsdp(BIOS + 16 * 4, 2);
	require(acpi_find(&(struct acpi_sources){.loader = phys(0xdead0000),
						 .search = true,
						 .map = map},
			  &tables) == 0);
	expect_eq(tables.rsdp.addr, BIOS + 16 * 4);
	expect(has_fault("root pointer not readable"));
	expect(has_fault("root pointer with a bad checksum"));
}

/* A table with a bad checksum is listed with its fault and not handed out. */
TEST(acpi, bad_table_is_listed_and_not_used)
{
	struct table bad = table_named("bad_checksum.nfit");

	put_machine();
	memcpy(at(FIRST), bad.bytes, bad.length);
	require(find_at(RSDP) == 0);
	require(tables.nr == 2);
	expect_str(tables.table[0].signature, "NFIT");
	expect_str(tables.table[0].fault, "bad checksum");
	expect(acpi_table(&tables, "NFIT").bytes == NULL);
	expect(acpi_table(&tables, "SRAT").bytes != NULL);
}

/* Lengths are believed only within bounds, and only as far as memory goes. */
TEST(acpi, lengths_are_bounded)
{
	static const struct {
		uint32_t length;
		const char *fault;
	} cases[] = {
		{0, "too short"},
		{35, "too short"},
		{ACPI_TABLE_BYTES_MAX + 1, "too long"},
		{ACPI_TABLE_BYTES_MAX, "not readable to its end"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put_machine();
		memcpy(at(FIRST + 4), &cases[i].length, sizeof(cases[i].length));
		require(find_at(RSDP) == 0);
		expect_str(tables.table[0].fault, cases[i].fault);
	}
}

/* Addresses that lead nowhere, nonsense for a signature, a table listed twice. */
TEST(acpi, odd_entries_are_listed)
{
	static const uint64_t addresses[] = {0, 0xf00000000, FIRST, FIRST};

	put_machine();
	put_roots(addresses, ARRAY_SIZE(addresses));
	at(FIRST)[0] = '\n';
	at(FIRST)[9] = (uint8_t)(at(FIRST)[9] + 'N' - '\n');
	require(find_at(RSDP) == 0);
	require(tables.nr == 3);
	expect_str(tables.table[0].fault, "no address");
	expect_str(tables.table[1].fault, "not readable");
	expect_str(tables.table[2].signature, "?FIT");
	expect_str(tables.table[2].fault, NULL);
	expect(has_fault("table listed twice"));
}

/* Of tables that can only be there once, the first good one counts. */
TEST(acpi, second_of_a_kind_is_not_used)
{
	static const uint64_t addresses[] = {FIRST, FIRST + 0x1000, FIRST + 0x2000};
	struct table nfit = table_named("ok_minimal.nfit");

	put_machine();
	memcpy(at(FIRST + 0x2000), nfit.bytes, nfit.length);
	put_roots(addresses, ARRAY_SIZE(addresses));
	require(find_at(RSDP) == 0);
	expect(acpi_table(&tables, "NFIT").bytes == at(FIRST));
	expect_str(tables.table[2].fault, "second of its kind");
	at(FIRST)[50] ^= 1;
	require(find_at(RSDP) == 0);
	expect(acpi_table(&tables, "NFIT").bytes == at(FIRST + 0x2000));
}

/* More tables than there is room for are counted. */
TEST(acpi, tables_beyond_the_room_are_counted)
{
	struct firmware rsdt;

	put_machine();
	put_rsdp(RSDP, 0);
	firmware_begin(&rsdt, "RSDT", 1, sizeof(struct acpi_header));
	for (uint32_t i = 0; i < ACPI_TABLES_MAX + 5; i++)
		firmware_add(&rsdt, &(uint32_t){0x1000000 + i * 64}, sizeof(uint32_t));
	put_table(RSDT, &rsdt);
	require(find_at(RSDP) == 0);
	expect_eq(tables.nr, ACPI_TABLES_MAX);
	expect_eq(tables.dropped, 5);
}

/* No byte of the way to the tables, whatever it is, leads outside memory. */
TEST(acpi, every_wrong_byte_is_survived)
{
	static const struct {
		uint64_t start;
		size_t length;
	} parts[] = {{RSDP, 36}, {XSDT, 52}, {RSDT, 44}, {FIRST, 36}};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		for (size_t offset = 0; offset < parts[i].length; offset++) {
			int error;

			put_machine();
			at(parts[i].start)[offset] ^= (uint8_t)(1 + test_random_below(255));
			error = find_at(RSDP);
			expect(error == 0 || error == -ENOENT);
			expect((error == 0) == (tables.source != NULL));
		}
	}
}
