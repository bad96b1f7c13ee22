/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command for an AHCI port, in memory: its header in the port's list, and its table with the FIS
 * that goes to the disk and the list of memory (PRDT). Pure: nothing here knows of registers.
 */
#pragma once

#include "drivers/ahci_regs.h"
#include "drivers/block.h"
#include "mm/segment.h"

struct ahci_table {
	struct ahci_command_fis fis;
	uint8_t unused[AHCI_PRDT_AT - sizeof(struct ahci_command_fis)];
	struct ahci_prdt_entry prdt[BLOCK_SEGMENTS_MAX];
};

_Static_assert(offsetof(struct ahci_table, prdt) == AHCI_PRDT_AT, "4.2.3");
_Static_assert(sizeof(struct ahci_table) % 128 == 0, "the next table is aligned, too");

/* What a command asks for. */
struct ahci_task {
	enum ata_command command;
	uint64_t lba;                   /* in logical sectors of the disk */
	uint32_t lbas;                  /* 0 ... ATA_SECTORS_MAX */
	const struct segment *segments; /* even starts and lengths, AHCI_ENTRY_MAX at most each */
	size_t nr_segments;             /* BLOCK_SEGMENTS_MAX at most */
};

/* Fills in the header, whose table's address is there already, and the table. */
void ahci_build(struct ahci_command_header *, struct ahci_table *, const struct ahci_task *);
