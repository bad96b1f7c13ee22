/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI as this machine has it. */
#include "drivers/pci_devices.h"
#include "drivers/pci_regs.h"
#include "kernel/port_io.h"
#include "mm/page.h"
#include "tests/harness/memory.h"
#include "tests/harness/pci_space.h"
#include "tests/test.h"

static uint32_t read_by_ports(const struct pci_function *function, unsigned offset)
{
	out32(PCI_PORT_ADDRESS, PCI_PORT_ADDRESS_ENABLE | (uint32_t)function->bus << 16 |
					(uint32_t)function->device << 11 |
					(uint32_t)function->function << 8 | offset);
	return in32(PCI_PORT_DATA);
}

/* A window and the ports show one configuration space: what never changes in it is the same. */
TEST(pci, ports_show_the_same)
{
	static const unsigned offsets[] = {offsetof(struct pci_header, vendor),
					   offsetof(struct pci_header, revision),
					   offsetof(struct pci_header, capabilities)};
	size_t compared = 0;

	for (const struct pci_function *f = pci_next(NULL); f; f = pci_next(f)) {
		if (f->access->segment != 0)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
			expect_eq(pci_read32(f, offsets[i]), read_by_ports(f, offsets[i]));
		compared++;
	}
	expect(compared > 0);
}

/* The bridge above a function leads to its bus, and begins nearer to the root. */
TEST(pci, bridges_above)
{
	const unsigned buses = PCI_BRIDGE_BUSES;

	for (const struct pci_function *f = pci_next(NULL); f; f = pci_next(f)) {
		if (!f->bridge)
			continue;
		expect_eq(pci_read8(f->bridge, buses + 1), f->bus);
		expect(f->bridge->bus < f->bus);
	}
}

/* A base address of 8 GiB is sized, and it lies above 4 GiB since it cannot lie below. */
TEST(pci, base_address_above_4_gib)
{
	const struct pci_function *f = pci_next(NULL);
	struct pci_bar bar;

	while (f && !(f->vendor_id == 0x1b36 && f->device_id == 0x0005))
		f = pci_next(f);
	if (!f)
		skip("the machine has no pci-testdev device");
	require(pci_bar(f, 2, &bar) == 0);
	expect(bar.wide && bar.prefetchable && !bar.io);
	expect_eq(bar.bytes, 8ull << 30);
	expect(bar.start.addr >= 8ull << 30);
	require(pci_bar(f, 1, &bar) == 0);
	expect(bar.io);
}

/* Puts a function there whose one base address is as given, and tries to map that. */
static void expect_not_mapped(uint32_t flags, uint64_t start, uint64_t length, uint64_t least)
{
	static struct pci_space space;
	struct pci_function function = {.access = &space.access};
	uint64_t bytes;

	pci_space_begin(&space);
	fake_function_bar(pci_space_add(&space, 0, 0, 0), 0, flags, start, length);
	expect(pci_map(&function, 0, least, &bytes) == NULL);
}

/*
 * A base address in memory that the kernel has, or that is no base address of memory, is not
 * mapped.
 */
TEST(pci, what_cannot_be_mapped)
{
	const struct region *region = NULL;

	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		while ((region = next_region(region, (enum memory_kind)kind))) {
			uint64_t end = pfn_to_phys(region->end).addr;

			expect_not_mapped(PCI_BAR_TYPE_64, end - PAGE_SIZE, PAGE_SIZE, PAGE_SIZE);
			expect_not_mapped(PCI_BAR_TYPE_64, align_down(end - 1, AREA_SIZE),
					  AREA_SIZE, PAGE_SIZE);
		}
	expect_not_mapped(PCI_BAR_TYPE_32, 0, PAGE_SIZE, PAGE_SIZE);
	expect_not_mapped(PCI_BAR_TYPE_32, 0xfeb00000, PAGE_SIZE, PAGE_SIZE + 1);
	expect_not_mapped(PCI_BAR_IO, 0xc000, 32, 16);
}
