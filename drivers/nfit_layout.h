/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layouts of the NVDIMM Firmware Interface Table (ACPI 6.5, 5.2.25), little-endian. Fields are
 * aligned within each structure, but a structure may lie at any address: copy it out first.
 */
#pragma once

#include "drivers/acpi_layout.h"

enum nfit_type {
	NFIT_TYPE_RANGE = 0,
	NFIT_TYPE_MAPPING = 1,
	NFIT_TYPE_INTERLEAVE = 2,
	NFIT_TYPE_SMBIOS = 3,
	NFIT_TYPE_CONTROL = 4,
	NFIT_TYPE_BLOCK_WINDOW = 5,
	NFIT_TYPE_FLUSH = 6,
	NFIT_TYPE_CAPABILITIES = 7,
};

struct nfit_header {
	struct acpi_header header;
	uint32_t reserved;
};

/* What every structure begins with; the length counts these four bytes. */
struct nfit_structure {
	uint16_t type;
	uint16_t length;
};

_Static_assert(sizeof(struct nfit_header) == 40, "NFIT");
_Static_assert(sizeof(struct nfit_structure) == 4, "structure header");

enum nfit_range_flags {
	NFIT_RANGE_HOT_ADD_ONLY = 1u << 0, /* management structures are for hot add only */
	NFIT_RANGE_NODE_VALID = 1u << 1,
	NFIT_RANGE_COOKIE_VALID = 1u << 2,
};

/* Memory attributes as UEFI numbers them (UEFI 2.10, 7.2.3); those that say how to cache. */
enum nfit_range_attributes {
	NFIT_ATTRIBUTE_UNCACHED = 1u << 0,
	NFIT_ATTRIBUTE_WRITE_COMBINING = 1u << 1,
	NFIT_ATTRIBUTE_WRITE_THROUGH = 1u << 2,
	NFIT_ATTRIBUTE_WRITE_BACK = 1u << 3,
	NFIT_ATTRIBUTE_CACHING = 0xf,
};

/* 5.2.25.2, a range of system physical addresses. Without the cookie before ACPI 6.4. */
struct nfit_range {
	struct nfit_structure structure;
	uint16_t index; /* 0: no mapping refers to it */
	uint16_t flags;
	uint32_t reserved;
	uint32_t node;
	uint8_t guid[16];
	uint64_t start;
	uint64_t length;
	uint64_t attributes;
	uint64_t cookie;
};

enum { NFIT_RANGE_BYTES_WITHOUT_COOKIE = 56 };

_Static_assert(sizeof(struct nfit_range) == 64, "SPA range");
_Static_assert(offsetof(struct nfit_range, node) == 12, "SPA range proximity domain");
_Static_assert(offsetof(struct nfit_range, guid) == 16, "SPA range type GUID");
_Static_assert(offsetof(struct nfit_range, start) == 32, "SPA range base");
_Static_assert(offsetof(struct nfit_range, cookie) == NFIT_RANGE_BYTES_WITHOUT_COOKIE, "cookie");

enum nfit_mapping_flags {
	NFIT_SAVE_FAILED = 1u << 0,
	NFIT_RESTORE_FAILED = 1u << 1,
	NFIT_FLUSH_FAILED = 1u << 2,
	NFIT_NOT_ARMED = 1u << 3,
	NFIT_HEALTH_EVENT = 1u << 4,
	NFIT_HEALTH_NOTIFY = 1u << 5,
	NFIT_MAP_FAILED = 1u << 6,
	/* Any of these, and what is stored may be lost when the power fails, or already is. */
	NFIT_FAILED = NFIT_SAVE_FAILED | NFIT_RESTORE_FAILED | NFIT_FLUSH_FAILED | NFIT_NOT_ARMED |
		      NFIT_MAP_FAILED,
};

