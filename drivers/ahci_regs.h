/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and memory structures of an AHCI host bus adapter (Serial ATA AHCI 1.3.1), and what of
 * ATA commands it takes (ATA/ATAPI Command Set 3).
 */
#pragma once

#include "mm/compiler.h"

#include <stddef.h>
#include <stdint.h>

enum { AHCI_BAR = 5, AHCI_PORTS_MAX = 32, AHCI_SLOTS_MAX = 32 };

/* Generic host control, 3.1. */
struct ahci_host {
	uint32_t cap;
	uint32_t ghc;
	uint32_t is;
	uint32_t pi; /* ports implemented */
	uint32_t vs;
	uint32_t ccc_ctl;
	uint32_t ccc_ports;
	uint32_t em_loc;
	uint32_t em_ctl;
	uint32_t cap2;
	uint32_t bohc;
};

_Static_assert(offsetof(struct ahci_host, ghc) == 0x04, "3.1.2");
_Static_assert(offsetof(struct ahci_host, pi) == 0x0c, "3.1.4");
_Static_assert(offsetof(struct ahci_host, cap2) == 0x24, "3.1.10");
_Static_assert(offsetof(struct ahci_host, bohc) == 0x28, "3.1.11");

#define AHCI_CAP_SLOTS(cap) ((((cap) >> 8) & 0x1f) + 1)
#define AHCI_CAP_64BIT      (1u << 31)
#define AHCI_GHC_RESET      (1u << 0)
#define AHCI_GHC_INTERRUPTS (1u << 1)
#define AHCI_GHC_ENABLE     (1u << 31)
#define AHCI_CAP2_HANDOFF   (1u << 0)
#define AHCI_BOHC_BIOS_OWNS (1u << 0)
#define AHCI_BOHC_OS_OWNS   (1u << 1)
#define AHCI_BOHC_BIOS_BUSY (1u << 4)

/* A port, 3.3. */
struct ahci_port_registers {
	uint32_t clb, clbu; /* command list */
	uint32_t fb, fbu;   /* received FIS */
	uint32_t is, ie;
	uint32_t cmd;
	uint32_t reserved;
	uint32_t tfd;
	uint32_t sig;
	uint32_t ssts, sctl, serr, sact;
	uint32_t ci;
};

_Static_assert(offsetof(struct ahci_port_registers, is) == 0x10, "3.3.5");
_Static_assert(offsetof(struct ahci_port_registers, cmd) == 0x18, "3.3.7");
_Static_assert(offsetof(struct ahci_port_registers, tfd) == 0x20, "3.3.8");
_Static_assert(offsetof(struct ahci_port_registers, sig) == 0x24, "3.3.9");
_Static_assert(offsetof(struct ahci_port_registers, ssts) == 0x28, "3.3.10");
_Static_assert(offsetof(struct ahci_port_registers, serr) == 0x30, "3.3.12");
_Static_assert(offsetof(struct ahci_port_registers, ci) == 0x38, "3.3.14");

enum { AHCI_PORTS_AT = 0x100, AHCI_PORT_BYTES = 0x80 };

#define AHCI_CMD_START        (1u << 0)
#define AHCI_CMD_SPIN_UP      (1u << 1)
#define AHCI_CMD_POWER_ON     (1u << 2)
#define AHCI_CMD_FIS_ENABLE   (1u << 4)
#define AHCI_CMD_SLOT(cmd)    (((cmd) >> 8) & 0x1f) /* being executed */
#define AHCI_CMD_FIS_RUNNING  (1u << 14)
#define AHCI_CMD_LIST_RUNNING (1u << 15)
#define AHCI_CMD_ACTIVE       (1u << 28)

/* What ends the execution of commands: 6.2.2. */
#define AHCI_IS_TASK_FILE (1u << 30)
#define AHCI_IS_HOST_BUS  (3u << 28)
#define AHCI_IS_INTERFACE (1u << 27)
#define AHCI_IS_OVERFLOW  (1u << 24)
#define AHCI_IS_ERRORS    (AHCI_IS_TASK_FILE | AHCI_IS_HOST_BUS | AHCI_IS_INTERFACE | AHCI_IS_OVERFLOW)

#define AHCI_TFD_BUSY    0x88 /* BSY or DRQ */
#define AHCI_SIG_DISK    0x00000101u
#define AHCI_SSTS_DET(s) ((s)&0xf)
enum { AHCI_DET_READY = 3, AHCI_DET_RESET = 1 };

/* 4.2.2 */
struct ahci_command_header {
	uint16_t flags; /* 4:0 dwords of the command FIS */
	uint16_t nr_prdt;
	uint32_t transferred; /* bytes, by the adapter */
	uint64_t table;       /* 128-byte aligned */
	uint32_t reserved[4];
};

_Static_assert(sizeof(struct ahci_command_header) == 32, "4.2.2");
_Static_assert(offsetof(struct ahci_command_header, table) == 8, "4.2.2");

enum { AHCI_HEADER_WRITE = 1 << 6 };

/* 4.2.3.3 */
struct ahci_prdt_entry {
	uint64_t start; /* even */
	uint32_t reserved;
	uint32_t last; /* 21:0 bytes - 1, odd */
};

_Static_assert(sizeof(struct ahci_prdt_entry) == 16, "4.2.3.3");

/* The longest entry, in bytes. */
#define AHCI_ENTRY_MAX ((size_t)4 << 20)

/* Register FIS, host to device: Serial ATA 3.1, 10.5.5. */
struct ahci_command_fis {
	uint8_t type;
	uint8_t flags;
	uint8_t command;
	uint8_t features;
	uint8_t lba0, lba1, lba2;
	uint8_t device;
	uint8_t lba3, lba4, lba5;
	uint8_t features_high;
	uint16_t count;
	uint8_t icc;
	uint8_t control;
	uint32_t auxiliary;
};

_Static_assert(sizeof(struct ahci_command_fis) == 20, "10.5.5");
_Static_assert(offsetof(struct ahci_command_fis, count) == 12, "10.5.5");

enum { AHCI_FIS_TYPE = 0x27, AHCI_FIS_COMMAND = 0x80, AHCI_FIS_LBA = 0x40 };

/* 4.2.3 */
#define AHCI_PRDT_AT        0x80
#define AHCI_LIST_BYTES     (AHCI_SLOTS_MAX * sizeof(struct ahci_command_header))
#define AHCI_RECEIVED_BYTES 256 /* 4.2.1, aligned as well */

enum ata_command {
	ATA_READ_DMA_EXT = 0x25,
	ATA_WRITE_DMA_EXT = 0x35,
	ATA_FLUSH_CACHE_EXT = 0xea,
	ATA_IDENTIFY_DEVICE = 0xec,
};

enum { ATA_IDENTIFY_BYTES = 512, ATA_SECTORS_MAX = 65536 }; /* of a command; a count of 0 */
