/* SPDX-License-Identifier: BSD-2-Clause */
/* What write= permits, and what it does not. */
#include "drivers/permission.h"
#include "mm/host.h"
#include "tests/firmware.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <string.h>

#define GIB4 0x100000000ull
#define MIB  (1ull << 20)

static struct inventory inventory;
static char complaints_text[1024];
static unsigned nr_complaints;

static void keep(void *context, const char *text)
{
	(void)context;
	nr_complaints++;
	strncat(complaints_text, text, sizeof(complaints_text) - strlen(complaints_text) - 2);
	strcat(complaints_text, "\n");
}

static bool is_disk(const char *name, size_t length)
{
	return length == strlen("vda") && memcmp(name, "vda", length) == 0;
}

static void permit(const char *write)
{
	for (size_t i = 0; i < inventory.nr_regions; i++)
		inventory.regions[i].writable = false;
	inventory.nr_refusals = 0;
	nr_complaints = 0;
	complaints_text[0] = '\0';
	inventory_permit(&inventory, write, &(struct complaints){keep, NULL});
	permission_check(&inventory, write, is_disk, &(struct complaints){keep, NULL});
}

/* Which persistent regions are writable, as in "0 2"; DRAM never is by this. */
static void expect_writable(const char *expected)
{
	char found[32] = "";
	char number = '0';

	for (size_t i = 0; i < inventory.nr_regions; i++) {
		const struct region *region = &inventory.regions[i];

		if (region->kind == MEMORY_DRAM)
			expect(!region->writable);
		else if (region->writable)
			strncat(strcat(found, *found ? " " : ""), &number, 1);
		number = (char)(number + (region->kind == MEMORY_PERSISTENT));
	}
	expect_str(found, expected);
}

static void expect_complaint(const char *part)
{
	if (!strstr(complaints_text, part))
		fail("expected a complaint with \"%s\", found \"%s\"", part, complaints_text);
}

/*
 * pmem0 on nmem0; pmem1 on nmem1 and nmem2; pmem2, not armed, on nmem3; nmem4 not mapped.
 */
static void make_machine(void)
{
	static struct machine machine;
	static struct firmware nfit;

	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 16 * MIB);
	nfit_add_range(&nfit, 2, GUID_PERSISTENT, GIB4 + 16 * MIB, 32 * MIB);
	nfit_add_range(&nfit, 3, GUID_PERSISTENT, GIB4 + 64 * MIB, 16 * MIB);
	nfit_add_mapping(&nfit, 1, 1, 16 * MIB, 0);
	nfit_add_mapping(&nfit, 2, 2, 16 * MIB, 0);
	nfit_add_mapping(&nfit, 3, 2, 16 * MIB, 0);
	nfit_add_mapping(&nfit, 4, 3, 16 * MIB, NFIT_NOT_ARMED);
	nfit_add_mapping(&nfit, 5, 0, 16 * MIB, 0);
	machine_begin(&machine);
	machine.sources.nfit = (struct acpi_bytes){nfit.bytes, nfit.length};
	inventory = *machine_build(&machine);
	require(persistent_regions(&inventory) == 3 && inventory.nr_nvdimms == 5);
}

/* Without the option nothing may be written, and that is no mistake. */
TEST(permission, nothing_without_the_option)
{
	make_machine();
	permit("");
	expect_writable("");
	expect_eq(nr_complaints, 0);
	expect_eq(inventory.nr_refusals, 0);
}

/* What each persistent region holds is read, and what DRAM holds is nobody's. */
TEST(permission, contents_are_those_of_each_region)
{
	enum { TIMEOUT = 60 };
	static const enum memory_kind kinds[] = {MEMORY_PERSISTENT, MEMORY_DRAM, MEMORY_PERSISTENT,
						 MEMORY_PERSISTENT};
	static struct region regions[ARRAY_SIZE(kinds)];
	const char *contents[ARRAY_SIZE(kinds)] = {NULL};
	struct inventory machine = {
		.regions = regions, .contents = contents, .nr_regions = ARRAY_SIZE(kinds)};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		pfn_t frame = test_take(MEMORY_DRAM, PAGE_SIZE);

		regions[i] = (struct region){
			.start = frame, .end = pfn_add(frame, 1), .kind = kinds[i], .name = "any"};
		memset(test_virt(frame, 0), 0, PAGE_SIZE);
		if (i > 0)
			memcpy(test_virt(frame, 0), i == 2 ? "XFSB\0" : "LUKS\xba\xbe", 6);
	}
	inventory_read_contents(&machine, TIMEOUT);
	expect_str(contents[0], NULL);
	expect_str(contents[1], NULL);
	expect_str(contents[2], "xfs");
	expect_str(contents[3], "luks");
}