/* 5.2.25.3, the part of an NVDIMM that is mapped into a range. */
struct nfit_mapping {
	struct nfit_structure structure;
	uint32_t handle;
	uint16_t smbios_handle;
	uint16_t region_id;
	uint16_t range; /* index; 0: the NVDIMM is there, but not mapped */
	uint16_t control;
	uint64_t size;          /* bytes of the NVDIMM */
	uint64_t region_offset; /* of its first byte in the range */
	uint64_t dpa;           /* first byte on the NVDIMM */
	uint16_t interleave;    /* index; 0: none */
	uint16_t ways;
	uint16_t flags;
	uint16_t reserved;
};

_Static_assert(sizeof(struct nfit_mapping) == 48, "region mapping");
_Static_assert(offsetof(struct nfit_mapping, size) == 16, "region mapping size");
_Static_assert(offsetof(struct nfit_mapping, interleave) == 40, "region mapping interleave");
_Static_assert(offsetof(struct nfit_mapping, flags) == 44, "region mapping flags");

/* 5.2.25.4, followed by `lines` u32 line offsets, in units of line_bytes. */
struct nfit_interleave_header {
	struct nfit_structure structure;
	uint16_t index;
	uint16_t reserved;
	uint32_t lines;
	uint32_t line_bytes;
};

_Static_assert(sizeof(struct nfit_interleave_header) == 16, "interleave");

enum { NFIT_CONTROL_MANUFACTURING_VALID = 1u << 0 };

/* 5.2.25.6, what an NVDIMM is. Ends before window_bytes when windows is 0, or is whole anyway. */
struct nfit_control {
	struct nfit_structure structure;
	uint16_t index;
	uint16_t vendor;
	uint16_t device;
	uint16_t revision;
	uint16_t subsystem_vendor;
	uint16_t subsystem_device;
	uint16_t subsystem_revision;
	uint8_t valid;
	uint8_t manufacturing_location;
	uint16_t manufacturing_date;
	uint16_t reserved1;
	uint32_t serial;
	uint16_t interface_code;
	uint16_t windows;
	uint64_t window_bytes;
	uint64_t command_offset;
	uint64_t command_bytes;
	uint64_t status_offset;
	uint64_t status_bytes;
	uint16_t flags;
	uint8_t reserved2[6];
};

enum { NFIT_CONTROL_BYTES_WITHOUT_WINDOWS = 32 };

_Static_assert(sizeof(struct nfit_control) == 80, "control region");
_Static_assert(offsetof(struct nfit_control, valid) == 18, "control region valid fields");
_Static_assert(offsetof(struct nfit_control, serial) == 24, "control region serial number");
_Static_assert(offsetof(struct nfit_control, window_bytes) == NFIT_CONTROL_BYTES_WITHOUT_WINDOWS,
	       "control region windows");
_Static_assert(offsetof(struct nfit_control, flags) == 72, "control region flags");

enum { NFIT_BLOCK_WINDOW_BYTES = 40 }; /* 5.2.25.7, deprecated */

/* 5.2.25.8, followed by `hints` u64 addresses. */
struct nfit_flush_header {
	struct nfit_structure structure;
	uint32_t handle;
	uint16_t hints;
	uint8_t reserved[6];
};

_Static_assert(sizeof(struct nfit_flush_header) == 16, "flush hints");

enum nfit_capability {
	NFIT_CPU_CACHE_FLUSHED = 1u << 0,
	NFIT_MEMORY_CONTROLLER_FLUSHED = 1u << 1,
	NFIT_MIRRORING = 1u << 2,
};

/* 5.2.25.9, of the platform. */
struct nfit_capabilities {
	struct nfit_structure structure;
	uint8_t highest; /* the highest bit of capabilities that means anything */
	uint8_t reserved1[3];
	uint32_t capabilities;
	uint32_t reserved2;
};

_Static_assert(sizeof(struct nfit_capabilities) == 16, "platform capabilities");
_Static_assert(offsetof(struct nfit_capabilities, capabilities) == 8, "platform capabilities");
