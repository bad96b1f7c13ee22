/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fletcher-64, the checksum of Linux's persistent-memory formats (labels, BTT, PFN and DAX blocks)
 * and of the cookies of interleave sets (UEFI 2.10, NVDIMM Label Protocol): two running sums over
 * 32-bit little-endian words. It may be fed in parts.
 */
#pragma once

#include "mm/types.h"

struct fletcher64 {
	uint32_t low;  /* the sum of the words */
	uint32_t high; /* the sum of the sums */
};

/* `bytes` is a multiple of 4. A structure's own checksum field counts as zero: the caller's care.
 */
void fletcher64_add(struct fletcher64 *, const void *data, size_t bytes);

static inline uint64_t fletcher64_value(const struct fletcher64 *sum)
{
	return (uint64_t)sum->high << 32 | sum->low;
}
