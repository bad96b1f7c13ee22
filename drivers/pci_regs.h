/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts of PCI's configuration space (PCI Local Bus Specification 3.0, 6.1, 6.2, 6.7 and 6.8; PCI
 * Express Base Specification 5.0, 7.2 and 7.5), little-endian, without padding.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	PCI_DEVICES_PER_BUS = 32,
	PCI_FUNCTIONS_PER_DEVICE = 8,
	PCI_CONFIG_BYTES = 256,
	PCI_EXPRESS_CONFIG_BYTES = 4096,
};

/* What both kinds of headers begin with. */
struct pci_header {
	uint16_t vendor; /* PCI_NO_VENDOR: nothing is there */
	uint16_t device;
	uint16_t command;
	uint16_t status;
	uint8_t revision;
	uint8_t interface;
	uint8_t subclass;
	uint8_t class_code;
	uint8_t cache_line;
	uint8_t latency;
	uint8_t type;
	uint8_t self_test;
	uint32_t bar[6]; /* of a bridge, two */
	uint32_t cardbus;
	uint16_t subsystem_vendor;
	uint16_t subsystem_device;
	uint32_t rom;
	uint8_t capabilities; /* offset of the first; at the same place in a bridge */
	uint8_t reserved[7];
	uint8_t interrupt_line;
	uint8_t interrupt_pin;
	uint8_t minimum_grant;
	uint8_t maximum_latency;
};

_Static_assert(sizeof(struct pci_header) == 64, "PCI header");
_Static_assert(offsetof(struct pci_header, device) == 0x02, "PCI device id");
_Static_assert(offsetof(struct pci_header, command) == 0x04, "PCI command");
_Static_assert(offsetof(struct pci_header, status) == 0x06, "PCI status");
_Static_assert(offsetof(struct pci_header, revision) == 0x08, "PCI revision");
_Static_assert(offsetof(struct pci_header, interface) == 0x09, "PCI programming interface");
_Static_assert(offsetof(struct pci_header, subclass) == 0x0a, "PCI subclass");
_Static_assert(offsetof(struct pci_header, class_code) == 0x0b, "PCI class");
_Static_assert(offsetof(struct pci_header, cache_line) == 0x0c, "PCI cache line size");
_Static_assert(offsetof(struct pci_header, latency) == 0x0d, "PCI latency timer");
_Static_assert(offsetof(struct pci_header, type) == 0x0e, "PCI header type");
_Static_assert(offsetof(struct pci_header, self_test) == 0x0f, "PCI self test");
_Static_assert(offsetof(struct pci_header, bar) == 0x10, "PCI base addresses");
_Static_assert(offsetof(struct pci_header, cardbus) == 0x28, "PCI CardBus pointer");
_Static_assert(offsetof(struct pci_header, subsystem_vendor) == 0x2c, "PCI subsystem vendor");
_Static_assert(offsetof(struct pci_header, subsystem_device) == 0x2e, "PCI subsystem device");
_Static_assert(offsetof(struct pci_header, rom) == 0x30, "PCI expansion ROM");
_Static_assert(offsetof(struct pci_header, capabilities) == 0x34, "PCI capabilities");
_Static_assert(offsetof(struct pci_header, interrupt_line) == 0x3c, "PCI interrupt line");
_Static_assert(offsetof(struct pci_header, interrupt_pin) == 0x3d, "PCI interrupt pin");

/* A bridge's header, from its base addresses on: the buses that lie behind it. */
struct pci_bridge_buses {
	uint8_t primary;
	uint8_t secondary;
	uint8_t subordinate;
	uint8_t latency;
};

#define PCI_BRIDGE_BUSES 0x18

_Static_assert(PCI_BRIDGE_BUSES == offsetof(struct pci_header, bar[2]), "PCI bridge's buses");
_Static_assert(offsetof(struct pci_bridge_buses, secondary) == 1, "PCI secondary bus");
_Static_assert(offsetof(struct pci_bridge_buses, subordinate) == 2, "PCI subordinate bus");

#define PCI_NO_VENDOR 0xffff

/* Header type. */
#define PCI_TYPE_MASK          0x7f
#define PCI_TYPE_DEVICE        0
#define PCI_TYPE_BRIDGE        1
#define PCI_TYPE_CARDBUS       2
#define PCI_TYPE_MULTIFUNCTION 0x80

/* Command. */
#define PCI_COMMAND_IO           (1 << 0)
#define PCI_COMMAND_MEMORY       (1 << 1)
#define PCI_COMMAND_BUS_MASTER   (1 << 2)
#define PCI_COMMAND_INTX_DISABLE (1 << 10)

/* Status. */
#define PCI_STATUS_CAPABILITIES (1 << 4)

/* A base address. Bits that are not address bits of the size read as zeros. */
#define PCI_BAR_IO           (1u << 0)
#define PCI_BAR_IO_FLAGS     0x3u
#define PCI_BAR_TYPE         (3u << 1)
#define PCI_BAR_TYPE_32      (0u << 1)
#define PCI_BAR_TYPE_64      (2u << 1)
#define PCI_BAR_PREFETCHABLE (1u << 3)
#define PCI_BAR_MEMORY_FLAGS 0xfu

/* A capability: its id, and the offset of the next; 0 ends the list. */
struct pci_capability_header {
	uint8_t id;
	uint8_t next;
};

_Static_assert(sizeof(struct pci_capability_header) == 2, "PCI capability");
_Static_assert(offsetof(struct pci_capability_header, next) == 1, "PCI next capability");

#define PCI_CAPABILITY_MSI    0x05
#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_MSIX   0x11

/* The word of control of both kinds of message interrupts, and the bits that switch them on. */
#define PCI_MSI_CONTROL 2
#define PCI_MSI_ENABLE  (1 << 0)
#define PCI_MSIX_ENABLE (1 << 15)

/* Access by I/O ports (PCI 3.0, 3.2.2.3.2): an address, then the data. */
#define PCI_PORT_ADDRESS        0xcf8
#define PCI_PORT_DATA           0xcfc
#define PCI_PORT_ADDRESS_ENABLE (1u << 31)
