/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds ACPI's tables: root pointer (RSDP) -> RSDT or XSDT -> tables (ACPI 6.5, 5.2).
 *
 * Physical memory is read only through the caller's map(), and every table is checked before it is
 * listed as usable: length, then checksum. What is wrong with a table is listed with it; what is
 * wrong on the way to the tables is kept as faults. Nothing is allocated.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

enum {
	ACPI_TABLES_MAX = 128,
	ACPI_FAULTS_MAX = 8,
	ACPI_TABLE_BYTES_MAX = 16 << 20, /* a longer table is not believed */
};

/* A table in memory. NULL: there is none. */
struct acpi_bytes {
	const void *bytes;
	size_t length;
};

/* Where to look, in this order, until a root pointer is good. */
struct acpi_sources {
	phys_t option;           /* given by the user: then nothing else is tried; 0: not given */
	phys_t loader;           /* given by the boot loader; 0: not given */
	const void *loader_copy; /* the boot loader's copy of it; NULL: none */
	size_t loader_copy_bytes;
	bool search; /* the areas where a BIOS leaves it: the EBDA, and 0xe0000 to 0xfffff */

	/*
	 * The bytes of a physical range to read, or NULL: they cannot be read. They stay readable
	 * as long as the caller of acpi_find() uses what it found.
	 */
	const void *(*map)(phys_t start, size_t length);
};

struct acpi_table {
	phys_t address;
	uint32_t length;
	char signature[5]; /* '?' for what is not printable */
	uint8_t revision;
	const char *fault; /* NULL: usable; else why not */
};

struct acpi_fault {
	phys_t address;
	const char *what;
};

struct acpi_tables {
	const char
		*source; /* "option", "loader", "loader-copy", "bios"; NULL: no good root pointer */
	phys_t rsdp;     /* 0 for a copy */
	uint8_t rsdp_revision;
	struct acpi_table root; /* the RSDT or XSDT that was used */
	struct acpi_table table[ACPI_TABLES_MAX];
	size_t nr;
	size_t dropped; /* tables beyond ACPI_TABLES_MAX */
	struct acpi_fault fault[ACPI_FAULTS_MAX];
	size_t nr_faults;
	size_t faults_dropped;
	const void *(*map)(phys_t start, size_t length);
};

/* -ENOENT: no tables; the faults say why. Whatever it returns, *tables can be printed. */
int acpi_find(const struct acpi_sources *, struct acpi_tables *) must_check;

/* The first usable table of this signature, four characters. */
struct acpi_bytes acpi_table(const struct acpi_tables *, const char *signature);

/* --- For the parsers of tables. --- */

/* Whether all bytes add up to 0 modulo 256. */
bool acpi_checksum_good(const void *bytes, size_t length);

/*
 * The length that the table's header states, if there is a header, of this signature, and all that
 * it states is there; else 0. Does not look at the checksum: acpi_find() did.
 */
size_t acpi_table_length(const void *table, size_t length, const char *signature);

/* What walking through a table's records calls, by offset from the table's start. */
struct acpi_record_visitor {
	void (*record)(void *context, size_t offset, const uint8_t *bytes, size_t length);
	void (*fault)(void *context, size_t offset, const char *what);
	void *context;
};

/*
 * Walks records of {u8 type, u8 length, ...} from `first` to the table's end, as the MADT and the
 * SRAT have. A record is at least 2 bytes long and lies within the table; the first one that does
 * not is a fault and the end of the walk.
 */
void acpi_records(const void *table, size_t length, size_t first,
		  const struct acpi_record_visitor *);
