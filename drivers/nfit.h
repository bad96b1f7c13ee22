/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NFIT: which NVDIMMs there are and where they appear in physical memory (ACPI 6.5, 5.2.25).
 *
 * Parsing hands out every structure that is well formed in itself, in the order of the table, as a
 * copy; what it refers to may be missing and what it states may be absurd. A structure that is not
 * well formed is a fault and is skipped; one without a usable length ends the table there.
 */
#pragma once

#include "drivers/nfit_layout.h"
#include "mm/compiler.h"
#include "mm/region.h"
#include "mm/types.h"

/* A pattern in which the lines of several NVDIMMs take turns; `lines` and `line_bytes` are > 0. */
struct nfit_interleave {
	uint16_t index;
	uint32_t lines;
	uint32_t line_bytes;
	const uint8_t *line_offsets; /* in the table: nfit_line_offset() reads it */
};

/* Addresses of which a store tells an NVDIMM to flush what is on the way to it. */
struct nfit_flush {
	uint32_t handle;
	uint16_t hints;
	const uint8_t *addresses; /* in the table: nfit_flush_address() reads it */
};

/* What parsing calls; NULL where it is not wanted. */
struct nfit_visitor {
	void (*range)(void *context, const struct nfit_range *);
	void (*mapping)(void *context, const struct nfit_mapping *);
	void (*interleave)(void *context, const struct nfit_interleave *);
	void (*control)(void *context, const struct nfit_control *);
	void (*flush)(void *context, const struct nfit_flush *);
	void (*capabilities)(void *context, enum persistence_domain);
	/* Structures of types that are deprecated, of no use here, or unknown. */
	void (*other)(void *context, size_t offset, uint16_t type);
	void (*fault)(void *context, size_t offset, const char *what);
	void *context;
};

/* -EINVAL: this is no NFIT, and nothing was called. Faults within it are no error. */
int nfit_parse(const void *table, size_t length, const struct nfit_visitor *) must_check;

/* --- What the fields mean. --- */

enum nfit_range_type {
	NFIT_VOLATILE,
	NFIT_PERSISTENT,
	NFIT_CONTROL_REGION,
	NFIT_BLOCK_WINDOW,
	NFIT_VOLATILE_DISK,
	NFIT_VOLATILE_CD,
	NFIT_PERSISTENT_DISK,
	NFIT_PERSISTENT_CD,
	NFIT_UNKNOWN_RANGE,
};

enum nfit_range_type nfit_range_type(const uint8_t guid[16]);
const char *nfit_range_type_name(enum nfit_range_type);

/* Where an NVDIMM sits (ACPI 6.5, 9.20.3). */
struct nfit_place {
	unsigned node, socket, controller, channel, dimm;
};

struct nfit_place nfit_place(uint32_t handle);

/* The word for one bit of a mapping's flags, 0 to 15; "reserved" where there is none. */
const char *nfit_flag_name(unsigned bit);

uint32_t nfit_line_offset(const struct nfit_interleave *, uint32_t line);
uint64_t nfit_flush_address(const struct nfit_flush *, uint16_t hint);

/*
 * Where byte `dpa_offset` of a mapping lies, as an offset from the range's start. `table` is the
 * one that the mapping refers to; NULL: not interleaved. Wraps where the mapping is absurd.
 *
 * Two NVDIMMs, two ways, lines of 4 KiB at 0, 2, ... on both, the second at region offset 4096:
 * byte 4096 of the second NVDIMM is the first byte of its line 1, at 4096 + 2 * 4096.
 */
uint64_t nfit_range_offset(const struct nfit_mapping *, const struct nfit_interleave *table,
			   uint64_t dpa_offset);
