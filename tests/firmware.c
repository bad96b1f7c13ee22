/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/firmware.h"

#include "drivers/acpi_layout.h"
#include "drivers/nfit_layout.h"
#include "tests/tables.h"
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

static uint8_t digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void guid_bytes(const char *text, uint8_t guid[16])
{
	static const uint8_t place[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (size_t i = 0; i < 16; i++) {
		text += *text == '-';
		guid[place[i]] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
		text += 2;
	}
}

void firmware_seal(struct firmware *firmware)
{
	uint8_t sum = 0;
	uint32_t length = (uint32_t)firmware->length;

	memcpy(firmware->bytes + offsetof(struct acpi_header, length), &length, sizeof(length));
	firmware->bytes[offsetof(struct acpi_header, checksum)] = 0;
	for (size_t i = 0; i < firmware->length; i++)
		sum = (uint8_t)(sum + firmware->bytes[i]);
	firmware->bytes[offsetof(struct acpi_header, checksum)] = (uint8_t)-sum;
}

void firmware_begin(struct firmware *firmware, const char *signature, uint8_t revision,
		    size_t header_bytes)
{
	memset(firmware, 0, sizeof(*firmware));
	memcpy(firmware->bytes, signature, 4);
	firmware->bytes[offsetof(struct acpi_header, revision)] = revision;
	firmware->length = header_bytes;
	firmware_seal(firmware);
}

void firmware_add(struct firmware *firmware, const void *record, size_t bytes)
{
	require(bytes <= sizeof(firmware->bytes) - firmware->length);
	memcpy(firmware->bytes + firmware->length, record, bytes);
	firmware->length += bytes;
	firmware_seal(firmware);
}

void nfit_begin(struct firmware *firmware)
{
	firmware_begin(firmware, "NFIT", 1, sizeof(struct nfit_header));
}

void nfit_add_range(struct firmware *firmware, uint16_t index, const char *guid, uint64_t start,
		    uint64_t length)
{
	struct nfit_range range = {
		.structure = {NFIT_TYPE_RANGE, NFIT_RANGE_BYTES_WITHOUT_COOKIE},
		.index = index,
		.start = start,
		.length = length,
		.attributes = 0x8008,
	};

	guid_bytes(guid, range.guid);
	firmware_add(firmware, &range, NFIT_RANGE_BYTES_WITHOUT_COOKIE);
}

void nfit_add_mapping(struct firmware *firmware, uint32_t handle, uint16_t range, uint64_t size,
		      uint16_t flags)
{
	struct nfit_mapping mapping = {
		.structure = {NFIT_TYPE_MAPPING, sizeof(mapping)},
		.handle = handle,
		.range = range,
		.control = (uint16_t)handle,
		.size = size,
		.ways = 1,
		.flags = flags,
	};

	firmware_add(firmware, &mapping, sizeof(mapping));
}

void nfit_add_hints(struct firmware *firmware, uint32_t handle, const uint64_t *addresses,
		    uint16_t nr)
{
	struct {
		struct nfit_flush_header header;
		uint64_t addresses[16];
	} hints = {.header = {.handle = handle, .hints = nr}};
	size_t bytes = sizeof(hints.header) + nr * sizeof(*addresses);

	require(nr <= ARRAY_SIZE(hints.addresses));
	hints.header.structure = (struct nfit_structure){NFIT_TYPE_FLUSH, (uint16_t)bytes};
	memcpy(hints.addresses, addresses, nr * sizeof(*addresses));
	firmware_add(firmware, &hints, bytes);
}

void nfit_add_nvdimm(struct firmware *firmware, uint16_t index, uint64_t start, uint64_t length)
{
	struct nfit_control control = {
		.structure = {NFIT_TYPE_CONTROL, NFIT_CONTROL_BYTES_WITHOUT_WINDOWS},
		.index = index,
		.serial = index,
	};

	nfit_add_range(firmware, index, GUID_PERSISTENT, start, length);
	nfit_add_mapping(firmware, index, index, length, 0);
	firmware_add(firmware, &control, NFIT_CONTROL_BYTES_WITHOUT_WINDOWS);
}

void machine_add_memory(struct machine *machine, uint64_t start, uint64_t length, uint32_t type)
{
	require(machine->sources.nr_map < ARRAY_SIZE(machine->map));
	machine->map[machine->sources.nr_map++] = (struct memory_range){phys(start), length, type};
}

void machine_begin(struct machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	machine_add_memory(machine, 0, 0x9fc00, MEMORY_TYPE_RAM);
	machine_add_memory(machine, 0x9fc00, 0x400, MEMORY_TYPE_RESERVED);
	machine_add_memory(machine, 0xf0000, 0x10000, MEMORY_TYPE_RESERVED);
	machine_add_memory(machine, 0x100000, 0x7ee0000, MEMORY_TYPE_RAM);
	machine_add_memory(machine, 0x7fe0000, 0x20000, MEMORY_TYPE_RESERVED);
	machine_add_memory(machine, 0xfffc0000, 0x40000, MEMORY_TYPE_RESERVED);
	machine->used[0] = (struct memory_range){phys(0), 0x100000, 0};
	machine->used[1] = (struct memory_range){phys(0x200000), 0x200000, 0};
	machine->sources.map = machine->map;
	machine->sources.used = machine->used;
	machine->sources.nr_used = 2;
	machine->sources.physical_bits = 40;
}

static void *storage; /* of the last inventory; freed when the test is over */

static void release(void *unused)
{
	(void)unused;
	free(storage);
	storage = NULL;
}

const struct inventory *machine_build(const struct machine *machine)
{
	static struct inventory inventory;
	size_t bytes = inventory_size(&machine->sources);

	if (storage)
		free(storage);
	else
		test_cleanup(release, NULL);
	storage = calloc(1, bytes);
	require(storage != NULL);
	require(inventory_build(&machine->sources, storage, bytes, &inventory) == 0);
	expect_str(machine_check(machine, &inventory), NULL);
	return &inventory;
}

const struct inventory *machine_with(const char *nfit, const char *srat)
{
	static struct machine machine;

	machine_begin(&machine);
	if (nfit) {
		struct table table = table_named(nfit);

		machine.sources.nfit = (struct acpi_bytes){table.bytes, table.length};
	}
	if (srat) {
		struct table table = table_named(srat);

		machine.sources.srat = (struct acpi_bytes){table.bytes, table.length};
	}
	return machine_build(&machine);
}

static bool overlaps(phys_t start, uint64_t length, const struct region *region)
{
	uint64_t end = length > UINT64_MAX - start.addr ? UINT64_MAX : start.addr + length;

	return start.addr < pfn_to_phys(region->end).addr && end > pfn_to_phys(region->start).addr;
}

static bool is_within(const struct region *region, phys_t start, uint64_t length)
{
	return start.addr <= pfn_to_phys(region->start).addr &&
	       pfn_to_phys(region->end).addr - start.addr <= length;
}

static const char *check_dram(const struct machine *machine, const struct inventory *inventory,
			      const struct region *region)
{
	for (size_t i = 0; i < machine->sources.nr_map; i++) {
		const struct memory_range *range = &machine->map[i];

		if (range->type != MEMORY_TYPE_RAM && overlaps(range->start, range->length, region))
			return "a DRAM region has memory that is not RAM";
	}
	for (size_t i = 0; i < inventory->nr_ranges; i++) {
		const struct inventory_range *range = &inventory->ranges[i];

		if (range->type == NFIT_PERSISTENT && !range->refused &&
		    overlaps(range->start, range->length, region))
			return "a DRAM region has persistent memory";
	}
	return NULL;
}

static const char *check_persistent(const struct machine *machine,
				    const struct inventory *inventory, const struct region *region)
{
	const struct inventory_range *range;

	if (region->set >= inventory->nr_sets)
		return "a persistent region has no set";
	range = &inventory->ranges[inventory->sets[region->set].range];
	if (range->type != NFIT_PERSISTENT || range->refused)
		return "a persistent region is of a range that was refused";
	if (!is_within(region, range->start, range->length))
		return "a persistent region leaves its range";
	for (size_t i = 0; i < machine->sources.nr_map; i++) {
		if (machine->map[i].type == MEMORY_TYPE_RAM &&
		    overlaps(machine->map[i].start, machine->map[i].length, region))
			return "a persistent region has RAM";
	}
	if (region->writable)
		return "a region is writable though nobody permitted it";
	return NULL;
}

static const char *check_hint(const struct machine *machine, const struct inventory *inventory,
			      const struct inventory_hint *hint)
{
	phys_t frame = phys(align_down(hint->address.addr, PAGE_SIZE));
	struct region page = {.start = phys_to_pfn(frame), .end = pfn_add(phys_to_pfn(frame), 1)};

	if (hint->nvdimm >= inventory->nr_nvdimms || hint->address.addr % sizeof(uint64_t) != 0)
		return "a flush hint is of no NVDIMM, or not aligned";
	for (size_t i = 0; i < inventory->nr_regions; i++)
		if (overlaps(frame, PAGE_SIZE, &inventory->regions[i]))
			return "a flush hint lies in a region";
	for (size_t i = 0; i < machine->sources.nr_map; i++)
		if (machine->map[i].type == MEMORY_TYPE_RAM &&
		    overlaps(machine->map[i].start, machine->map[i].length, &page))
			return "a flush hint lies in RAM";
	return NULL;
}

const char *machine_check(const struct machine *machine, const struct inventory *inventory)
{
	const char *broken = region_list_check(inventory->regions, inventory->nr_regions);

	for (size_t i = 0; !broken && i < inventory->nr_regions; i++) {
		const struct region *region = &inventory->regions[i];

		for (size_t j = 0; !broken && j < machine->sources.nr_used; j++) {
			if (overlaps(machine->used[j].start, machine->used[j].length, region))
				broken = "a region has memory that is in use";
		}
		if (!broken)
			broken = region->kind == MEMORY_DRAM
					 ? check_dram(machine, inventory, region)
					 : check_persistent(machine, inventory, region);
	}
	for (size_t i = 0; !broken && i < inventory->nr_hints; i++)
		broken = check_hint(machine, inventory, &inventory->hints[i]);
	return broken;
}

size_t persistent_regions(const struct inventory *inventory)
{
	size_t nr = 0;

	for (size_t i = 0; i < inventory->nr_regions; i++)
		nr += inventory->regions[i].kind == MEMORY_PERSISTENT;
	return nr;
}

const struct region *persistent_region(const struct inventory *inventory, size_t number)
{
	for (size_t i = 0; i < inventory->nr_regions; i++) {
		if (inventory->regions[i].kind == MEMORY_PERSISTENT && number-- == 0)
			return &inventory->regions[i];
	}
	test_abort(__FILE__, __LINE__, "there is no persistent region of this number");
}

const struct refusal *find_refusal(const struct inventory *inventory, enum refusal_reason reason)
{
	for (size_t i = 0; i < inventory->nr_refusals; i++) {
		if (inventory->refusals[i].reason == reason)
			return &inventory->refusals[i];
	}
	return NULL;
}
