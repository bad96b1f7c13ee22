/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: the functions that a configuration space shows, and what a driver does with one of them.
 *
 * Bus numbers and base addresses are taken as firmware gave them; nothing is assigned here. What a
 * function says of itself is not to be trusted: lists are bounded, addresses are checked before
 * somebody maps them. The configuration space of a function that went away reads as all ones; of
 * its registers see kernel/mmio.h.
 *
 * Portable: the space is reached by two functions that hosted tests bring their own of.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* The way to the configuration space of some buses of one segment. */
struct pci_access {
	/* `where` is bus << 20 | device << 15 | function << 12 | offset; 1, 2 or 4 aligned bytes.
	 */
	uint32_t (*read)(const struct pci_access *, uint32_t where, unsigned bytes);
	void (*write)(const struct pci_access *, uint32_t where, unsigned bytes, uint32_t value);

	uint16_t segment;
	uint8_t first_bus, last_bus; /* both part of it */
	unsigned config_bytes;       /* of each function */
	phys_t memory_end;           /* base addresses of memory lie below */
	volatile uint8_t *window;    /* read()'s and write()'s own: where first_bus is seen */
};

struct pci_function {
	const struct pci_access *access;
	const struct pci_function *bridge; /* that leads to its bus; NULL: none known */
	uint8_t bus, device, function;
	uint8_t header_type; /* without the multi-function bit */
	uint8_t class_code, subclass, interface, revision;
	uint16_t vendor_id, device_id;
	uint16_t subsystem_vendor_id, subsystem_device_id; /* 0 in a bridge */
};

/* --- Find. --- */

/* The caller brings the room. */
struct pci_table {
	struct pci_function *functions;
	size_t nr, max;
	size_t dropped; /* more that there was no room for */
	size_t broken;  /* with headers of a type that does not exist; not in the table */
};

/*
 * Adds all functions of these buses: of the first bus, of those that bridges lead to, and then of
 * the buses that no bridge leads to, since machines with several host bridges name them in AML
 * only. Each bus is looked at once, whatever bridges say.
 */
void pci_enumerate(const struct pci_access *, struct pci_table *);

/* "0000:00:1f.2" */
enum { PCI_NAME_MAX = 16 };
void pci_name(const struct pci_function *, char name[PCI_NAME_MAX]);

/* --- Read and write. Past the function's space, all ones; writes there do nothing. --- */

uint8_t pci_read8(const struct pci_function *, unsigned offset);
uint16_t pci_read16(const struct pci_function *, unsigned offset);
uint32_t pci_read32(const struct pci_function *, unsigned offset);
void pci_write8(const struct pci_function *, unsigned offset, uint8_t value);
void pci_write16(const struct pci_function *, unsigned offset, uint16_t value);
void pci_write32(const struct pci_function *, unsigned offset, uint32_t value);

/* --- Take. --- */

struct pci_bar {
	phys_t start; /* or the first port */
	uint64_t bytes;
	bool io;   /* ports */
	bool wide; /* 64 bits: it is the next base address, too */
	bool prefetchable;
};

/*
 * Reads and sizes base address `index`, 0 ... 5. Memory and ports of the function are off
 * meanwhile, so that it is for whoever takes the function, before pci_enable(). -ENOENT: there is
 * none, or it is the upper half of another. -EINVAL: firmware assigned none, or one that is not
 * aligned to its size or past the CPU's addresses. -ENODEV: the function is gone.
 */
int pci_bar(const struct pci_function *, unsigned index, struct pci_bar *) must_check;

/*
 * Memory decoding and bus mastering on, also in the bridges above; interrupts of every kind off.
 * From here on the function can reach all memory.
 */
void pci_enable(const struct pci_function *);

/*
 * Bus mastering off: nothing from this function reaches memory any more. Of what was under way, all
 * has arrived when this returns; but an emulator may still finish what it began, so that a function
 * that answers is reset before.
 */
void pci_disable(const struct pci_function *);

/*
 * The offset of the next capability with this id after the one at `after` (0: the first), or 0.
 * Each is found once, whatever the list looks like.
 */
unsigned pci_capability(const struct pci_function *, uint8_t id, unsigned after);
