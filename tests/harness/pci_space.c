/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/pci_space.h"

#include "tests/test.h"

#include <string.h>

static struct fake_function *find(const struct pci_access *access, uint32_t where)
{
	struct pci_space *space = (struct pci_space *)access;
	unsigned bus = where >> 20;

	if (bus < access->first_bus || bus > access->last_bus)
		fail("bus %u is read, the window ends at bus %u", bus, access->last_bus);
	if ((where & 0xfffff) == 0)
		space->looked[bus]++;
	for (size_t i = 0; i < space->nr; i++) {
		struct fake_function *function = &space->functions[i];

		if (function->bus == bus && function->device == (where >> 15 & 31) &&
		    function->function == (where >> 12 & 7) && !function->gone)
			return function;
	}
	return NULL;
}

static uint32_t read(const struct pci_access *access, uint32_t where, unsigned bytes)
{
	const struct fake_function *function = find(access, where);
	unsigned offset = where & 0xfff;
	uint32_t value = UINT32_MAX;

	if (!function)
		return value;
	value = 0;
	memcpy(&value, function->config + offset, bytes);
	return value;
}

static uint32_t bar_flags(uint32_t value)
{
	return value & (value & PCI_BAR_IO ? PCI_BAR_IO_FLAGS : PCI_BAR_MEMORY_FLAGS);
}

/* The upper half of a wide one has no flags. */
static void write_bar(struct fake_function *function, unsigned index, uint32_t value)
{
	uint32_t old = function->header.bar[index];
	uint32_t flags = bar_flags(old);

	if (function->header.command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
		fail("base address %u is written while the function decodes it", index);
	if (index > 0 && (function->header.bar[index - 1] & 7) == PCI_BAR_TYPE_64)
		flags = 0;
	function->header.bar[index] = (value & function->bar_mask[index]) | flags;
}

static void write(const struct pci_access *access, uint32_t where, unsigned bytes, uint32_t value)
{
	struct fake_function *function = find(access, where);
	unsigned offset = where & 0xfff;
	unsigned bar = (offset - (unsigned)offsetof(struct pci_header, bar)) / 4;

	if (!function)
		return;
	if (offset >= offsetof(struct pci_header, bar) && bar < 6 && bytes == 4)
		write_bar(function, bar, value);
	else
		memcpy(function->config + offset, &value, bytes);
}

void pci_space_begin(struct pci_space *space)
{
	*space = (struct pci_space){.access = {
					    .read = read,
					    .write = write,
					    .last_bus = UINT8_MAX,
					    .config_bytes = PCI_CONFIG_BYTES,
					    .memory_end = phys(1ull << 40),
				    }};
}

struct fake_function *pci_space_add(struct pci_space *space, unsigned bus, unsigned device,
				    unsigned function)
{
	struct fake_function *added = &space->functions[space->nr];

	require(space->nr < FAKE_FUNCTIONS_MAX);
	space->nr++;
	added->bus = (uint8_t)bus;
	added->device = (uint8_t)device;
	added->function = (uint8_t)function;
	added->header.vendor = 0x1af4;
	added->header.device = (uint16_t)(bus << 8 | device << 3 | function);
	return added;
}

struct fake_function *pci_space_add_bridge(struct pci_space *space, unsigned bus, unsigned device,
					   unsigned secondary)
{
	struct fake_function *bridge = pci_space_add(space, bus, device, 0);
	struct pci_bridge_buses buses = {
		.primary = (uint8_t)bus, .secondary = (uint8_t)secondary, .subordinate = 255};

	bridge->header.type = PCI_TYPE_BRIDGE;
	memcpy(bridge->config + PCI_BRIDGE_BUSES, &buses, sizeof(buses));
	return bridge;
}

void fake_function_bar(struct fake_function *function, unsigned index, uint32_t flags,
		       uint64_t start, uint64_t bytes)
{
	function->header.bar[index] = (uint32_t)start | flags;
	function->bar_mask[index] = (uint32_t)-bytes;
	if (flags & PCI_BAR_IO || (flags & PCI_BAR_TYPE) != PCI_BAR_TYPE_64 || index == 5)
		return;
	function->header.bar[index + 1] = (uint32_t)(start >> 32);
	function->bar_mask[index + 1] = (uint32_t)(-bytes >> 32);
}

void fake_function_capability(struct fake_function *function, unsigned at, uint8_t id,
			      unsigned next)
{
	struct pci_capability_header capability = {id, (uint8_t)next};

	function->header.status |= PCI_STATUS_CAPABILITIES;
	memcpy(function->config + at, &capability, sizeof(capability));
}
