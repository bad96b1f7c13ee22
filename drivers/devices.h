/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The drivers of PCI devices, and which device each of them has.
 *
 * A driver is a `const struct pci_driver` in its header and a line of the list in devices.c.
 */
#pragma once

#include "drivers/pci.h"

struct pci_driver {
	const char *name;
	bool (*takes)(const struct pci_function *); /* by its ids or its class; touches nothing */

	/*
	 * Makes the device work and adds its disks to drivers/disks.h. What goes wrong is a line of
	 * the report, and the device is left alone, its bus mastering off. Once for each function.
	 */
	void (*probe)(const struct pci_function *);

	/* The run is over: all devices of this driver get ready for the power to go. Or NULL. */
	void (*shutdown)(void);
};

/*
 * Gives each function that a driver takes to it, in the order in which they were found. After
 * disks_permit(), on CPU 0, with all CPUs started and all memory described. The watchdog gives each
 * probe `timeout` seconds, and stays armed.
 */
void devices_probe(unsigned timeout);

/* After the last test. */
void devices_shutdown(void);

/* A line for each PCI function, with its driver, and for each disk. */
void devices_print(void);
