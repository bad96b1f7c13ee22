/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/srat.h"
#include "drivers/acpi.h"
#include "drivers/acpi_layout.h"

#include <errno.h>
#include <string.h>

struct parse {
	const struct srat_visitor *visitor;
	bool wide_nodes;
};

static uint32_t node_of(const struct parse *parse, uint32_t node)
{
	return parse->wide_nodes ? node : node & 0xff;
}

static void visit_processor(const struct parse *parse, const struct srat_processor *processor)
{
	uint32_t node = (uint32_t)processor->node_low | (uint32_t)processor->node_high[0] << 8 |
			(uint32_t)processor->node_high[1] << 16 |
			(uint32_t)processor->node_high[2] << 24;

	if (processor->flags & SRAT_PROCESSOR_ENABLED)
		parse->visitor->processor(parse->visitor->context, node_of(parse, node),
					  processor->apic_id);
}

static void visit_memory(const struct parse *parse, const struct srat_memory *memory)
{
	if (memory->flags & SRAT_MEMORY_ENABLED)
		parse->visitor->memory(parse->visitor->context, node_of(parse, memory->node),
				       phys(memory->start), memory->length, memory->flags);
}

static void visit_x2apic(const struct parse *parse, const struct srat_x2apic *processor)
{
	if (processor->flags & SRAT_PROCESSOR_ENABLED)
		parse->visitor->processor(parse->visitor->context, node_of(parse, processor->node),
					  processor->apic_id);
}

static void pass_fault(void *context, size_t offset, const char *what)
{
	const struct parse *parse = context;

	parse->visitor->fault(parse->visitor->context, offset, what);
}

static size_t record_bytes(uint8_t type)
{
	switch (type) {
	case SRAT_PROCESSOR:
		return sizeof(struct srat_processor);
	case SRAT_MEMORY:
		return sizeof(struct srat_memory);
	case SRAT_X2APIC:
		return sizeof(struct srat_x2apic);
	default:
		return 0;
	}
}

static void visit(void *context, size_t offset, const uint8_t *bytes, size_t length)
{
	const struct parse *parse = context;
	size_t expected = record_bytes(bytes[0]);
	union {
		struct srat_processor processor;
		struct srat_memory memory;
		struct srat_x2apic x2apic;
	} record;

	if (expected == 0)
		return;
	if (length != expected) {
		pass_fault(context, offset, "a record of another length than its type has");
		return;
	}
	memcpy(&record, bytes, expected);
	switch (bytes[0]) {
	case SRAT_PROCESSOR:
		visit_processor(parse, &record.processor);
		break;
	case SRAT_MEMORY:
		visit_memory(parse, &record.memory);
		break;
	case SRAT_X2APIC:
		visit_x2apic(parse, &record.x2apic);
		break;
	}
}

int srat_parse(const void *table, size_t length, const struct srat_visitor *visitor)
{
	struct parse parse = {visitor, false};
	const struct acpi_record_visitor records = {visit, pass_fault, &parse};
	struct srat_header header;

	length = acpi_table_length(table, length, "SRAT");
	if (length < sizeof(header))
		return -EINVAL;
	memcpy(&header, table, sizeof(header));
	parse.wide_nodes = header.header.revision >= SRAT_REVISION_WIDE_NODES;
	acpi_records(table, length, sizeof(header), &records);
	return 0;
}
