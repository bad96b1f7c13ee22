/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/pci.h"

#include "drivers/pci_regs.h"

#include <errno.h>
#include <stdio.h>

/* Offsets of the header's fields. */
#define AT(field) ((unsigned)offsetof(struct pci_header, field))

enum { BUSES = 256 };

/* --- Read and write. --- */

static uint32_t where(const struct pci_function *function, unsigned offset)
{
	return (uint32_t)function->bus << 20 | (uint32_t)function->device << 15 |
	       (uint32_t)function->function << 12 | offset;
}

static bool is_within(const struct pci_function *function, unsigned offset, unsigned bytes)
{
	return offset % bytes == 0 && offset < function->access->config_bytes;
}

static uint32_t read(const struct pci_function *function, unsigned offset, unsigned bytes)
{
	if (!is_within(function, offset, bytes))
		return UINT32_MAX;
	return function->access->read(function->access, where(function, offset), bytes);
}

static void write(const struct pci_function *function, unsigned offset, unsigned bytes,
		  uint32_t value)
{
	if (is_within(function, offset, bytes))
		function->access->write(function->access, where(function, offset), bytes, value);
}

uint8_t pci_read8(const struct pci_function *function, unsigned offset)
{
	return (uint8_t)read(function, offset, 1);
}

uint16_t pci_read16(const struct pci_function *function, unsigned offset)
{
	return (uint16_t)read(function, offset, 2);
}

uint32_t pci_read32(const struct pci_function *function, unsigned offset)
{
	return read(function, offset, 4);
}

void pci_write8(const struct pci_function *function, unsigned offset, uint8_t value)
{
	write(function, offset, 1, value);
}

void pci_write16(const struct pci_function *function, unsigned offset, uint16_t value)
{
	write(function, offset, 2, value);
}

void pci_write32(const struct pci_function *function, unsigned offset, uint32_t value)
{
	write(function, offset, 4, value);
}

void pci_name(const struct pci_function *function, char name[PCI_NAME_MAX])
{
	snprintf(name, PCI_NAME_MAX, "%04x:%02x:%02x.%x", function->access->segment, function->bus,
		 function->device & 0x1fu, function->function & 7u);
}

/* --- Find. --- */

struct scan {
	const struct pci_access *access;
	struct pci_table *table;
	bool seen[BUSES];
};

/* False: nothing is there. */
static bool identify(struct pci_function *function)
{
	function->vendor_id = pci_read16(function, AT(vendor));
	if (function->vendor_id == PCI_NO_VENDOR)
		return false;
	function->device_id = pci_read16(function, AT(device));
	function->revision = pci_read8(function, AT(revision));
	function->interface = pci_read8(function, AT(interface));
	function->subclass = pci_read8(function, AT(subclass));
	function->class_code = pci_read8(function, AT(class_code));
	function->header_type = pci_read8(function, AT(type)) & PCI_TYPE_MASK;
	if (function->header_type == PCI_TYPE_DEVICE) {
		function->subsystem_vendor_id = pci_read16(function, AT(subsystem_vendor));
		function->subsystem_device_id = pci_read16(function, AT(subsystem_device));
	}
	return true;
}

static void add(struct pci_table *table, const struct pci_function *function)
{
	if (function->header_type > PCI_TYPE_CARDBUS)
		table->broken++;
	else if (table->nr == table->max)
		table->dropped++;
	else
		table->functions[table->nr++] = *function;
}

/* Function 0 is always there, and says whether to look for more. */
static void scan_device(struct scan *scan, struct pci_function function)
{
	bool several;

	if (!identify(&function))
		return;
	several = pci_read8(&function, AT(type)) & PCI_TYPE_MULTIFUNCTION;
	add(scan->table, &function);
	while (several && ++function.function < PCI_FUNCTIONS_PER_DEVICE) {
		function.subsystem_vendor_id = function.subsystem_device_id = 0;
		if (identify(&function))
			add(scan->table, &function);
	}
}

static void scan_bus(struct scan *scan, unsigned bus, const struct pci_function *bridge)
{
	if (bus < scan->access->first_bus || bus > scan->access->last_bus || scan->seen[bus])
		return;
	scan->seen[bus] = true;
	for (unsigned device = 0; device < PCI_DEVICES_PER_BUS; device++)
		scan_device(scan, (struct pci_function){
					  .access = scan->access,
					  .bridge = bridge,
					  .bus = (uint8_t)bus,
					  .device = (uint8_t)device,
				  });
}

/* A bus and all that lie behind it. The table is the list of what is still to be looked behind. */
static void scan_tree(struct scan *scan, unsigned root)
{
	const struct pci_table *table = scan->table;

	size_t next = table->nr;

	for (scan_bus(scan, root, NULL); next < table->nr; next++) {
		const struct pci_function *bridge = &table->functions[next];
		unsigned secondary =
			PCI_BRIDGE_BUSES + offsetof(struct pci_bridge_buses, secondary);

		if (bridge->header_type == PCI_TYPE_BRIDGE)
			scan_bus(scan, pci_read8(bridge, secondary), bridge);
	}
}

void pci_enumerate(const struct pci_access *access, struct pci_table *table)
{
	struct scan scan = {.access = access, .table = table};

	for (unsigned bus = access->first_bus; bus <= access->last_bus; bus++)
		if (!scan.seen[bus])
			scan_tree(&scan, bus);
}

/* --- Take. --- */

static unsigned nr_bars(const struct pci_function *function)
{
	static const unsigned bars[] = {[PCI_TYPE_DEVICE] = 6, [PCI_TYPE_BRIDGE] = 2};

	return function->header_type <= PCI_TYPE_BRIDGE ? bars[function->header_type] : 0;
}