/* A region is permitted by its own name, whatever speaks against it. */
TEST(permission, region_by_name)
{
	make_machine();
	permit("pmem1");
	expect_writable("1");
	permit("pmem2,pmem0");
	expect_writable("0 2");
	inventory.contents[inventory.nr_regions - 1] = "ext4";
	permit("pmem2");
	expect_writable("2");
	expect_eq(nr_complaints, 0);
}

/* An NVDIMM stands for the regions that lie on it alone. */
TEST(permission, region_by_its_nvdimms)
{
	make_machine();
	permit("nmem0");
	expect_writable("0");
	permit("nmem2,nmem3,nmem1");
	expect_writable("1 2");
	expect_eq(nr_complaints, 0);
}

/* A region without an NVDIMM has its own name only. */
TEST(permission, region_without_nvdimm)
{
	static struct machine machine;
	static struct firmware nfit;

	nfit_begin(&nfit);
	nfit_add_range(&nfit, 1, GUID_PERSISTENT, GIB4, 16 * MIB);
	nfit_add_nvdimm(&nfit, 2, GIB4 + 16 * MIB, 16 * MIB);
	machine_begin(&machine);
	machine.sources.nfit = (struct acpi_bytes){nfit.bytes, nfit.length};
	inventory = *machine_build(&machine);
	permit("nmem0");
	expect_writable("1");
	permit("pmem0");
	expect_writable("0");
}

/* A part of an interleave set permits nothing: the complaint names the rest. */
TEST(permission, part_of_a_set_is_a_complaint)
{
	make_machine();
	permit("nmem0,nmem1");
	expect_writable("0");
	expect_eq(nr_complaints, 1);
	expect_complaint("pmem1 is interleaved and needs more NVDIMMs named: nmem2");
	/* Unless the region is permitted otherwise. */
	permit("nmem1,pmem1");
	expect_writable("1");
	expect_eq(nr_complaints, 0);
}

/* Names that mean nothing here are complained about, one by one; the others count. */
TEST(permission, unknown_names_are_complaints)
{
	make_machine();
	permit("pmem9,nvme0,dram0,nmem4,,pmem0,vda,pmem,pmem00");
	expect_writable("0");
	expect_eq(nr_complaints, 7);
	expect_complaint("write=pmem9: this machine has no persistent region");
	expect_complaint("write=nvme0: ");
	expect_complaint("write=dram0: ");
	expect_complaint("write=nmem4: no region lies on this NVDIMM");
	expect_complaint("write=: an empty name");
	expect_complaint("write=pmem00: ");
}

/* `all` leaves out what is not armed, and says so; the name permits it besides. */
TEST(permission, all_leaves_out_what_is_not_armed)
{
	make_machine();
	permit("all");
	expect_writable("0 1");
	require(inventory.nr_refusals == 1);
	expect_eq(inventory.refusals[0].reason, REFUSED_NOT_ARMED);
	expect_eq(inventory.refusals[0].start.addr, GIB4 + 64 * MIB);
	permit("all,pmem2");
	expect_writable("0 1 2");
	expect_eq(inventory.nr_refusals, 0);
	expect_eq(nr_complaints, 0);
}

/* `all` leaves out what holds data, and says what it is. */
TEST(permission, all_leaves_out_what_holds_data)
{
	make_machine();
	inventory.contents[inventory.nr_regions - 3] = "xfs";
	permit("all");
	expect_writable("1");
	require(inventory.nr_refusals == 2);
	expect_eq(inventory.refusals[0].reason, REFUSED_CONTENT);
	expect_str(inventory.refusals[0].text, "xfs");
	expect_eq(inventory.refusals[0].start.addr, GIB4);
	permit("all,nmem0");
	expect_writable("0 1");
}

/* Names are found in a list whole, not as parts of others. */
TEST(permission, names_are_whole)
{
	expect(permission_names("a,nvme0,b", "nvme0"));
	expect(permission_names("nvme0", "nvme0"));
	expect(!permission_names("nvme01,xnvme0,nvme", "nvme0"));
	expect(!permission_names("", "nvme0"));
}
