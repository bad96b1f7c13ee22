/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernel/copy.S and kernel/machine_check.c agree on: instructions that may read bad memory. */
#pragma once

#include <stdint.h>

/* One at `rip` goes on at `resume`. The last one has a `rip` of 0. */
struct copy_fixup {
	uint64_t rip;
	uint64_t resume;
};

extern const struct copy_fixup copy_fixups[];
