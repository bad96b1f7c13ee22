/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The identity of an interleave set: a number over the NVDIMMs that form it and their order, which
 * every label on them repeats. Labels whose number differs were written when the NVDIMMs were
 * combined otherwise, and describe nothing here.
 */
#pragma once

#include "mm/types.h"

/* One NVDIMM's part of a set. */
struct interleave_member {
	uint64_t region_offset;
	uint32_t serial;
	uint16_t vendor;
	uint16_t manufacturing_date;
	uint8_t manufacturing_location;
};

enum interleave_cookie {
	COOKIE_V1_1, /* of labels 1.1: position and serial number */
	COOKIE_V1_2, /* of labels 1.2: position and all that identifies an NVDIMM */
	/* As V1_1, with positions compared byte by byte, as some versions of Linux did. */
	COOKIE_V1_1_BYTE_ORDER,
};

/* Sorts the members as the kind of cookie demands. */
uint64_t interleave_cookie(enum interleave_cookie, struct interleave_member *, size_t nr);
