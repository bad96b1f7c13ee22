/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI functions of this machine: found once, at boot, on CPU 0, and only read afterwards.
 *
 * Configuration space is reached through the windows that the MCFG states. Where there is no window
 * for segment 0, or it cannot be mapped, its first 256 bytes are reached by I/O ports.
 */
#pragma once

#include "drivers/acpi.h"
#include "drivers/pci.h"

/* Finds them. After the regions are mapped, so that no window is taken for registers that is none.
 */
void pci_find(struct acpi_bytes mcfg);

/* The next function after this one (NULL: the first), or NULL. */
const struct pci_function *pci_next(const struct pci_function *after);

/*
 * Where the CPU sees the registers behind base address `index`, uncached, for good, and how many
 * bytes they are; `least` of them the driver needs. NULL: they cannot be had, and a line of the
 * report says why.
 */
volatile void *pci_map(const struct pci_function *, unsigned index, uint64_t least,
		       uint64_t *bytes) must_check;

/* A line for each way to configuration space, and one about what was left out. */
void pci_print_windows(void);
