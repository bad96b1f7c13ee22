/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/ahci.h"

#include "drivers/ahci_port.h"
#include "drivers/pci_devices.h"
#include "kernel/console.h"
#include "kernel/mmio.h"
#include "mm/host.h"

#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS_STORAGE = 0x01, SUBCLASS_SATA = 0x06, INTERFACE_AHCI = 0x01 };
enum { DISKS_MAX = 26, HANDOFF_MS = 2000 };

static uint32_t read_register(const volatile uint32_t *at)
{
	return mmio_read32(at);
}

static void write_register(volatile uint32_t *at, uint32_t value)
{
	mmio_write32(at, value);
}

static const struct ahci_access access = {
	.read = read_register, .write = write_register, .wait_ms = UINT_MAX};

static struct ahci_port *disks[DISKS_MAX];
static unsigned nr_disks;

static void leave(const struct pci_function *function, int port, const char *why)
{
	char address[PCI_NAME_MAX];

	pci_name(function, address);
	if (port < 0)
		console_line("# ahci: %s left alone: %s", address, why);
	else
		console_line("# ahci: %s port %d left alone: %s", address, port, why);
}

/* Until now the firmware may have used it: 10.6.3. */
static void take_over(volatile struct ahci_host *host)
{
	uint64_t start = host_nanoseconds();

	if (!(mmio_read32(&host->cap2) & AHCI_CAP2_HANDOFF))
		return;
	mmio_write32(&host->bohc, mmio_read32(&host->bohc) | AHCI_BOHC_OS_OWNS);
	/* One that does not let go is taken all the same: it was given time to finish. */
	while ((mmio_read32(&host->bohc) & (AHCI_BOHC_BIOS_OWNS | AHCI_BOHC_BIOS_BUSY)) &&
	       host_nanoseconds() - start < HANDOFF_MS * (uint64_t)1000000)
		;
}

/* NULL: it works, with interrupts off. */
static const char *start_adapter(volatile struct ahci_host *host)
{
	if (mmio_read32(&host->pi) == UINT32_MAX && mmio_read32(&host->cap) == UINT32_MAX)
		return "nobody answers";
	take_over(host);
	mmio_write32(&host->ghc, AHCI_GHC_ENABLE);
	if (!(mmio_read32(&host->ghc) & AHCI_GHC_ENABLE))
		return "it cannot be enabled";
	if (!(mmio_read32(&host->cap) & AHCI_CAP_64BIT))
		return "it cannot address all memory";
	return NULL;
}

static const char *probe_port(struct ahci_adapter *adapter, volatile void *registers)
{
	struct ahci_port *port;
	const char *fault;

	if (nr_disks == DISKS_MAX)
		return "there are 26 disks already";
	port = memalign(_Alignof(typeof(*port)), sizeof(*port));
	if (!port)
		return "there is no memory";
	memset(port, 0, sizeof(*port));
	memcpy(port->name, (char[]){'s', 'd', (char)('a' + nr_disks), '\0'}, 4);
	fault = ahci_port_open(port, adapter, registers);
	if (!fault && disk_add(&port->disk))
		fault = "there is a disk of its name";
	if (fault)
		free(port);
	else
		disks[nr_disks++] = port;
	return fault;
}

static void probe_ports(struct ahci_adapter *adapter, volatile struct ahci_host *host,
			uint64_t bytes)
{
	uint32_t implemented = mmio_read32(&host->pi);

	adapter->slots = AHCI_CAP_SLOTS(mmio_read32(&host->cap));
	for (int i = 0; i < AHCI_PORTS_MAX; i++) {
		uint64_t at = AHCI_PORTS_AT + (uint64_t)i * AHCI_PORT_BYTES;
		const char *fault;

		if (!(implemented >> i & 1) || at + AHCI_PORT_BYTES > bytes)
			continue;
		fault = probe_port(adapter, (volatile char *)host + at);
		if (fault && *fault)
			leave(adapter->function, i, fault);
	}
}

static void ahci_probe(const struct pci_function *function)
{
	struct ahci_adapter *adapter = calloc(1, sizeof(*adapter));
	uint64_t bytes;
	volatile struct ahci_host *host =
		adapter ? pci_map(function, AHCI_BAR, AHCI_PORTS_AT, &bytes) : NULL;
	const char *fault;

	if (!host) {
		free(adapter);
		leave(function, -1, adapter ? "its registers cannot be reached" : "no memory");
		return;
	}
	adapter->function = function;
	adapter->access = &access;
	pci_enable(function);
	fault = start_adapter(host);
	if (!fault) {
		probe_ports(adapter, host, bytes);
		return;
	}
	leave(function, -1, fault);
	pci_disable(function);
	free(adapter);
}

static bool ahci_takes(const struct pci_function *function)
{
	return function->class_code == CLASS_STORAGE && function->subclass == SUBCLASS_SATA &&
	       function->interface == INTERFACE_AHCI;
}

/* Whoever wrote has flushed. */
static void ahci_shutdown(void)
{
	for (unsigned i = 0; i < nr_disks; i++)
		if (!atomic_load(&disks[i]->adapter->dead))
			ahci_port_close(disks[i]);
}

const struct pci_driver ahci_driver = {
	.name = "ahci",
	.takes = ahci_takes,
	.probe = ahci_probe,
	.shutdown = ahci_shutdown,
};
