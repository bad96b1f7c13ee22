/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/madt.h"
#include "drivers/acpi.h"
#include "drivers/acpi_layout.h"

#include <errno.h>
#include <string.h>

static size_t record_bytes(uint8_t type)
{
	switch (type) {
	case MADT_LOCAL_APIC:
		return sizeof(struct madt_local_apic);
	case MADT_IO_APIC:
		return sizeof(struct madt_io_apic);
	case MADT_LOCAL_APIC_ADDRESS:
		return sizeof(struct madt_local_apic_address);
	case MADT_LOCAL_X2APIC:
		return sizeof(struct madt_local_x2apic);
	default:
		return 0;
	}
}

static void visit(void *context, size_t offset, const uint8_t *bytes, size_t length)
{
	const struct madt_visitor *visitor = context;
	size_t expected = record_bytes(bytes[0]);
	union {
		struct madt_local_apic local_apic;
		struct madt_io_apic io_apic;
		struct madt_local_apic_address address;
		struct madt_local_x2apic x2apic;
	} record;

	if (expected == 0)
		return;
	if (length != expected) {
		visitor->fault(visitor->context, offset,
			       "a record of another length than its type has");
		return;
	}
	memcpy(&record, bytes, expected);
	switch (bytes[0]) {
	case MADT_LOCAL_APIC:
		visitor->processor(visitor->context, record.local_apic.apic_id,
				   record.local_apic.flags);
		break;
	case MADT_IO_APIC:
		visitor->io_apic(visitor->context, phys(record.io_apic.address));
		break;
	case MADT_LOCAL_APIC_ADDRESS:
		visitor->local_apic(visitor->context, phys(record.address.address));
		break;
	case MADT_LOCAL_X2APIC:
		visitor->processor(visitor->context, record.x2apic.apic_id, record.x2apic.flags);
		break;
	}
}

static void pass_fault(void *context, size_t offset, const char *what)
{
	const struct madt_visitor *visitor = context;

	visitor->fault(visitor->context, offset, what);
}

int madt_parse(const void *table, size_t length, const struct madt_visitor *visitor)
{
	const struct acpi_record_visitor records = {visit, pass_fault, (void *)visitor};
	struct madt_header header;

	length = acpi_table_length(table, length, "APIC");
	if (length < sizeof(header))
		return -EINVAL;
	memcpy(&header, table, sizeof(header));
	visitor->local_apic(visitor->context, phys(header.local_apic));
	acpi_records(table, length, sizeof(header), &records);
	return 0;
}
