/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nfit.h"
#include "drivers/acpi.h"

#include <errno.h>
#include <string.h>

static const char wrong_length[] = "a structure of another length than its type has";

static void complain(const struct nfit_visitor *visitor, size_t offset, const char *what)
{
	if (visitor->fault)
		visitor->fault(visitor->context, offset, what);
}

/*
 * Each parses one structure of `length` bytes, the header included, and returns NULL or what is
 * wrong with it.
 */
static const char *parse_range(const struct nfit_visitor *visitor, const uint8_t *bytes,
			       size_t length)
{
	struct nfit_range range = {0};

	if (length != sizeof(range) && length != NFIT_RANGE_BYTES_WITHOUT_COOKIE)
		return wrong_length;
	memcpy(&range, bytes, length);
	if ((range.flags & NFIT_RANGE_COOKIE_VALID) && length != sizeof(range))
		return "a range that ends before its cookie";
	if (visitor->range)
		visitor->range(visitor->context, &range);
	return NULL;
}

static const char *parse_mapping(const struct nfit_visitor *visitor, const uint8_t *bytes,
				 size_t length)
{
	struct nfit_mapping mapping;

	if (length != sizeof(mapping))
		return wrong_length;
	memcpy(&mapping, bytes, sizeof(mapping));
	if (visitor->mapping)
		visitor->mapping(visitor->context, &mapping);
	return NULL;
}

static const char *parse_interleave(const struct nfit_visitor *visitor, const uint8_t *bytes,
				    size_t length)
{
	struct nfit_interleave_header header;
	struct nfit_interleave interleave;

	if (length < sizeof(header))
		return wrong_length;
	memcpy(&header, bytes, sizeof(header));
	if (header.lines == 0 || header.line_bytes == 0)
		return "an interleave structure without lines";
	if (length != sizeof(header) + header.lines * sizeof(uint32_t))
		return "an interleave structure that has not the length of its lines";
	interleave.index = header.index;
	interleave.lines = header.lines;
	interleave.line_bytes = header.line_bytes;
	interleave.line_offsets = bytes + sizeof(header);
	if (visitor->interleave)
		visitor->interleave(visitor->context, &interleave);
	return NULL;
}

static const char *parse_control(const struct nfit_visitor *visitor, const uint8_t *bytes,
				 size_t length)
{
	struct nfit_control control = {0};

	if (length != sizeof(control) && length != NFIT_CONTROL_BYTES_WITHOUT_WINDOWS)
		return wrong_length;
	memcpy(&control, bytes, length);
	if (control.windows != 0 && length != sizeof(control))
		return "a control region that ends before its windows";
	if (visitor->control)
		visitor->control(visitor->context, &control);
	return NULL;
}

static const char *parse_flush(const struct nfit_visitor *visitor, const uint8_t *bytes,
			       size_t length)
{
	struct nfit_flush_header header;
	struct nfit_flush flush;

	if (length < sizeof(header))
		return wrong_length;
	memcpy(&header, bytes, sizeof(header));
	if (length != sizeof(header) + header.hints * sizeof(uint64_t))
		return "flush hints that have not the length of their addresses";
	flush.handle = header.handle;
	flush.hints = header.hints;
	flush.addresses = bytes + sizeof(header);
	if (visitor->flush)
		visitor->flush(visitor->context, &flush);
	return NULL;
}

static const char *parse_capabilities(const struct nfit_visitor *visitor, const uint8_t *bytes,
				      size_t length)
{
	enum persistence_domain domain = PERSISTENCE_UNKNOWN;
	struct nfit_capabilities structure;
	uint32_t capabilities;

	if (length != sizeof(structure))
		return wrong_length;
	memcpy(&structure, bytes, sizeof(structure));
	capabilities = structure.capabilities;
	/* Shifting by 32 is not defined in 32 bits. */
	if (structure.highest < 31)
		capabilities &= (1u << (structure.highest + 1)) - 1;
	if (capabilities & NFIT_CPU_CACHE_FLUSHED)
		domain = PERSISTENCE_CPU_CACHE;
	else if (capabilities & NFIT_MEMORY_CONTROLLER_FLUSHED)
		domain = PERSISTENCE_MEMORY_CONTROLLER;
	if (visitor->capabilities)
		visitor->capabilities(visitor->context, domain);
	return NULL;
}

static const char *parse_structure(const struct nfit_visitor *visitor, size_t offset,
				   const uint8_t *bytes, struct nfit_structure structure)
{
	switch (structure.type) {
	case NFIT_TYPE_RANGE:
		return parse_range(visitor, bytes, structure.length);
	case NFIT_TYPE_MAPPING:
		return parse_mapping(visitor, bytes, structure.length);
	case NFIT_TYPE_INTERLEAVE:
		return parse_interleave(visitor, bytes, structure.length);
	case NFIT_TYPE_CONTROL:
		return parse_control(visitor, bytes, structure.length);
	case NFIT_TYPE_FLUSH:
		return parse_flush(visitor, bytes, structure.length);
	case NFIT_TYPE_CAPABILITIES:
		return parse_capabilities(visitor, bytes, structure.length);
	default:
		if (visitor->other)
			visitor->other(visitor->context, offset, structure.type);
		return NULL;
	}
}

