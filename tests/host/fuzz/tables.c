/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes what reads firmware's tables, the contents of memory and PCI's configuration space
 * (libFuzzer). The signature at the start of the input tells what it is; behind an NFIT or an SRAT
 * a second table may follow. Lengths that no table would have are put right, so that the fuzzer
 * need not guess them, and checksums are not looked at here: acpi_find() has its own input, a whole
 * memory.
 */
#include "drivers/acpi.h"
#include "drivers/acpi_layout.h"
#include "drivers/content.h"
#include "drivers/flush_table.h"
#include "drivers/inventory.h"
#include "drivers/inventory_print.h"
#include "drivers/pci.h"
#include "drivers/permission.h"
#include "tests/firmware.h"
#include "tests/host/machine.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_sound(const char *broken)
{
	if (broken)
		__builtin_trap();
}

static void ignore_line(const char *line)
{
	if (strncmp(line, "# ", 2) != 0 || strlen(line) > 400)
		__builtin_trap();
}

static void ignore_complaint(void *context, const char *text)
{
	(void)context;
	(void)text;
}

static bool is_nothing(const char *name, size_t length)
{
	(void)name;
	return length == 0;
}

/* Makes the stated length of a table fit, and splits off what follows it. */
static struct acpi_bytes first_table(uint8_t *bytes, size_t size)
{
	struct acpi_header header;

	memcpy(&header, bytes, sizeof(header));
	if (header.length < sizeof(header) || header.length > size)
		header.length = (uint32_t)size;
	memcpy(bytes, &header, sizeof(header));
	return (struct acpi_bytes){bytes, header.length};
}

static void give_table(struct inventory_sources *sources, struct acpi_bytes table)
{
	if (memcmp(table.bytes, "NFIT", 4) == 0)
		sources->nfit = table;
	else if (memcmp(table.bytes, "SRAT", 4) == 0)
		sources->srat = table;
	else if (memcmp(table.bytes, "APIC", 4) == 0)
		sources->madt = table;
	else if (memcmp(table.bytes, "MCFG", 4) == 0)
		sources->mcfg = table;
	else if (memcmp(table.bytes, "HPET", 4) == 0)
		sources->hpet = table;
}

static void *map_hint(phys_t start, size_t bytes)
{
	static uint64_t page[PAGE_SIZE / sizeof(uint64_t)];

	if (bytes != PAGE_SIZE)
		__builtin_trap();
	/* Some cannot be mapped. */
	return start.addr % (3 * PAGE_SIZE) ? page : NULL;
}

/* The machine is there for host_virt() alone. */
static void be_a_machine(void)
{
	static bool done;

	if (!done)
		machine_create();
	done = true;
}

/* Each range is told of at least one NVDIMM, by a power of two of addresses that can be stored to.
 */
static void fuzz_flush_table(struct inventory *inventory)
{
	void *storage = malloc(flush_table_size(inventory) + 1);
	const struct flush_range *ranges;
	size_t nr;

	be_a_machine();
	if (!storage)
		__builtin_trap();
	nr = flush_table_build(inventory, map_hint, storage, &ranges);
	for (size_t i = 0; i < nr; i++) {
		if (ranges[i].nr_nvdimms == 0 || ranges[i].start >= ranges[i].end ||
		    (i > 0 && ranges[i].start < ranges[i - 1].end))
			__builtin_trap();
		for (size_t j = 0; j < ranges[i].nr_nvdimms; j++) {
			const struct flush_hints *hints = &ranges[i].nvdimms[j];

			if (hints->nr == 0 || (hints->nr & (hints->nr - 1)) != 0)
				__builtin_trap();
			for (uint32_t k = 0; k < hints->nr; k++)
				*hints->addresses[k] = 1;
		}
	}
	free(storage);
}

