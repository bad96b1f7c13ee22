/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of the NFIT: what it hands out, and that no table makes it read what is not there. */
#include "drivers/nfit.h"
#include "drivers/acpi_layout.h"
#include "drivers/inventory.h"
#include "mm/page.h"
#include "tests/firmware.h"
#include "tests/tables.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 16 };

/* What the parser said, the first few of each. */
struct seen {
	size_t ranges, mappings, interleaves, controls, flushes, capabilities, others, faults;
	struct nfit_range range[KEPT_MAX];
	struct nfit_mapping mapping[KEPT_MAX];
	struct nfit_interleave interleave[KEPT_MAX];
	struct nfit_control control[KEPT_MAX];
	struct nfit_flush flush[KEPT_MAX];
	enum persistence_domain domain;
	uint16_t other_type;
	size_t fault_offset;
	const char *fault;
};

static void see_range(void *context, const struct nfit_range *range)
{
	struct seen *seen = context;

	seen->range[seen->ranges++ % KEPT_MAX] = *range;
}

static void see_mapping(void *context, const struct nfit_mapping *mapping)
{
	struct seen *seen = context;

	seen->mapping[seen->mappings++ % KEPT_MAX] = *mapping;
}

static void see_interleave(void *context, const struct nfit_interleave *interleave)
{
	struct seen *seen = context;

	/* Every line is read, for the sanitizers to see. */
	for (uint32_t line = 0; line < interleave->lines; line++)
		(void)*(volatile const uint8_t *)(interleave->line_offsets + line * 4 + 3);
	seen->interleave[seen->interleaves++ % KEPT_MAX] = *interleave;
}

static void see_control(void *context, const struct nfit_control *control)
{
	struct seen *seen = context;

	seen->control[seen->controls++ % KEPT_MAX] = *control;
}

static void see_flush(void *context, const struct nfit_flush *flush)
{
	struct seen *seen = context;

	for (uint16_t hint = 0; hint < flush->hints; hint++)
		(void)nfit_flush_address(flush, hint);
	seen->flush[seen->flushes++ % KEPT_MAX] = *flush;
}

static void see_domain(void *context, enum persistence_domain domain)
{
	struct seen *seen = context;

	seen->capabilities++;
	seen->domain = domain;
}

static void see_other(void *context, size_t offset, uint16_t type)
{
	struct seen *seen = context;

	(void)offset;
	seen->others++;
	seen->other_type = type;
}

static void see_fault(void *context, size_t offset, const char *what)
{
	struct seen *seen = context;

	if (seen->faults++ == 0) {
		seen->fault_offset = offset;
		seen->fault = what;
	}
}

static struct seen seen;

static int parse(const void *bytes, size_t length)
{
	const struct nfit_visitor visitor = {see_range,   see_mapping, see_interleave,
					     see_control, see_flush,   see_domain,
					     see_other,   see_fault,   .context = &seen};

	memset(&seen, 0, sizeof(seen));
	return nfit_parse(bytes, length, &visitor);
}

static void parse_named(const char *name)
{
	struct table table = table_named(name);

	require(parse(table.bytes, table.length) == 0);
}

/* Every field of a good table arrives as it was written. */
TEST(nfit, fields_arrive)
{
	parse_named("q35_1x128M.nfit");
	expect_eq(seen.faults, 0);
	require(seen.ranges == 1 && seen.mappings == 1 && seen.controls == 1);
	expect_eq(seen.range[0].index, 2);
	expect_eq(seen.range[0].flags, NFIT_RANGE_HOT_ADD_ONLY | NFIT_RANGE_NODE_VALID);
	expect_eq(nfit_range_type(seen.range[0].guid), NFIT_PERSISTENT);
	expect_eq(seen.range[0].start, 0x100000000);
	expect_eq(seen.range[0].length, 128 << 20);
	expect_eq(seen.range[0].attributes, 0x8008);
	expect_eq(seen.mapping[0].handle, 1);
	expect_eq(seen.mapping[0].range, 2);
	expect_eq(seen.mapping[0].control, 3);
	expect_eq(seen.mapping[0].size, 128 << 20);
	expect_eq(seen.mapping[0].ways, 1);
	expect_eq(seen.mapping[0].flags, 0);
	expect_eq(seen.control[0].index, 3);
	expect_eq(seen.control[0].vendor, 0x8086);
	expect_eq(seen.control[0].device, 1);
	expect_eq(seen.control[0].serial, 0x123456);
	expect_eq(seen.control[0].interface_code, 0x301);
}

