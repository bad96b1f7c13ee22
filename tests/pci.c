/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI's functions are found and taken, whatever their configuration space says. */
#include "drivers/pci.h"

#include <errno.h>
#include <string.h>

#include "tests/harness/pci_space.h"
#include "tests/test.h"

static struct pci_space space;
static struct pci_function found[16];
static struct pci_table table;

/* Looks at the space anew. */
static void enumerate(void)
{
	table = (struct pci_table){.functions = found, .max = ARRAY_SIZE(found)};
	memset(space.looked, 0, sizeof(space.looked));
	pci_enumerate(&space.access, &table);
}

static const struct pci_function *at(unsigned bus, unsigned device, unsigned function)
{
	for (size_t i = 0; i < table.nr; i++)
		if (found[i].bus == bus && found[i].device == device &&
		    found[i].function == function)
			return &found[i];
	test_abort(__FILE__, __LINE__, "%u:%u.%u was not found", bus, device, function);
}

/* The one function of a space. */
static const struct pci_function *only(void)
{
	enumerate();
	require(table.nr == 1);
	return &found[0];
}

/* A space with one function, to be made more of. */
static struct fake_function *begin_with_one(void)
{
	pci_space_begin(&space);
	return pci_space_add(&space, 0, 3, 0);
}

/* What a function says of itself is in the table. */
TEST(pci, function_is_identified)
{
	struct fake_function *fake = begin_with_one();
	const struct pci_function *function;
	char name[PCI_NAME_MAX];

	fake->device = 31;
	fake->header.device = 0x1234;
	fake->header.class_code = 1;
	fake->header.subclass = 8;
	fake->header.interface = 2;
	fake->header.revision = 0x10;
	fake->header.subsystem_vendor = 0xabcd;
	fake->header.subsystem_device = 0xef01;
	function = only();
	expect_eq(function->vendor_id, 0x1af4);
	expect_eq(function->device_id, 0x1234);
	expect_eq(function->class_code << 16 | function->subclass << 8 | function->interface,
		  0x010802);
	expect_eq(function->revision, 0x10);
	expect_eq(function->subsystem_vendor_id, 0xabcd);
	expect_eq(function->subsystem_device_id, 0xef01);
	expect(function->bridge == NULL);
	pci_name(function, name);
	expect_str(name, "0000:00:1f.0");
}

/* Functions above 0 are looked for where function 0 says that there are some, gaps or not. */
TEST(pci, functions_of_a_device)
{
	struct fake_function *first = begin_with_one();

	first->header.type = PCI_TYPE_MULTIFUNCTION;
	first->header.subsystem_vendor = 1;
	pci_space_add(&space, 0, 3, 2)->header.type = PCI_TYPE_BRIDGE;
	pci_space_add(&space, 0, 3, 7);
	pci_space_add(&space, 0, 4, 0);
	pci_space_add(&space, 0, 4, 1); /* an echo of function 0, on some devices */
	pci_space_add(&space, 0, 5, 1);
	enumerate();
	expect_eq(table.nr, 4);
	expect_eq(at(0, 3, 2)->header_type, PCI_TYPE_BRIDGE);
	expect_eq(at(0, 3, 2)->subsystem_vendor_id, 0);
	(void)at(0, 3, 7);
	(void)at(0, 4, 0);
}

/* What lies behind bridges is found, and knows them. */
TEST(pci, bridges_lead_to_buses)
{
	pci_space_begin(&space);
	pci_space_add_bridge(&space, 0, 1, 1);
	pci_space_add_bridge(&space, 1, 2, 2);
	pci_space_add_bridge(&space, 0, 3, 9);
	pci_space_add(&space, 2, 5, 0);
	pci_space_add(&space, 9, 0, 0);
	enumerate();
	expect_eq(table.nr, 5);
	expect(at(0, 1, 0)->bridge == NULL);
	expect(at(1, 2, 0)->bridge == at(0, 1, 0));
	expect(at(2, 5, 0)->bridge == at(1, 2, 0));
	expect(at(9, 0, 0)->bridge == at(0, 3, 0));
}