static void fuzz_inventory(uint8_t *bytes, size_t size)
{
	static struct machine machine;
	struct inventory inventory;
	struct acpi_bytes table = first_table(bytes, size);
	size_t storage_bytes;
	void *storage;

	machine_begin(&machine);
	give_table(&machine.sources, table);
	if (size - table.length >= sizeof(struct acpi_header))
		give_table(&machine.sources,
			   first_table(bytes + table.length, size - table.length));
	storage_bytes = inventory_size(&machine.sources);
	storage = calloc(1, storage_bytes);
	if (!storage || inventory_build(&machine.sources, storage, storage_bytes, &inventory))
		__builtin_trap();
	require_sound(machine_check(&machine, &inventory));
	inventory_permit(&inventory, "all,nmem1,pmem0",
			 &(struct complaints){ignore_complaint, NULL});
	permission_check(&inventory, "all,nmem1,pmem0,vda", is_nothing,
			 &(struct complaints){ignore_complaint, NULL});
	fuzz_flush_table(&inventory);
	inventory_print(&inventory, ignore_line);
	if (inventory_take(&inventory, pfn(0x1000), pfn(0x2000)))
		__builtin_trap();
	require_sound(region_list_check(inventory.regions, inventory.nr_regions));
	free(storage);
}

/* The input as physical memory, from address 0 on. */
static const uint8_t *memory;
static size_t memory_bytes;

static const void *map(phys_t start, size_t length)
{
	if (start.addr >= memory_bytes || length > memory_bytes - start.addr)
		return NULL;
	return memory + start.addr;
}

static void fuzz_acpi(const uint8_t *bytes, size_t size)
{
	static struct acpi_tables tables;
	struct acpi_sources sources = {
		.loader = phys(8), .loader_copy = bytes, .loader_copy_bytes = size, .map = map};

	memory = bytes;
	memory_bytes = size;
	if ((acpi_find(&sources, &tables) == 0) != (tables.source != NULL))
		__builtin_trap();
	acpi_print(&tables, ignore_line);
}

/*
 * The input as the configuration space of a few buses, over and over again, so that functions are
 * near each other. What is written is kept, as registers do.
 */
static uint8_t *space;
static size_t space_bytes;

static uint32_t read_space(const struct pci_access *access, uint32_t where, unsigned bytes)
{
	uint32_t value = 0;

	(void)access;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint32_t)space[(where + i) % space_bytes] << 8 * i;
	return value;
}

static void write_space(const struct pci_access *access, uint32_t where, unsigned bytes,
			uint32_t value)
{
	(void)access;
	for (unsigned i = 0; i < bytes; i++)
		space[(where + i) % space_bytes] = (uint8_t)(value >> 8 * i);
}

static void fuzz_pci(uint8_t *bytes, size_t size)
{
	static struct pci_function functions[32];
	struct pci_table table = {.functions = functions, .max = 32};
	const struct pci_access access = {.read = read_space,
					  .write = write_space,
					  .last_bus = 3,
					  .config_bytes = 256,
					  .memory_end = phys(1ull << 40)};

	space = bytes;
	space_bytes = size;
	pci_enumerate(&access, &table);
	for (const struct pci_function *f = functions; f < functions + table.nr; f++) {
		unsigned nr = 0;
		struct pci_bar bar;

		for (unsigned index = 0; index < 7; index++)
			if (pci_bar(f, index, &bar) == 0 &&
			    (bar.start.addr == 0 || bar.start.addr + bar.bytes > 1ull << 40))
				__builtin_trap();
		for (unsigned at = 0; (at = pci_capability(f, f->interface, at)) != 0;)
			if (++nr > 48)
				__builtin_trap();
		pci_enable(f);
		pci_disable(f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < sizeof(struct acpi_header))
		return 0;
	/* Exactly so long, and its own, for the sanitizer to see what is read beyond. */
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (memcmp(copy, "RSD ", 4) == 0)
		fuzz_acpi(copy, size);
	else if (memcmp(copy, "DATA", 4) == 0)
		(void)content_of(copy + 4, size - 4);
	else if (memcmp(copy, "PCI ", 4) == 0)
		fuzz_pci(copy + 4, size - 4);
	else
		fuzz_inventory(copy, size);
	free(copy);
	return 0;
}