/* Tables without a fault in them are parsed without one. */
TEST(nfit, good_tables_have_no_faults)
{
	static const char *const bad[] = {"zero_length_struct.nfit", "struct_past_end.nfit",
					  "flush_count_overrun.nfit"};

	for (size_t i = 0; table_at(i).bytes; i++) {
		struct table table = table_at(i);
		bool is_bad = false;

		if (!table_is_nfit(table))
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++)
			is_bad = is_bad || strcmp(table.name, bad[j]) == 0;
		parse_named(table.name);
		if ((seen.faults > 0) != is_bad)
			fail("%s: %zu faults, first: %s", table.name, seen.faults,
			     seen.fault ? seen.fault : "none");
	}
}

/* Ranges are 64 bytes long since ACPI 6.4 and were 56 before; both are understood. */
TEST(nfit, range_with_and_without_cookie)
{
	parse_named("ok_minimal.nfit");
	expect_eq(seen.ranges, 1);
	expect_eq(seen.range[0].cookie, 0);
	parse_named("ok_spa64_cookie_acpi64.nfit");
	expect_eq(seen.ranges, 1);
	expect(seen.range[0].flags & NFIT_RANGE_COOKIE_VALID);
	expect_eq(seen.range[0].length, 128 << 20);
}

/* A range that says it has a cookie and ends before it is not taken for a range. */
TEST(nfit, range_that_lacks_its_cookie_is_a_fault)
{
	struct firmware nfit;

	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, 0x100000000, 0x8000000);
	nfit.bytes[sizeof(struct nfit_header) + offsetof(struct nfit_range, flags)] =
		NFIT_RANGE_COOKIE_VALID;
	require(parse(nfit.bytes, nfit.length) == 0);
	expect_eq(seen.ranges, 0);
	expect_eq(seen.faults, 1);
}

/* A structure without length would be read for ever: parsing ends, and keeps what came before. */
TEST(nfit, zero_length_ends_the_table)
{
	parse_named("zero_length_struct.nfit");
	expect_eq(seen.ranges, 1);
	expect_eq(seen.mappings, 0);
	expect_eq(seen.controls, 0);
	expect_eq(seen.faults, 1);
	expect_eq(seen.fault_offset, 96);
}

/* A structure that ends past the table is rejected, and what came before is kept. */
TEST(nfit, structure_past_the_end_is_rejected)
{
	parse_named("struct_past_end.nfit");
	expect_eq(seen.ranges, 1);
	expect_eq(seen.mappings, 1);
	expect_eq(seen.controls, 1);
	expect_eq(seen.flushes, 0);
	expect_eq(seen.faults, 1);
	expect_eq(seen.fault_offset, 176);
}

/* Types that are not known are skipped by their length, and what follows is read. */
TEST(nfit, unknown_type_is_skipped)
{
	parse_named("unknown_type_middle.nfit");
	expect_eq(seen.others, 1);
	expect_eq(seen.other_type, 0x4242);
	expect_eq(seen.mappings, 1);
	expect_eq(seen.controls, 1);
	expect_eq(seen.faults, 0);
}

