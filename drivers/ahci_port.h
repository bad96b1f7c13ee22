/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port of an AHCI adapter with a disk, as a block device. All CPUs share its one queue.
 *
 * The adapter executes commands one after the other, so it is given one at a time: then it is clear
 * which one failed, and none is under way when the port is stopped after an error. Native command
 * queueing is not used.
 */
#pragma once

#include "drivers/ahci_command.h"
#include "drivers/ata_identity.h"
#include "drivers/block.h"
#include "drivers/disks.h"
#include "drivers/dma.h"
#include "drivers/pci.h"
#include "mm/compiler.h"

#include <stdatomic.h>

/* How registers are reached; a test has others than a machine. */
struct ahci_access {
	uint32_t (*read)(const volatile uint32_t *at);
	void (*write)(volatile uint32_t *at, uint32_t value);
	unsigned wait_ms; /* what a device has time for, unless it is given less */
};

/* What the ports of an adapter have in common. */
struct ahci_adapter {
	const struct pci_function *function;
	const struct ahci_access *access;
	unsigned slots;   /* commands that a port can have at once */
	atomic_bool dead; /* it can reach no memory any more */
};

/* What a port's commands are made of, for the adapter to read and write. */
struct ahci_memory {
	struct ahci_command_header list[AHCI_SLOTS_MAX]; /* 1024-byte aligned */
	uint8_t received[AHCI_RECEIVED_BYTES];
	uint8_t identity[ATA_IDENTIFY_BYTES];
	uint8_t unused[256];
	struct ahci_table tables[AHCI_SLOTS_MAX];
};

_Static_assert(offsetof(struct ahci_memory, received) % AHCI_RECEIVED_BYTES == 0, "3.3.3");
_Static_assert(offsetof(struct ahci_memory, tables) % 128 == 0, "4.2.2");

struct ahci_port {
	struct block_device device;
	struct disk disk;
	char name[DISK_NAME_MAX];

	/* ahci_port.c's own. */
	struct ahci_adapter *adapter;
	volatile struct ahci_port_registers *registers;
	struct dma_memory memory;
	struct ata_identity identity;
	struct block_request *requests[AHCI_SLOTS_MAX];
	uint32_t slots;  /* all that there are */
	uint32_t used;   /* with a request */
	uint32_t issued; /* to the adapter, one at most */
	uint32_t to_do;  /* those that are not over */
	unsigned lines;  /* of the report that it caused */
};

/*
 * Looks for a disk on a port and makes it work, zeroed but for its name. NULL: it does.
 * Otherwise why not: "" where nothing is connected. After that the port reaches no memory, and the
 * struct can be used again.
 */
const char *ahci_port_open(struct ahci_port *, struct ahci_adapter *,
			   volatile struct ahci_port_registers *) must_check;

/* Ends all that the port does in memory. */
void ahci_port_close(struct ahci_port *);