/* Bridges that lead back, to themselves, or to a bus that another has: each bus is read once. */
TEST(pci, bridges_in_a_circle)
{
	pci_space_begin(&space);
	pci_space_add_bridge(&space, 0, 1, 1);
	pci_space_add_bridge(&space, 0, 2, 0);
	pci_space_add_bridge(&space, 0, 3, 1);
	pci_space_add_bridge(&space, 1, 1, 0);
	pci_space_add_bridge(&space, 1, 2, 1);
	pci_space_add_bridge(&space, 1, 3, 4);
	pci_space_add_bridge(&space, 4, 0, 1);
	enumerate();
	expect_eq(table.nr, 7);
	for (unsigned bus = 0; bus < 256; bus++)
		if (space.looked[bus] != 1)
			fail("bus %u is looked at %u times", bus, space.looked[bus]);
	for (size_t i = 0; i < table.nr; i++) {
		unsigned above = 0;

		for (const struct pci_function *f = &found[i]; f; f = f->bridge)
			above++;
		expect(above <= 3);
	}
}

/* A bus that no bridge leads to is behind a host bridge of its own. */
TEST(pci, further_host_bridges)
{
	pci_space_begin(&space);
	/* No bridge, though it looks so where a bridge has its bus. */
	pci_space_add(&space, 0, 0, 0)->config[PCI_BRIDGE_BUSES + 1] = 0x81;
	pci_space_add_bridge(&space, 0x80, 2, 0x81);
	pci_space_add(&space, 0x81, 0, 0);
	enumerate();
	expect_eq(table.nr, 3);
	expect(at(0x80, 2, 0)->bridge == NULL);
	expect(at(0x81, 0, 0)->bridge == at(0x80, 2, 0));
}

/* A window that is shorter than the buses: nothing outside of it is read. */
TEST(pci, window_of_some_buses)
{
	pci_space_begin(&space);
	space.access.first_bus = 4;
	space.access.last_bus = 6;
	pci_space_add(&space, 0, 0, 0);
	pci_space_add_bridge(&space, 4, 0, 7);
	pci_space_add_bridge(&space, 4, 1, 3);
	pci_space_add_bridge(&space, 4, 2, 6);
	pci_space_add(&space, 6, 0, 0);
	pci_space_add(&space, 7, 0, 0);
	enumerate();
	expect_eq(table.nr, 4);
	expect(at(6, 0, 0)->bridge == at(4, 2, 0));
}

/* Headers of types that do not exist are counted, and so is what has no room. */
TEST(pci, what_is_left_out_is_counted)
{
	pci_space_begin(&space);
	pci_space_add(&space, 0, 0, 0)->header.type = 3;
	pci_space_add(&space, 0, 1, 0)->header.type = 0x7f;
	for (unsigned i = 2; i < 20; i++)
		pci_space_add(&space, 0, i, 0);
	enumerate();
	expect_eq(table.broken, 2);
	expect_eq(table.nr, ARRAY_SIZE(found));
	expect_eq(table.dropped, 18 - ARRAY_SIZE(found));
}

/* Reading past a function's space, or across its registers, gives all ones and asks nobody. */
TEST(pci, offsets_are_checked)
{
	struct fake_function *fake = begin_with_one();
	const struct pci_function *function = only();

	memset(fake->config + 64, 0x55, sizeof(fake->config) - 64);
	expect_eq(pci_read32(function, 252), 0x55555555);
	expect_eq(pci_read8(function, 255), 0x55);
	expect_eq(pci_read8(function, 256), 0xff);
	expect_eq(pci_read16(function, 256), 0xffff);
	expect_eq(pci_read32(function, 65), UINT32_MAX);
	expect_eq(pci_read32(function, 0x1000), UINT32_MAX);
	pci_write32(function, 256, 0);
	pci_write16(function, 101, 0);
	pci_write16(function, 102, 0x1234);
	pci_write8(function, 104, 1);
	expect_eq(pci_read32(function, 100), 0x12345555);
	expect_eq(pci_read32(function, 104), 0x55555501);
}

static void expect_bar(unsigned index, uint64_t start, uint64_t bytes)
{
	struct pci_bar bar;
	int error = pci_bar(only(), index, &bar);

	if (error || bar.start.addr != start || bar.bytes != bytes)
		fail("base address %u: expected %#llx bytes at %#llx, found error %d, %#llx bytes "
		     "at %#llx",
		     index, (unsigned long long)bytes, (unsigned long long)start, error,
		     (unsigned long long)bar.bytes, (unsigned long long)bar.start.addr);
}

static void expect_no_bar(unsigned index, int error)
{
	struct pci_bar bar;

	expect_eq(pci_bar(only(), index, &bar), error);
}

