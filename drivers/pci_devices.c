/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/pci_devices.h"

#include "drivers/mcfg.h"
#include "drivers/pci_regs.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/lock.h"
#include "kernel/mmio.h"
#include "kernel/port_io.h"
#include "kernel/windows.h"

#include <errno.h>

enum { ACCESSES_MAX = 64, FUNCTIONS_MAX = 1024 };

static struct pci_access accesses[ACCESSES_MAX];
static size_t nr_accesses;
static size_t windows_refused; /* that cannot be mapped, or are more than there is room for */

static struct pci_function functions[FUNCTIONS_MAX];
static struct pci_table table = {.functions = functions, .max = FUNCTIONS_MAX};

/* --- By a window in memory. --- */

static volatile uint8_t *window_at(const struct pci_access *access, uint32_t where)
{
	return access->window + (where - ((uint32_t)access->first_bus << 20));
}

static uint32_t window_read(const struct pci_access *access, uint32_t where, unsigned bytes)
{
	const volatile uint8_t *at = window_at(access, where);

	switch (bytes) {
	case 1:
		return mmio_read8(at);
	case 2:
		return mmio_read16(at);
	default:
		return mmio_read32(at);
	}
}

static void window_write(const struct pci_access *access, uint32_t where, unsigned bytes,
			 uint32_t value)
{
	volatile uint8_t *at = window_at(access, where);

	switch (bytes) {
	case 1:
		mmio_write8(at, (uint8_t)value);
		break;
	case 2:
		mmio_write16(at, (uint16_t)value);
		break;
	default:
		mmio_write32(at, value);
	}
}

/* --- By ports. --- */

static struct lock ports; /* an access takes two instructions */

/* Selects the 4 bytes and says at which port those wanted of them are. */
static uint16_t select_port(uint32_t where)
{
	uint32_t address = where >> 20 << 16 | (where >> 12 & 0xff) << 8 | (where & 0xfc);

	out32(PCI_PORT_ADDRESS, PCI_PORT_ADDRESS_ENABLE | address);
	return (uint16_t)(PCI_PORT_DATA + where % 4);
}

static uint32_t ports_read(const struct pci_access *access, uint32_t where, unsigned bytes)
{
	uint32_t value;
	uint16_t port;

	(void)access;
	lock_take(&ports);
	port = select_port(where);
	switch (bytes) {
	case 1:
		value = in8(port);
		break;
	case 2:
		value = in16(port);
		break;
	default:
		value = in32(port);
	}
	lock_give(&ports);
	return value;
}

static void ports_write(const struct pci_access *access, uint32_t where, unsigned bytes,
			uint32_t value)
{
	uint16_t port;

	(void)access;
	lock_take(&ports);
	port = select_port(where);
	switch (bytes) {
	case 1:
		out8(port, (uint8_t)value);
		break;
	case 2:
		out16(port, (uint16_t)value);
		break;
	default:
		out32(port, value);
	}
	lock_give(&ports);
}

static bool has_ports(void)
{
	out32(PCI_PORT_ADDRESS, PCI_PORT_ADDRESS_ENABLE);
	return in32(PCI_PORT_ADDRESS) == PCI_PORT_ADDRESS_ENABLE;
}

/* --- Find. --- */

static phys_t memory_end(void)
{
	return phys(1ull << cpu_features()->physical_bits);
}

/* Of two windows for one bus, the first is taken. */
static bool is_reached(uint16_t segment, uint8_t first, uint8_t last)
{
	for (size_t i = 0; i < nr_accesses; i++)
		if (accesses[i].segment == segment && first <= accesses[i].last_bus &&
		    last >= accesses[i].first_bus)
			return true;
	return false;
}

static void add_window(void *context, uint16_t segment, uint8_t first, uint8_t last, phys_t start,
		       uint64_t length)
{
	volatile void *window = NULL;

	(void)context;
	if (nr_accesses < ACCESSES_MAX && !is_reached(segment, first, last))
		window = map_mmio(start, length);
	if (!window) {
		windows_refused++;
		return;
	}
	accesses[nr_accesses++] = (struct pci_access){
		.read = window_read,
		.write = window_write,
		.segment = segment,
		.first_bus = first,
		.last_bus = last,
		.config_bytes = PCI_EXPRESS_CONFIG_BYTES,
		.memory_end = memory_end(),
		.window = window,
	};
}

/* The inventory reports these. */
static void ignore_fault(void *context, size_t offset, const char *what)
{
	(void)context, (void)offset, (void)what;
}

static void add_ports(void)
{
	if (nr_accesses == ACCESSES_MAX || is_reached(0, 0, UINT8_MAX) || !has_ports())
		return;
	accesses[nr_accesses++] = (struct pci_access){
		.read = ports_read,
		.write = ports_write,
		.last_bus = UINT8_MAX,
		.config_bytes = PCI_CONFIG_BYTES,
		.memory_end = memory_end(),
	};
}

void pci_find(struct acpi_bytes mcfg)
{
	static const struct mcfg_visitor visitor = {add_window, ignore_fault, NULL};

	if (mcfg.bytes)
		(void)!mcfg_parse(mcfg.bytes, mcfg.length, &visitor);
	add_ports();
	for (size_t i = 0; i < nr_accesses; i++)
		pci_enumerate(&accesses[i], &table);
}

const struct pci_function *pci_next(const struct pci_function *after)
{
	const struct pci_function *next = after ? after + 1 : functions;

	return next < functions + table.nr ? next : NULL;
}

/* --- Take. --- */

static const char *bar_fault(int error, const struct pci_bar *bar, uint64_t least)
{
	if (error == -ENODEV)
		return "the function is gone";
	if (error == -EINVAL)
		return "firmware gave it no address, or one that cannot be";
	if (error || bar->io)
		return "expected registers in memory, found none";
	return bar->bytes < least ? "there are too few registers" : NULL;
}

volatile void *pci_map(const struct pci_function *function, unsigned index, uint64_t least,
		       uint64_t *bytes)
{
	struct pci_bar bar = {.bytes = 0};
	const char *fault = bar_fault(pci_bar(function, index, &bar), &bar, least);
	volatile void *mapped = fault ? NULL : map_mmio(bar.start, bar.bytes);
	char name[PCI_NAME_MAX];

	*bytes = bar.bytes;
	if (mapped)
		return mapped;
	pci_name(function, name);
	console_line("# pci: %s left alone: base address %u, %llu bytes at %#llx: %s", name, index,
		     (unsigned long long)bar.bytes, (unsigned long long)bar.start.addr,
		     fault ? fault : "it overlaps memory, or there is no room to map it");
	return NULL;
}

/* --- Report. --- */

void pci_print_windows(void)
{
	for (size_t i = 0; i < nr_accesses; i++)
		console_line("# pci-window segment=%u buses=%u-%u access=%s", accesses[i].segment,
			     accesses[i].first_bus, accesses[i].last_bus,
			     accesses[i].window ? "memory" : "ports");
	if (windows_refused + table.dropped + table.broken > 0)
		console_line("# pci-refused windows=%zu dropped=%zu broken-headers=%zu",
			     windows_refused, table.dropped, table.broken);
}
