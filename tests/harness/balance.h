/* SPDX-License-Identifier: BSD-2-Clause */
/* What a test must leave as it found it: pins, free frames, split areas. */
#pragma once

#include "mm/region.h"
#include "mm/types.h"

struct balance {
	uint64_t pins;
	uint64_t areas_split;
	uint64_t frames_free[MEMORY_KINDS];
};

void balance_take(struct balance *);

/* Calls fail() for each figure that differs, and for a page map that is broken. */
void balance_compare(const struct balance *before);