/* Counts within a structure are checked against its length. */
TEST(nfit, flush_hints_end_with_their_structure)
{
	parse_named("flush_count_overrun.nfit");
	expect_eq(seen.flushes, 0);
	expect_eq(seen.faults, 1);
	expect_eq(seen.controls, 1);
	parse_named("nfit_test0_pmem_only.nfit");
	expect_eq(seen.flushes, 4);
	expect_eq(seen.flush[1].handle, 1);
	expect_eq(seen.flush[1].hints, 8);
	expect_eq(nfit_flush_address(&seen.flush[1], 0), 0xfe101000);
	expect_eq(nfit_flush_address(&seen.flush[1], 7), 0xfe101038);
}

/* An interleave structure with other lines than it holds, or with empty ones, is a fault. */
TEST(nfit, interleave_lines_end_with_their_structure)
{
	static const struct {
		uint32_t lines, line_bytes;
		bool good;
	} cases[] = {{2, 64, true},
		     {0, 64, false},
		     {3, 64, false},
		     {UINT32_MAX, 64, false},
		     {2, 0, false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct {
			struct nfit_interleave_header header;
			uint32_t lines[2];
		} structure = {{{NFIT_TYPE_INTERLEAVE, sizeof(structure)},
				1,
				0,
				cases[i].lines,
				cases[i].line_bytes},
			       {0, 1}};
		struct firmware nfit;

		nfit_begin(&nfit);
		firmware_add(&nfit, &structure, sizeof(structure));
		require(parse(nfit.bytes, nfit.length) == 0);
		expect_eq(seen.interleaves, cases[i].good);
		expect_eq(seen.faults, !cases[i].good);
	}
}

/* A control region without windows may end before their fields, one with windows may not. */
TEST(nfit, control_region_has_its_windows)
{
	static const struct {
		uint16_t length, windows;
		bool good;
	} cases[] = {{32, 0, true}, {80, 0, true}, {80, 1, true}, {32, 1, false}, {48, 0, false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct nfit_control control = {
			.structure = {NFIT_TYPE_CONTROL, cases[i].length},
			.windows = cases[i].windows,
		};
		struct firmware nfit;

		nfit_begin(&nfit);
		firmware_add(&nfit, &control, cases[i].length);
		require(parse(nfit.bytes, nfit.length) == 0);
		expect_eq(seen.controls, cases[i].good);
		expect_eq(seen.faults, !cases[i].good);
	}
}

/* Less than the header of a structure at the end of a table is a fault, too. */
TEST(nfit, bytes_after_the_last_structure_are_a_fault)
{
	struct firmware nfit;

	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, 0x100000000, 0x8000000);
	firmware_add(&nfit, "\0\0\4", 3);
	require(parse(nfit.bytes, nfit.length) == 0);
	expect_eq(seen.ranges, 1);
	expect_eq(seen.faults, 1);
}

/* Lines of two NVDIMMs that take turns cover the range exactly once. */
TEST(nfit, interleaved_lines_cover_the_range_once)
{
	enum { LINES = 0x10000000 / 4096 };
	static uint8_t covered[LINES];

	parse_named("ok_2way_interleave_4k.nfit");
	require(seen.mappings == 2 && seen.interleaves == 2);
	memset(covered, 0, sizeof(covered));
	for (size_t i = 0; i < 2; i++) {
		const struct nfit_mapping *mapping = &seen.mapping[i];

		expect_eq(seen.interleave[i].index, mapping->interleave);
		for (uint64_t at = 0; at < mapping->size; at += 4096) {
			uint64_t offset = nfit_range_offset(mapping, &seen.interleave[i], at + 5);

			require(offset < 0x10000000);
			expect_eq(offset % 4096, 5);
			covered[offset / 4096]++;
		}
	}
	for (size_t i = 0; i < LINES; i++)
		require(covered[i] == 1);
}

/* What is not interleaved lies in a row. */
TEST(nfit, without_interleave_bytes_lie_in_a_row)
{
	const struct nfit_mapping mapping = {.region_offset = 0x1000, .ways = 1};

	expect_eq(nfit_range_offset(&mapping, NULL, 0x234), 0x1234);
}

/* The persistence domain is that of the capabilities up to the highest one that is valid. */
TEST(nfit, capabilities_give_the_persistence_domain)
{
	static const struct {
		const char *table;
		enum persistence_domain domain;
	} cases[] = {
		{"ok_caps_eadr.nfit", PERSISTENCE_CPU_CACHE},
		{"ok_caps_masked.nfit", PERSISTENCE_UNKNOWN},
		{"caps_highest31.nfit", PERSISTENCE_MEMORY_CONTROLLER},
		{"q35_1x128M_cpu.nfit", PERSISTENCE_CPU_CACHE},
		{"q35_1x128M_memctrl.nfit", PERSISTENCE_MEMORY_CONTROLLER},
		{"nfit_test0_pmem_only.nfit", PERSISTENCE_MEMORY_CONTROLLER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		parse_named(cases[i].table);
		expect_eq(seen.capabilities, 1);
		expect_eq(seen.domain, cases[i].domain);
	}
}

/* What is not an NFIT, or is cut within its header, is refused as a whole. */
TEST(nfit, other_tables_are_refused)
{
	struct table table = table_named("q35_2node.srat");

	expect_eq(parse(table.bytes, table.length), -EINVAL);
	table = table_named("ok_minimal.nfit");
	for (size_t length = 0; length < table.length; length++)
		expect_eq(parse(table.bytes, length), -EINVAL);
	expect_eq(seen.ranges + seen.faults, 0);
}

/* The table in memory of exactly its length, so that a sanitizer sees each byte read beyond. */
static void parse_copy(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length);
	uint32_t stated = (uint32_t)length;

	require(copy != NULL);
	memcpy(copy, bytes, length);
	memcpy(copy + offsetof(struct acpi_header, length), &stated, sizeof(stated));
	expect_eq(parse(copy, length), length < sizeof(struct nfit_header) ? -EINVAL : 0);
	free(copy);
}

/* A table may end anywhere. */
TEST(nfit, every_truncation_is_survived)
{
	for (size_t i = 0; table_at(i).bytes; i++) {
		struct table table = table_at(i);

		if (!table_is_nfit(table) || table.length > 4096)
			continue;
		for (size_t length = sizeof(struct acpi_header); length < table.length; length++)
			parse_copy(table.bytes, length);
	}
}

/* Any byte after the header may be any other. */
TEST(nfit, every_wrong_byte_is_survived)
{
	for (size_t i = 0; table_at(i).bytes; i++) {
		struct table table = table_at(i);
		static uint8_t bytes[4096];

		if (!table_is_nfit(table) || table.length > sizeof(bytes))
			continue;
		memcpy(bytes, table.bytes, table.length);
		for (size_t at = sizeof(struct acpi_header); at < table.length; at++) {
			bytes[at] ^= 0xff;
			parse_copy(bytes, table.length);
			bytes[at] = (uint8_t)test_random();
			parse_copy(bytes, table.length);
			bytes[at] = table.bytes[at];
		}
	}
}

/* Every persistent range of this machine's own NFIT became a region, or was refused by name. */
TEST(nfit, machine_ranges_are_regions_or_refused)
{
	const struct inventory *inventory = machine_inventory();
	const struct region *regions;
	size_t nr;

	if (!inventory)
		skip("no firmware here");
	if (inventory->nr_sets == 0)
		skip("this machine has no NVDIMM");
	regions = page_map_regions(&nr);
	for (size_t i = 0; i < inventory->nr_ranges; i++) {
		const struct inventory_range *range = &inventory->ranges[i];
		size_t found = 0;

		if (range->type != NFIT_PERSISTENT)
			continue;
		for (size_t j = 0; j < nr; j++)
			found += regions[j].kind == MEMORY_PERSISTENT &&
				 inventory->sets[regions[j].set].range == i;
		expect_eq(found, range->regions);
		expect((found > 0) == (range->refused == NOT_REFUSED));
	}
}