/* Base addresses of every kind are sized, and left as they were. */
TEST(pci, base_addresses)
{
	struct fake_function *fake = begin_with_one();
	struct pci_header before;
	struct pci_bar bar;

	fake->header.command = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER;
	fake_function_bar(fake, 0, PCI_BAR_TYPE_32, 0xfeb00000, 0x4000);
	fake_function_bar(fake, 1, PCI_BAR_IO, 0xc040, 0x20);
	fake_function_bar(fake, 2, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCHABLE, 0x2100000000,
			  1ull << 32);
	fake_function_bar(fake, 4, PCI_BAR_TYPE_64, 0x80000000, 16);
	before = fake->header;
	expect_bar(0, 0xfeb00000, 0x4000);
	expect_bar(1, 0xc040, 0x20);
	expect_bar(2, 0x2100000000, 1ull << 32);
	expect_bar(4, 0x80000000, 16);
	expect(memcmp(&before, &fake->header, sizeof(before)) == 0);
	require(pci_bar(only(), 1, &bar) == 0);
	expect(bar.io && !bar.wide && !bar.prefetchable);
	require(pci_bar(only(), 2, &bar) == 0);
	expect(!bar.io && bar.wide && bar.prefetchable);
	/* Ports of a function that decodes 16 bits of their number. */
	fake->bar_mask[1] = 0xffe0;
	expect_bar(1, 0xc040, 0x20);
}

/* Where there is no base address, that is said. */
TEST(pci, no_base_address)
{
	struct fake_function *fake = begin_with_one();

	fake_function_bar(fake, 0, PCI_BAR_TYPE_64, 0x80000000, 0x1000);
	expect_no_bar(1, -ENOENT); /* the upper half of 0 */
	expect_no_bar(2, -ENOENT);
	expect_no_bar(6, -ENOENT);
	fake->header.type = PCI_TYPE_BRIDGE;
	fake_function_bar(fake, 2, PCI_BAR_TYPE_32, 0x90000000, 0x1000);
	expect_no_bar(2, -ENOENT);
	fake->header.type = PCI_TYPE_CARDBUS;
	expect_no_bar(0, -ENOENT);
}

/* Addresses that nobody assigned, or that cannot be, are refused. */
TEST(pci, base_address_that_cannot_be)
{
	static const struct {
		uint32_t flags;
		uint64_t start, bytes;
	} bad[] = {
		{PCI_BAR_TYPE_32, 0, 0x1000},
		{PCI_BAR_TYPE_64, 0, 0x1000},
		{PCI_BAR_IO, 0, 0x20},
		{PCI_BAR_TYPE_64, 0x80001000, 0x2000},         /* not aligned */
		{PCI_BAR_TYPE_64, 1ull << 40, 0x1000},         /* past the CPU's addresses */
		{PCI_BAR_TYPE_64, 0xfffffffffffff000, 0x1000}, /* ... and wraps */
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fake_function_bar(begin_with_one(), 0, bad[i].flags, bad[i].start, bad[i].bytes);
		expect_no_bar(0, -EINVAL);
	}
	/* One that reaches past the end of what the CPU can address. */
	fake_function_bar(begin_with_one(), 0, PCI_BAR_TYPE_64, 2ull << 38, 2ull << 38);
	space.access.memory_end = phys(3ull << 38);
	expect_no_bar(0, -EINVAL);
	/* A wide one without an upper half. */
	fake_function_bar(begin_with_one(), 5, PCI_BAR_TYPE_64, 0x80000000, 0x1000);
	expect_no_bar(5, -EINVAL);
	/* A size that is no power of two. */
	fake_function_bar(begin_with_one(), 0, PCI_BAR_TYPE_32, 0xb0000000, 0x1000);
	space.functions[0].bar_mask[0] = 0xffff5000;
	expect_no_bar(0, -EINVAL);
}

