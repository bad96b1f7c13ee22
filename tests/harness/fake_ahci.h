/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port of an AHCI adapter with a disk of 1 MiB, for tests: registers as AHCI 1.3.1 has them, in
 * memory. A command is done when it is issued. It can be told to fail, and to make no sense. There
 * is one.
 *
 * It looks at what it is given as a real one cannot: memory that it is sent to without a pin on it,
 * or while it must not reach memory at all, fails the test.
 */
#pragma once

#include "drivers/ahci_port.h"

enum { FAKE_AHCI_SECTORS = 2048, FAKE_AHCI_SLOTS = 4 };

/* What is wrong with it. */
enum fake_ahci_fault {
	FAKE_AHCI_SOUND,
	FAKE_AHCI_GONE,         /* registers read all ones */
	FAKE_AHCI_ZEROS,        /* ... or zeros */
	FAKE_AHCI_NO_STOP,      /* the list of commands goes on running */
	FAKE_AHCI_NO_FIS_STOP,  /* receiving does */
	FAKE_AHCI_BUSY,         /* the disk stays so */
	FAKE_AHCI_LINK_DOWN,    /* never comes up */
	FAKE_AHCI_SILENT,       /* commands are never over */
	FAKE_AHCI_ERROR,        /* ... fail */
	FAKE_AHCI_SHORT,        /* ... move fewer bytes than they were asked to */
	FAKE_AHCI_LONG,         /* ... say that they moved more */
	FAKE_AHCI_OTHER_DISK,   /* its serial number is another one */
	FAKE_AHCI_SMALLER_DISK, /* its size */
};

extern struct fake_ahci {
	/* The driver's. */
	struct ahci_adapter adapter;
	struct ahci_port port;

	struct ahci_port_registers registers;
	uint16_t identity[ATA_IDENTIFY_BYTES / 2]; /* without a checksum */
	enum fake_ahci_fault fault;

	/* What it saw. */
	unsigned commands; /* but for IDENTIFY DEVICE */
	unsigned resets;   /* of the link */
	enum ata_command last;
	unsigned char medium[FAKE_AHCI_SECTORS * SECTOR_SIZE];
} fake_ahci;

/* A sound one, nobody's yet. */
void fake_ahci_create(void);

/* Starts the driver on it, as ahci_port_open(), until the test is over or it is closed. */
const char *fake_ahci_open(void) must_check;
void fake_ahci_close(void);

/* Whether it may reach memory. */
bool fake_ahci_dma(void);
