/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/devices.h"

#include "drivers/ahci.h"
#include "drivers/disks.h"
#include "drivers/edu.h"
#include "drivers/nvme.h"
#include "drivers/pci_devices.h"
#include "drivers/virtio_blk.h"
#include "kernel/console.h"
#include "mm/compiler.h"
#include "mm/host.h"

static const struct pci_driver *const drivers[] = {
	&ahci_driver,
	&edu_driver,
	&nvme_driver,
	&virtio_blk_driver,
};

static const struct pci_driver *driver_of(const struct pci_function *function)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (drivers[i]->takes(function))
			return drivers[i];
	return NULL;
}

void devices_probe(unsigned timeout)
{
	for (const struct pci_function *f = pci_next(NULL); f; f = pci_next(f)) {
		const struct pci_driver *driver = driver_of(f);

		if (!driver)
			continue;
		host_watch(driver->name, timeout);
		driver->probe(f);
	}
}

void devices_shutdown(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (drivers[i]->shutdown)
			drivers[i]->shutdown();
}

static void print_function(const struct pci_function *function)
{
	const struct pci_driver *driver = driver_of(function);
	char name[PCI_NAME_MAX];

	pci_name(function, name);
	console_line("# pci address=%s vendor=0x%04x device=0x%04x class=0x%02x%02x%02x "
		     "revision=0x%02x subsystem=%04x:%04x driver=%s",
		     name, function->vendor_id, function->device_id, function->class_code,
		     function->subclass, function->interface, function->revision,
		     function->subsystem_vendor_id, function->subsystem_device_id,
		     driver ? driver->name : "none");
}

void devices_print(void)
{
	pci_print_windows();
	for (const struct pci_function *f = pci_next(NULL); f; f = pci_next(f))
		print_function(f);
	disks_print(host_print);
}