int nfit_parse(const void *table, size_t length, const struct nfit_visitor *visitor)
{
	const uint8_t *bytes = table;
	size_t offset = sizeof(struct nfit_header);
	struct nfit_structure structure;
	const char *what;

	length = acpi_table_length(table, length, "NFIT");
	if (length < offset)
		return -EINVAL;
	while (length - offset >= sizeof(structure)) {
		memcpy(&structure, bytes + offset, sizeof(structure));
		if (structure.length < sizeof(structure)) {
			complain(visitor, offset,
				 "a structure without length; the rest is not read");
			return 0;
		}
		if (structure.length > length - offset) {
			complain(visitor, offset, "a structure past the table's end");
			return 0;
		}
		what = parse_structure(visitor, offset, bytes + offset, structure);
		if (what)
			complain(visitor, offset, what);
		offset += structure.length;
	}
	if (offset < length)
		complain(visitor, offset, "bytes after the last structure");
	return 0;
}

/* As the table has them: the first three groups of a GUID are little-endian. */
static const struct {
	uint8_t guid[16];
	const char *name;
} range_types[] = {
	[NFIT_VOLATILE] = {{0x4f, 0x94, 0x05, 0x73, 0xda, 0xfd, 0xe3, 0x44, 0xb1, 0x6c, 0x3f, 0x22,
			    0xd2, 0x52, 0xe5, 0xd0},
			   "volatile"},
	[NFIT_PERSISTENT] = {{0x79, 0xd3, 0xf0, 0x66, 0xf3, 0xb4, 0x74, 0x40, 0xac, 0x43, 0x0d,
			      0x33, 0x18, 0xb7, 0x8c, 0xdb},
			     "persistent"},
	[NFIT_CONTROL_REGION] = {{0xf6, 0x01, 0xf7, 0x92, 0xb4, 0x13, 0x5d, 0x40, 0x91, 0x0b, 0x29,
				  0x93, 0x67, 0xe8, 0x23, 0x4c},
				 "control-region"},
	[NFIT_BLOCK_WINDOW] = {{0x30, 0x05, 0xaf, 0x91, 0x86, 0x5d, 0x0e, 0x47, 0xa6, 0xb0, 0x0a,
				0x2d, 0xb9, 0x40, 0x82, 0x49},
			       "block-window"},
	[NFIT_VOLATILE_DISK] = {{0x5a, 0x53, 0xab, 0x77, 0xfc, 0x45, 0x4b, 0x62, 0x55, 0x60, 0xf7,
				 0xb2, 0x81, 0xd1, 0xf9, 0x6e},
				"volatile-disk"},
	[NFIT_VOLATILE_CD] = {{0x30, 0xbd, 0x5a, 0x3d, 0x75, 0x41, 0xce, 0x87, 0x6d, 0x64, 0xd2,
			       0xad, 0xe5, 0x23, 0xc4, 0xbb},
			      "volatile-cd"},
	[NFIT_PERSISTENT_DISK] = {{0xc9, 0x02, 0xea, 0x5c, 0x07, 0x4d, 0xd3, 0x69, 0x26, 0x9f, 0x44,
				   0x96, 0xfb, 0xe0, 0x96, 0xf9},
				  "persistent-disk"},
	[NFIT_PERSISTENT_CD] = {{0x88, 0x81, 0x01, 0x08, 0xcd, 0x42, 0x48, 0xbb, 0x10, 0x0f, 0x53,
				 0x87, 0xd5, 0x3d, 0xed, 0x3d},
				"persistent-cd"},
};

enum nfit_range_type nfit_range_type(const uint8_t guid[16])
{
	for (unsigned type = 0; type < ARRAY_SIZE(range_types); type++) {
		if (memcmp(guid, range_types[type].guid, sizeof(range_types[type].guid)) == 0)
			return (enum nfit_range_type)type;
	}
	return NFIT_UNKNOWN_RANGE;
}

const char *nfit_range_type_name(enum nfit_range_type type)
{
	return type < ARRAY_SIZE(range_types) ? range_types[type].name : "unknown";
}

struct nfit_place nfit_place(uint32_t handle)
{
	return (struct nfit_place){
		.node = handle >> 16 & 0xfff,
		.socket = handle >> 12 & 0xf,
		.controller = handle >> 8 & 0xf,
		.channel = handle >> 4 & 0xf,
		.dimm = handle & 0xf,
	};
}

const char *nfit_flag_name(unsigned bit)
{
	static const char *const names[] = {"save_fail", "restore_fail", "flush_fail",
					    "not_armed", "smart_event",  "smart_notify",
					    "map_fail"};

	return bit < ARRAY_SIZE(names) ? names[bit] : "reserved";
}

uint32_t nfit_line_offset(const struct nfit_interleave *interleave, uint32_t line)
{
	uint32_t offset;

	memcpy(&offset, interleave->line_offsets + line * sizeof(offset), sizeof(offset));
	return offset;
}

uint64_t nfit_flush_address(const struct nfit_flush *flush, uint16_t hint)
{
	uint64_t address;

	memcpy(&address, flush->addresses + hint * sizeof(address), sizeof(address));
	return address;
}

uint64_t nfit_range_offset(const struct nfit_mapping *mapping, const struct nfit_interleave *table,
			   uint64_t dpa_offset)
{
	uint64_t line, round;

	if (!table)
		return mapping->region_offset + dpa_offset;
	line = dpa_offset / table->line_bytes;
	round = line / table->lines; /* how often the whole pattern was gone through */
	return mapping->region_offset + round * table->lines * table->line_bytes * mapping->ways +
	       (uint64_t)nfit_line_offset(table, (uint32_t)(line % table->lines)) *
		       table->line_bytes +
	       dpa_offset % table->line_bytes;
}