static unsigned bar_at(unsigned index)
{
	return AT(bar) + index * 4;
}

static bool is_wide(uint32_t low)
{
	return !(low & PCI_BAR_IO) && (low & PCI_BAR_TYPE) == PCI_BAR_TYPE_64;
}

static bool is_upper_half(const struct pci_function *function, unsigned index)
{
	unsigned i = 0;

	while (i < index)
		i += is_wide(pci_read32(function, bar_at(i))) ? 2 : 1;
	return i != index;
}

/* What a base address keeps of all ones. Its value is put back. */
static uint32_t writable_bits(const struct pci_function *function, unsigned index)
{
	uint32_t value = pci_read32(function, bar_at(index));
	uint32_t mask;

	pci_write32(function, bar_at(index), UINT32_MAX);
	mask = pci_read32(function, bar_at(index));
	pci_write32(function, bar_at(index), value);
	return mask;
}

/* All address bits that can be written, with ones above those that there are. */
static uint64_t size_mask(const struct pci_function *function, unsigned index,
			  const struct pci_bar *bar)
{
	uint64_t mask = writable_bits(function, index);

	if (bar->io) {
		/* A function may decode 16 bits of a port only. */
		mask &= ~(uint64_t)PCI_BAR_IO_FLAGS;
		return mask ? mask | ~(uint64_t)0xffff : 0;
	}
	mask &= ~(uint64_t)PCI_BAR_MEMORY_FLAGS;
	if (bar->wide)
		return mask | (uint64_t)writable_bits(function, index + 1) << 32;
	return mask ? mask | ~(uint64_t)UINT32_MAX : 0;
}

static bool is_usable(const struct pci_function *function, const struct pci_bar *bar)
{
	uint64_t end = bar->io ? 1 << 16 : function->access->memory_end.addr;

	return bar->start.addr != 0 && (bar->bytes & (bar->bytes - 1)) == 0 &&
	       bar->start.addr % bar->bytes == 0 && bar->start.addr < end &&
	       bar->bytes <= end - bar->start.addr;
}

int pci_bar(const struct pci_function *function, unsigned index, struct pci_bar *bar)
{
	uint16_t command;
	uint64_t mask;
	uint32_t low;

	if (index >= nr_bars(function) || is_upper_half(function, index))
		return -ENOENT;
	if (pci_read16(function, AT(vendor)) == PCI_NO_VENDOR)
		return -ENODEV;
	low = pci_read32(function, bar_at(index));
	command = pci_read16(function, AT(command));
	*bar = (struct pci_bar){
		.start = phys(low & ~(low & PCI_BAR_IO ? PCI_BAR_IO_FLAGS : PCI_BAR_MEMORY_FLAGS)),
		.io = low & PCI_BAR_IO,
		.wide = is_wide(low),
		.prefetchable = !(low & PCI_BAR_IO) && (low & PCI_BAR_PREFETCHABLE),
	};
	if (bar->wide && index + 1 >= nr_bars(function))
		return -EINVAL;
	if (bar->wide)
		bar->start.addr |= (uint64_t)pci_read32(function, bar_at(index + 1)) << 32;
	pci_write16(function, AT(command),
		    command & (uint16_t) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	mask = size_mask(function, index, bar);
	pci_write16(function, AT(command), command);
	if (mask == 0)
		return -ENOENT;
	bar->bytes = -mask;
	return is_usable(function, bar) ? 0 : -EINVAL;
}

static void set_command(const struct pci_function *function, unsigned clear, unsigned set)
{
	unsigned command = pci_read16(function, AT(command));

	pci_write16(function, AT(command), (uint16_t)((command & ~clear) | set));
}

static void message_interrupts_off(const struct pci_function *function, uint8_t id, unsigned bit)
{
	unsigned at = pci_capability(function, id, 0);
	unsigned control;

	if (!at)
		return;
	control = pci_read16(function, at + PCI_MSI_CONTROL);
	pci_write16(function, at + PCI_MSI_CONTROL, (uint16_t)(control & ~bit));
}

void pci_enable(const struct pci_function *function)
{
	message_interrupts_off(function, PCI_CAPABILITY_MSI, PCI_MSI_ENABLE);
	message_interrupts_off(function, PCI_CAPABILITY_MSIX, PCI_MSIX_ENABLE);
	for (const struct pci_function *bridge = function->bridge; bridge; bridge = bridge->bridge)
		set_command(bridge, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
	set_command(function, 0,
		    PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER | PCI_COMMAND_INTX_DISABLE);
}

/* Reading the register back waits until the write has arrived, behind what was under way. */
void pci_disable(const struct pci_function *function)
{
	set_command(function, PCI_COMMAND_BUS_MASTER, 0);
	(void)pci_read16(function, AT(command));
}

unsigned pci_capability(const struct pci_function *function, uint8_t id, unsigned after)
{
	uint64_t seen = 0; /* a bit for each 4 bytes of the space */
	bool found = after == 0;
	unsigned at;

	if (!(pci_read16(function, AT(status)) & PCI_STATUS_CAPABILITIES))
		return 0;
	at = pci_read8(function, AT(capabilities)) & ~3u;
	while (at >= sizeof(struct pci_header) && !(seen & 1ull << at / 4)) {
		seen |= 1ull << at / 4;
		if (found && pci_read8(function, at) == id)
			return at;
		found |= at == after;
		at = pci_read8(function, at + offsetof(struct pci_capability_header, next)) & ~3u;
	}
	return 0;
}
