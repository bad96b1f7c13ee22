/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/acpi.h"
#include "drivers/acpi_layout.h"

#include <errno.h>
#include <string.h>

/* Where a BIOS leaves the root pointer, on 16-byte boundaries (ACPI 6.5, 5.2.5.1). */
enum {
	EBDA_SEGMENT = 0x40e, /* u16, in units of 16 bytes */
	EBDA_BYTES = 1024,
	BIOS_START = 0xe0000,
	BIOS_BYTES = 0x20000,
	RSDP_ALIGNMENT = 16,
};

bool acpi_checksum_good(const void *bytes, size_t length)
{
	const uint8_t *byte = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + byte[i]);
	return sum == 0;
}

size_t acpi_table_length(const void *table, size_t length, const char *signature)
{
	struct acpi_header header;

	if (!table || length < sizeof(header))
		return 0;
	memcpy(&header, table, sizeof(header));
	if (memcmp(header.signature, signature, sizeof(header.signature)) != 0)
		return 0;
	if (header.length < sizeof(header) || header.length > length)
		return 0;
	return header.length;
}

void acpi_records(const void *table, size_t length, size_t first,
		  const struct acpi_record_visitor *visitor)
{
	const uint8_t *bytes = table;
	size_t offset = first;

	while (offset < length) {
		struct acpi_record record;

		if (length - offset < sizeof(record)) {
			visitor->fault(visitor->context, offset, "a byte too few for a record");
			return;
		}
		memcpy(&record, bytes + offset, sizeof(record));
		if (record.length < sizeof(record)) {
			visitor->fault(visitor->context, offset, "a record without length");
			return;
		}
		if (record.length > length - offset) {
			visitor->fault(visitor->context, offset, "a record past the table's end");
			return;
		}
		visitor->record(visitor->context, offset, bytes + offset, record.length);
		offset += record.length;
	}
}

static void fault(struct acpi_tables *tables, phys_t address, const char *what)
{
	if (tables->nr_faults < ACPI_FAULTS_MAX)
		tables->fault[tables->nr_faults++] = (struct acpi_fault){address, what};
	else
		tables->faults_dropped++;
}

/* NULL, or what is wrong with a root pointer of which `length` bytes can be read. */
static const char *rsdp_fault(const void *bytes, size_t length)
{
	struct acpi_rsdp rsdp = {0};

	if (length < ACPI_RSDP_V1_BYTES)
		return "too short for a root pointer";
	memcpy(&rsdp, bytes, length < sizeof(rsdp) ? length : sizeof(rsdp));
	if (memcmp(rsdp.signature, ACPI_RSDP_SIGNATURE, sizeof(rsdp.signature)) != 0)
		return "no root pointer signature";
	if (!acpi_checksum_good(bytes, ACPI_RSDP_V1_BYTES))
		return "root pointer with a bad checksum";
	if (rsdp.revision < 2)
		return NULL;
	if (length < sizeof(rsdp) || rsdp.length < sizeof(rsdp))
		return "root pointer of revision 2 that is too short";
	if (!acpi_checksum_good(bytes, sizeof(rsdp)))
		return "root pointer with a bad extended checksum";
	return NULL;
}

static void sanitise(char *to, const char *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = from[i] > ' ' && from[i] <= '~' ? from[i] : '?';
	to[length] = '\0';
}

/* Fills in what the header at this address says, and what is wrong with the table. */
static void read_table(const struct acpi_tables *tables, phys_t address, struct acpi_table *table)
{
	struct acpi_header header;
	const void *bytes;

	*table = (struct acpi_table){.address = address, .signature = "????"};
	if (address.addr == 0) {
		table->fault = "no address";
		return;
	}
	bytes = tables->map(address, sizeof(header));
	if (!bytes) {
		table->fault = "not readable";
		return;
	}
	memcpy(&header, bytes, sizeof(header));
	sanitise(table->signature, header.signature, sizeof(header.signature));
	table->length = header.length;
	table->revision = header.revision;
	if (header.length < sizeof(header)) {
		table->fault = "too short";
		return;
	}
	if (header.length > ACPI_TABLE_BYTES_MAX) {
		table->fault = "too long";
		return;
	}
	bytes = tables->map(address, header.length);
	if (!bytes)
		table->fault = "not readable to its end";
	else if (!acpi_checksum_good(bytes, header.length))
		table->fault = "bad checksum";
}

/* Tables of which there can be only one. Of a second one nobody can say which is right. */
static bool is_single(const char *signature)
{
	static const char *const singles[] = {"NFIT", "SRAT", "APIC", "MCFG", "HPET"};

	for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
		if (strcmp(signature, singles[i]) == 0)
			return true;
	}
	return false;
}

