/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration space in memory, with the functions that a test puts there. It works as PCI says:
 * what nobody answers reads as all ones, base addresses keep the bits that their size leaves.
 * An access outside of the window, or one that touches a base address while the function decodes
 * it, fails the test.
 */
#pragma once

#include "drivers/pci.h"
#include "drivers/pci_regs.h"

enum { FAKE_FUNCTIONS_MAX = 64 };

struct fake_function {
	uint8_t bus, device, function;
	bool gone;
	union {
		uint8_t config[PCI_CONFIG_BYTES];
		struct pci_header header;
	};
	uint32_t bar_mask[6]; /* what can be written of each */
};

struct pci_space {
	struct pci_access access; /* to begin with: segment 0, buses 0 ... 255 */
	struct fake_function functions[FAKE_FUNCTIONS_MAX];
	size_t nr;
	unsigned looked[256]; /* how often somebody asked whether device 0 of a bus is there */
};

void pci_space_begin(struct pci_space *);

/* Adds function `function` of a device; its ids are made up of where it is. */
struct fake_function *pci_space_add(struct pci_space *, unsigned bus, unsigned device,
				    unsigned function);

/* Adds a bridge to another bus. */
struct fake_function *pci_space_add_bridge(struct pci_space *, unsigned bus, unsigned device,
					   unsigned secondary);

/* Gives a function a base address with flags, of a size that is a power of two. */
void fake_function_bar(struct fake_function *, unsigned index, uint32_t flags, uint64_t start,
		       uint64_t bytes);

/* Puts a capability at an offset, that leads to another. */
void fake_function_capability(struct fake_function *, unsigned at, uint8_t id, unsigned next);
