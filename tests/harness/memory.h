/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for one test: taken here, given back when the test is over, however it ends. */
#pragma once

#include "mm/frame_alloc.h"
#include "mm/types.h"

/*
 * A run of PAGE_SIZE or AREA_SIZE bytes from frame_alloc(); leaves the test when there is none. At
 * most 16 in one test. An area may be split by the test, and is made whole again.
 */
pfn_t test_take(enum memory_kind, size_t size);

/* Where the CPU sees the byte at `offset` of what begins at this frame. */
void *test_virt(pfn_t start, size_t offset);