static void add_table(struct acpi_tables *tables, phys_t address)
{
	struct acpi_table table;

	if (tables->nr == ACPI_TABLES_MAX) {
		tables->dropped++;
		return;
	}
	for (size_t i = 0; i < tables->nr; i++) {
		if (tables->table[i].address.addr == address.addr) {
			fault(tables, address, "table listed twice");
			return;
		}
	}
	read_table(tables, address, &table);
	if (!table.fault && is_single(table.signature) && acpi_table(tables, table.signature).bytes)
		table.fault = "second of its kind";
	tables->table[tables->nr++] = table;
}

/* Lists what the RSDT or XSDT at this address refers to. False: it is not usable. */
static bool read_root(struct acpi_tables *tables, phys_t address, const char *signature,
		      size_t entry_bytes)
{
	struct acpi_table root;
	const uint8_t *bytes;

	read_table(tables, address, &root);
	if (!root.fault && strcmp(root.signature, signature) != 0)
		root.fault = "wrong signature";
	if (root.fault) {
		fault(tables, address, root.fault);
		return false;
	}
	bytes = tables->map(address, root.length);
	if (!bytes)
		return false;
	tables->root = root;
	for (size_t at = sizeof(struct acpi_header); root.length - at >= entry_bytes;
	     at += entry_bytes) {
		uint64_t entry = 0;

		memcpy(&entry, bytes + at, entry_bytes);
		add_table(tables, phys(entry));
	}
	return true;
}

/* False: this root pointer leads to no tables. */
static bool try_rsdp(struct acpi_tables *tables, const char *source, phys_t where,
		     const void *bytes, size_t length)
{
	const char *what = rsdp_fault(bytes, length);
	struct acpi_rsdp rsdp = {0};

	if (what) {
		fault(tables, where, what);
		return false;
	}
	memcpy(&rsdp, bytes, length < sizeof(rsdp) ? length : sizeof(rsdp));
	tables->source = source;
	tables->rsdp = where;
	tables->rsdp_revision = rsdp.revision;
	if (rsdp.revision >= 2 && rsdp.xsdt != 0) {
		if (read_root(tables, phys(rsdp.xsdt), "XSDT", sizeof(uint64_t)))
			return true;
	} else if (rsdp.revision >= 2) {
		fault(tables, where, "revision 2 without an XSDT");
	}
	if (read_root(tables, phys(rsdp.rsdt), "RSDT", sizeof(uint32_t)))
		return true;
	tables->source = NULL;
	return false;
}

static bool try_address(struct acpi_tables *tables, const char *source, phys_t where)
{
	/* Of revision 0 there may be no more than 20 bytes. */
	const void *bytes = tables->map(where, sizeof(struct acpi_rsdp));
	size_t length = sizeof(struct acpi_rsdp);

	if (!bytes) {
		length = ACPI_RSDP_V1_BYTES;
		bytes = tables->map(where, length);
	}
	if (!bytes) {
		fault(tables, where, "root pointer not readable");
		return false;
	}
	return try_rsdp(tables, source, where, bytes, length);
}

static bool search(struct acpi_tables *tables, phys_t start, size_t length)
{
	const uint8_t *bytes = tables->map(start, length);

	if (!bytes)
		return false;
	for (size_t at = 0; length - at >= ACPI_RSDP_V1_BYTES; at += RSDP_ALIGNMENT) {
		if (memcmp(bytes + at, ACPI_RSDP_SIGNATURE, strlen(ACPI_RSDP_SIGNATURE)) == 0 &&
		    try_rsdp(tables, "bios", phys_add(start, at), bytes + at, length - at))
			return true;
	}
	return false;
}

static bool search_bios(struct acpi_tables *tables)
{
	const void *segment = tables->map(phys(EBDA_SEGMENT), sizeof(uint16_t));
	uint16_t ebda = 0;

	if (segment)
		memcpy(&ebda, segment, sizeof(ebda));
	if (ebda != 0 && search(tables, phys((uint64_t)ebda << 4), EBDA_BYTES))
		return true;
	return search(tables, phys(BIOS_START), BIOS_BYTES);
}

int acpi_find(const struct acpi_sources *sources, struct acpi_tables *tables)
{
	*tables = (struct acpi_tables){.map = sources->map};
	if (sources->option.addr != 0)
		return try_address(tables, "option", sources->option) ? 0 : -ENOENT;
	if (sources->loader.addr != 0 && try_address(tables, "loader", sources->loader))
		return 0;
	if (sources->loader_copy && try_rsdp(tables, "loader-copy", phys(0), sources->loader_copy,
					     sources->loader_copy_bytes))
		return 0;
	if (sources->search && search_bios(tables))
		return 0;
	return -ENOENT;
}

struct acpi_bytes acpi_table(const struct acpi_tables *tables, const char *signature)
{
	for (size_t i = 0; i < tables->nr; i++) {
		const struct acpi_table *table = &tables->table[i];

		if (!table->fault && strcmp(table->signature, signature) == 0)
			return (struct acpi_bytes){tables->map(table->address, table->length),
						   table->length};
	}
	return (struct acpi_bytes){NULL, 0};
}
