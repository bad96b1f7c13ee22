/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines by which the inventory is reported. */
#include "drivers/inventory_print.h"
#include "drivers/permission.h"
#include "tests/firmware.h"
#include "tests/tables.h"
#include "tests/test.h"

#include <string.h>

static char lines[64][400];
static size_t nr_lines;

static void keep(const char *line)
{
	if (nr_lines < ARRAY_SIZE(lines))
		strncpy(lines[nr_lines], line, sizeof(lines[0]) - 1);
	nr_lines++;
}

static void print(const struct inventory *inventory)
{
	nr_lines = 0;
	memset(lines, 0, sizeof(lines));
	inventory_print(inventory, keep);
}

static void expect_line(const char *expected)
{
	for (size_t i = 0; i < nr_lines && i < ARRAY_SIZE(lines); i++) {
		if (strcmp(lines[i], expected) == 0)
			return;
	}
	fail("expected the line \"%s\"; the last is \"%s\"", expected, lines[nr_lines - 1]);
}

/* Regions, NVDIMMs, ranges and sets in the words of the report. */
TEST(inventory, report_says_what_is_there)
{
	print(machine_with("q35_4x_mixed.nfit", NULL));
	expect_line("# nvdimm name=nmem1 handle=0x2 node=0 socket=0 controller=0 channel=0 dimm=2 "
		    "serial=0x123457 vendor=0x8086 device=0x1 revision=0x1 interface=0x301 "
		    "size=268435456 hints=0 flags=not_armed regions=pmem1");
	expect_line("# range index=2 type=persistent start=0x100000000 length=134217728 node=0 "
		    "attributes=0x8008 use=region");
	expect_line("# set range=2 ways=1 nvdimms=nmem0 cookie-1.1=0x2468ac00123456 "
		    "cookie-1.2=0xba90120012b4dc");
	expect_line("# region name=pmem1 kind=persistent start=0x108000000 end=0x118000000 "
		    "size=268435456 node=0 nvdimms=nmem1 domain=cpu-cache armed=no content=none "
		    "write=no hints=0");
	expect_line("# region name=dram0 kind=dram start=0x100000 end=0x200000 size=1048576 "
		    "node=0");
}

/* What was refused, each with its reason, and every reason explained once. */
TEST(inventory, report_says_what_was_refused)
{
	print(machine_with("pm_wraps_64bit.nfit", NULL));
	expect_line("# range index=1 type=persistent start=0xffffffffff000000 length=134217728 "
		    "attributes=0x8008 use=refused reason=wraps");
	expect_line("# refused what=range index=1 start=0xffffffffff000000 length=134217728 "
		    "reason=wraps");
	expect_line("# wraps: it would end past the last 64-bit address");
	print(machine_with("memdev_unknown_spa.nfit", NULL));
	expect_line("# refused what=mapping handle=0x2 start=0x0 length=134217728 "
		    "reason=unknown-range");
	print(machine_with("zero_length_struct.nfit", NULL));
	expect_line("# refused what=nfit offset=96 reason=malformed "
		    "detail=a-structure-without-length;-the-rest-is-not-read");
}

/* A region is called by its name, also when others before it were divided meanwhile. */
TEST(inventory, report_names_the_refused_region)
{
	struct inventory inventory = *machine_with("flag_not_armed.nfit", NULL);

	inventory_permit(&inventory, "all", &(struct complaints){NULL, NULL});
	require(inventory_take(&inventory, pfn(0x1000), pfn(0x2000)) == 0);
	print(&inventory);
	expect_line("# refused what=region name=pmem0 start=0x100000000 length=134217728 "
		    "reason=not-armed");
}

/* A reader of key=value pairs can take every line apart, whatever the tables were. */
TEST(inventory, report_lines_are_regular)
{
	for (size_t i = 0; table_at(i).bytes; i++) {
		struct table table = table_at(i);

		if (!table_is_nfit(table) || table.length > 4096)
			continue;
		print(machine_with(table.name, NULL));
		for (size_t j = 0; j < nr_lines && j < ARRAY_SIZE(lines); j++) {
			expect(strncmp(lines[j], "# ", 2) == 0);
			for (const char *c = lines[j]; *c; c++)
				require(*c >= ' ' && *c <= '~');
		}
	}
}

/* A line that names more than it has room for is cut, and looks cut. */
TEST(inventory, report_cuts_long_lines)
{
	static struct machine machine;
	static struct firmware nfit;

	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, 0x100000000, 40ull << 20);
	for (uint32_t handle = 0; handle < 40; handle++)
		nfit_add_mapping(&nfit, handle, 1, 1 << 20, 0);
	machine_begin(&machine);
	machine.sources.nfit = (struct acpi_bytes){nfit.bytes, nfit.length};
	print(machine_build(&machine));
	for (size_t i = 0; i < nr_lines && i < ARRAY_SIZE(lines); i++) {
		size_t length = strlen(lines[i]);

		require(length < 320);
		if (strncmp(lines[i], "# set", 5) == 0)
			expect_str(lines[i] + length - 3, "...");
	}
}

/* The tables, the map, and what is wrong with them. */
TEST(inventory, report_of_tables)
{
	static const struct memory_range map[] = {{{0x1000}, 4096, MEMORY_TYPE_NVS},
						  {{0x2000}, 4096, 77}};
	static struct acpi_tables tables = {
		.source = "option",
		.rsdp = {0x8000000},
		.rsdp_revision = 2,
		.root = {.address = {0x8000100}, .signature = "XSDT"},
		.table = {{.address = {0x8000200},
			   .length = 224,
			   .signature = "NFIT",
			   .revision = 1},
			  {.address = {0x8000300},
			   .length = 36,
			   .signature = "SRAT",
			   .revision = 3,
			   .fault = "bad checksum"}},
		.nr = 2,
		.fault = {{{0x123}, "table listed twice"}},
		.nr_faults = 1,
	};

	nr_lines = 0;
	memset(lines, 0, sizeof(lines));
	acpi_print(&tables, keep);
	memory_map_print(map, ARRAY_SIZE(map), keep);
	expect_line("# firmware rsdp=0x8000000 source=option revision=2 root=XSDT "
		    "root-address=0x8000100 tables=2 dropped=0 faults=1");
	expect_line("# table signature=NFIT address=0x8000200 length=224 revision=1 checksum=ok");
	expect_line("# table signature=SRAT address=0x8000300 length=36 revision=3 "
		    "fault=bad-checksum");
	expect_line("# acpi-fault address=0x123 fault=table-listed-twice");
	expect_line("# map start=0x1000 length=4096 type=4 name=nvs");
	expect_line("# map start=0x2000 length=4096 type=77 name=unknown");
}