/* Taking a function opens the way through the bridges above it, and switches interrupts off. */
TEST(pci, enable_and_disable)
{
	struct fake_function *first, *second, *fake;
	const unsigned on = PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER;

	pci_space_begin(&space);
	first = pci_space_add_bridge(&space, 0, 1, 1);
	second = pci_space_add_bridge(&space, 1, 0, 2);
	fake = pci_space_add(&space, 2, 0, 0);
	fake->header.capabilities = 0x40;
	fake_function_capability(fake, 0x40, PCI_CAPABILITY_MSI, 0x50);
	fake_function_capability(fake, 0x50, PCI_CAPABILITY_MSIX, 0);
	memset(fake->config + 0x42, 0xff, 2);
	memset(fake->config + 0x52, 0xff, 2);
	enumerate();
	pci_enable(at(2, 0, 0));
	expect_eq(first->header.command, on);
	expect_eq(second->header.command, on);
	expect_eq(fake->header.command, on | PCI_COMMAND_INTX_DISABLE);
	expect_eq(pci_read16(at(2, 0, 0), 0x42), 0xfffe);
	expect_eq(pci_read16(at(2, 0, 0), 0x52), 0x7fff);
	pci_disable(at(2, 0, 0));
	expect_eq(fake->header.command, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	expect_eq(second->header.command, on);
}

/* Capabilities are found by their ids, several of one id too. */
TEST(pci, capabilities)
{
	struct fake_function *fake = begin_with_one();
	const struct pci_function *function = only();

	fake->header.capabilities = 0x80;
	expect_eq(pci_capability(function, 0, 0), 0);     /* its status says that there are none */
	fake_function_capability(fake, 0x80, 0x09, 0x47); /* the lowest bits mean nothing */
	fake_function_capability(fake, 0x44, 0x11, 0xf0);
	fake_function_capability(fake, 0xf0, 0x09, 0);
	expect_eq(pci_capability(function, 0x09, 0), 0x80);
	expect_eq(pci_capability(function, 0x09, 0x80), 0xf0);
	expect_eq(pci_capability(function, 0x09, 0xf0), 0);
	expect_eq(pci_capability(function, 0x11, 0), 0x44);
	expect_eq(pci_capability(function, 0x11, 0x44), 0);
	expect_eq(pci_capability(function, 0x05, 0), 0);
	expect_eq(pci_capability(function, 0x09, 0x60), 0); /* after what is none */
}

/* A list that leads back ends where it would begin again, or in the header. */
TEST(pci, capabilities_in_a_circle)
{
	struct fake_function *fake = begin_with_one();
	const struct pci_function *function = only();

	fake->header.capabilities = 0x40;
	fake_function_capability(fake, 0x40, 0x09, 0x50);
	fake_function_capability(fake, 0x50, 0x09, 0x60);
	fake_function_capability(fake, 0x60, 0x01, 0x40);
	expect_eq(pci_capability(function, 0x09, 0), 0x40);
	expect_eq(pci_capability(function, 0x09, 0x40), 0x50);
	expect_eq(pci_capability(function, 0x09, 0x50), 0);
	fake_function_capability(fake, 0x60, 0x01, 0x60);
	expect_eq(pci_capability(function, 0x05, 0), 0);
	fake_function_capability(fake, 0x60, 0x01, 0x3c);
	fake->header.interrupt_line = 0x09;
	expect_eq(pci_capability(function, 0x09, 0x50), 0);
}

/* A function that went away has no capability and no base address, and can still be switched off.
 */
TEST(pci, function_that_is_gone)
{
	struct fake_function *fake = begin_with_one();
	const struct pci_function *function = only();
	struct pci_bar bar;

	fake_function_bar(fake, 0, PCI_BAR_TYPE_32, 0x80000000, 0x1000);
	fake->gone = true;
	expect_eq(pci_bar(function, 0, &bar), -ENODEV);
	expect_eq(pci_capability(function, PCI_CAPABILITY_VENDOR, 0), 0);
	pci_disable(function);
}

/* Whatever a space is filled with: it is read to its end, and what is found is bounded. */
TEST(pci, spaces_of_noise)
{
	for (unsigned round = 0; round < 50; round++) {
		pci_space_begin(&space);
		for (unsigned i = 0; i < 12; i++) {
			struct fake_function *fake =
				pci_space_add(&space, (unsigned)test_random_below(4), i, 0);

			for (size_t byte = 4; byte < sizeof(fake->config); byte++)
				fake->config[byte] = (uint8_t)test_random();
			fake->header.type &= (uint8_t)test_random_below(4) | 0x80;
			fake->config[PCI_BRIDGE_BUSES + 1] &= 3;
		}
		enumerate();
		expect(table.nr + table.dropped + table.broken == 12);
		for (size_t i = 0; i < table.nr; i++) {
			unsigned nr = 0;
			struct pci_bar bar;

			for (unsigned at_bar = 0; at_bar < 6; at_bar++)
				if (pci_bar(&found[i], at_bar, &bar) == 0)
					expect(bar.start.addr % bar.bytes == 0);
			for (unsigned offset = 0;
			     (offset = pci_capability(&found[i], found[i].interface, offset));)
				nr++;
			expect(nr <= 48);
			pci_enable(&found[i]);
		}
	}
}
