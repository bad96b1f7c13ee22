/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware tables of tests/tables/, built in. */
#pragma once

#include "mm/types.h"

struct table {
	const char *name; /* "ok_minimal.nfit" */
	const uint8_t *bytes;
	size_t length;
};

/* Bytes are NULL from the end on. */
struct table table_at(size_t index);

/* Leaves the test if there is none of this name. */
struct table table_named(const char *name);

bool table_is_nfit(struct table);
