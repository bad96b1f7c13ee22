/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts of ACPI's tables (ACPI 6.5, 5.2), little-endian, without padding. Fields of these may lie
 * at any address: copy the structure out before reading it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ACPI_PACKED __attribute__((packed))

/* 5.2.5.3, the root pointer. Revision 0 ends with rsdt; its checksum covers those 20 bytes. */
struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* over all of it */
	uint8_t reserved[3];
} ACPI_PACKED;

#define ACPI_RSDP_SIGNATURE "RSD PTR "
#define ACPI_RSDP_V1_BYTES  20

_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");
_Static_assert(offsetof(struct acpi_rsdp, revision) == 15, "RSDP revision");
_Static_assert(offsetof(struct acpi_rsdp, rsdt) == 16, "RSDP RSDT address");
_Static_assert(offsetof(struct acpi_rsdp, length) == ACPI_RSDP_V1_BYTES, "RSDP length");
_Static_assert(offsetof(struct acpi_rsdp, xsdt) == 24, "RSDP XSDT address");
_Static_assert(offsetof(struct acpi_rsdp, extended_checksum) == 32, "RSDP extended checksum");

/* 5.2.6, what every table begins with. An RSDT goes on with u32 addresses, an XSDT with u64. */
struct acpi_header {
	char signature[4];
	uint32_t length; /* of the whole table */
	uint8_t revision;
	uint8_t checksum; /* makes the sum of all bytes 0 */
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} ACPI_PACKED;

_Static_assert(sizeof(struct acpi_header) == 36, "table header");
_Static_assert(offsetof(struct acpi_header, length) == 4, "header length");
_Static_assert(offsetof(struct acpi_header, revision) == 8, "header revision");
_Static_assert(offsetof(struct acpi_header, checksum) == 9, "header checksum");

/* The records of the MADT and the SRAT begin so; the length counts these two bytes. */
struct acpi_record {
	uint8_t type;
	uint8_t length;
} ACPI_PACKED;

_Static_assert(sizeof(struct acpi_record) == 2, "record header");

/* --- MADT, signature "APIC", 5.2.12 --- */

struct madt_header {
	struct acpi_header header;
	uint32_t local_apic;
	uint32_t flags;
} ACPI_PACKED;

enum madt_type {
	MADT_LOCAL_APIC = 0,
	MADT_IO_APIC = 1,
	MADT_LOCAL_APIC_ADDRESS = 5,
	MADT_LOCAL_X2APIC = 9,
};

enum madt_processor_flags {
	MADT_ENABLED = 1u << 0,
	MADT_ONLINE_CAPABLE = 1u << 1,
};

/* 5.2.12.2 */
struct madt_local_apic {
	struct acpi_record record;
	uint8_t processor;
	uint8_t apic_id;
	uint32_t flags;
} ACPI_PACKED;

/* 5.2.12.3 */
struct madt_io_apic {
	struct acpi_record record;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t first_interrupt;
} ACPI_PACKED;

/* 5.2.12.8, takes the place of the address in the header */
struct madt_local_apic_address {
	struct acpi_record record;
	uint16_t reserved;
	uint64_t address;
} ACPI_PACKED;

/* 5.2.12.12, for processors whose number needs more than 8 bits */
struct madt_local_x2apic {
	struct acpi_record record;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t processor;
} ACPI_PACKED;

_Static_assert(sizeof(struct madt_header) == 44, "MADT");
_Static_assert(sizeof(struct madt_local_apic) == 8, "local APIC");
_Static_assert(sizeof(struct madt_io_apic) == 12, "I/O APIC");
_Static_assert(sizeof(struct madt_local_apic_address) == 12, "local APIC address");
_Static_assert(sizeof(struct madt_local_x2apic) == 16, "local x2APIC");

/* --- SRAT, 5.2.16 --- */

struct srat_header {
	struct acpi_header header;
	uint32_t reserved1;
	uint64_t reserved2;
} ACPI_PACKED;

enum srat_type {
	SRAT_PROCESSOR = 0,
	SRAT_MEMORY = 1,
	SRAT_X2APIC = 2,
};

enum srat_processor_flags { SRAT_PROCESSOR_ENABLED = 1u << 0 };

enum srat_memory_flags {
	SRAT_MEMORY_ENABLED = 1u << 0,
	SRAT_MEMORY_HOT_PLUGGABLE = 1u << 1,
	SRAT_MEMORY_NON_VOLATILE = 1u << 2,
};

/* Before revision 2 of the table a node has 8 bits, and the rest of its field is reserved. */
enum { SRAT_REVISION_WIDE_NODES = 2 };

/* 5.2.16.1 */
struct srat_processor {
	struct acpi_record record;
	uint8_t node_low;
	uint8_t apic_id;
	uint32_t flags;
	uint8_t sapic_eid;
	uint8_t node_high[3];
	uint32_t clock_domain;
} ACPI_PACKED;

/* 5.2.16.2 */
struct srat_memory {
	struct acpi_record record;
	uint32_t node;
	uint16_t reserved1;
	uint64_t start;
	uint64_t length;
	uint32_t reserved2;
	uint32_t flags;
	uint64_t reserved3;
} ACPI_PACKED;

/* 5.2.16.3 */
struct srat_x2apic {
	struct acpi_record record;
	uint16_t reserved1;
	uint32_t node;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t clock_domain;
	uint32_t reserved2;
} ACPI_PACKED;

_Static_assert(sizeof(struct srat_header) == 48, "SRAT");
_Static_assert(sizeof(struct srat_processor) == 16, "processor affinity");
_Static_assert(offsetof(struct srat_processor, node_high) == 9, "processor affinity node");
_Static_assert(sizeof(struct srat_memory) == 40, "memory affinity");
_Static_assert(offsetof(struct srat_memory, start) == 8, "memory affinity start");
_Static_assert(offsetof(struct srat_memory, flags) == 28, "memory affinity flags");
_Static_assert(sizeof(struct srat_x2apic) == 24, "x2APIC affinity");

/* --- MCFG, PCI Firmware Specification 3.3, 4.1.2: a header, 8 reserved bytes, windows --- */

struct mcfg_header {
	struct acpi_header header;
	uint64_t reserved;
} ACPI_PACKED;

struct mcfg_window {
	uint64_t base; /* where bus 0 of the segment would be, whatever the first bus is */
	uint16_t segment;
	uint8_t first_bus;
	uint8_t last_bus; /* part of it */
	uint32_t reserved;
} ACPI_PACKED;

#define MCFG_BYTES_PER_BUS (1ul << 20)

_Static_assert(sizeof(struct mcfg_header) == 44, "MCFG header");
_Static_assert(sizeof(struct mcfg_window) == 16, "MCFG allocation");

/* --- HPET, IA-PC HPET Specification 1.0a, 3.2.4 --- */

struct hpet_table {
	struct acpi_header header;
	uint32_t block_id;
	uint8_t space; /* of a generic address: 0 is memory */
	uint8_t width;
	uint8_t offset;
	uint8_t reserved;
	uint64_t address;
	uint8_t number;
	uint16_t minimum_tick;
	uint8_t page_protection;
} ACPI_PACKED;

_Static_assert(sizeof(struct hpet_table) == 56, "HPET table");
_Static_assert(offsetof(struct hpet_table, address) == 44, "HPET address");
