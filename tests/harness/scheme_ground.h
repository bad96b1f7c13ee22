/* SPDX-License-Identifier: BSD-2-Clause */
/* The ground on which schemes of page descriptors are tested: one area for data, and metadata. */
#pragma once

#include "mm/region.h"
#include "mm/schemes/scheme.h"

/* Memory for an instance's metadata. */
enum { GROUND_METADATA = AREA_SIZE };

/*
 * Takes an area of DRAM for data, or one of persistent memory that may be written, and memory for
 * metadata, for the rest of the test. Skips it where the machine has none.
 */
void ground_take(enum memory_kind);

/*
 * The same with up to so many adjacent areas: those of a writable region, without being allocated,
 * or of DRAM. Returns how many frames those are.
 */
uint64_t ground_take_areas(enum memory_kind, size_t areas);

/* Its first frame and what the CPU sees of it. */
pfn_t ground_start(void);
void *ground_virt(pfn_t);

/*
 * Begins an instance anew over the first `frames` of the ground, with a pool of so many descriptors
 * for schemes that have one. The one before is ended, as the last one is when the test is over.
 */
struct scheme *ground_begin(const struct scheme_ops *, uint64_t frames, uint32_t pool);

/* Ends it, if there is one. */
void ground_end(void);

/* Makes the ground one page of the page map again, which poison has split. */
void ground_mend(void);
