/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver of AHCI adapters (Serial ATA AHCI 1.3.1) on PCI, and of the disks on their ports:
 * "sda", "sdb", ...
 *
 *	ahci.c          the adapters of this machine
 *	ahci_port.c     a port with a disk, as a block device
 *	ahci_command.c  a request as a command in memory
 *	ata_identity.c  what a disk says of itself
 *
 * What is no disk, a CD drive for one, is left alone, and so is an adapter that cannot address all
 * memory.
 */
#pragma once

#include "drivers/devices.h"

extern const struct pci_driver ahci_driver;
