/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for tests to work on, taken here and given back when the test is over, however it ends;
 * and the ways to walk over what the machine has.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/frame_alloc.h"
#include "mm/page.h"
#include "mm/region.h"
#include "mm/types.h"

/*
 * A run of PAGE_SIZE or AREA_SIZE bytes from frame_alloc(), the test's alone. At most 16 in one
 * test. An area may be split by the test, and is made whole again. Skips the test when the machine
 * has no memory of that kind; that it has none left is a failure.
 */
pfn_t test_take(enum memory_kind, size_t size);

/*
 * Adjacent whole areas of DRAM in one region, the test's alone until it is over. One such run at a
 * time. False: there are not so many together.
 */
bool test_take_run(size_t areas, pfn_t *start) must_check;

/* Where the CPU sees the byte at `offset` of what begins at this frame. */
void *test_virt(pfn_t start, size_t offset);

/* What describes a frame now, and a pin on it. Leave the test when that cannot be had. */
struct page_info test_look(pfn_t) must_check;
struct page *test_pin(pfn_t) must_check;

/* Calls body(area) once for each kind of memory that the machine has, with an area taken of it. */
void with_each_kind(void (*body)(pfn_t area));

/* The next region of a kind after `region` (NULL: the first), or NULL. */
const struct region *next_region(const struct region *region, enum memory_kind);

/* The next persistent region that may be written; skips the test when there is none at all. */
const struct region *next_writable(const struct region *region);

/* A persistent region that may not be written; skips the test when there is none. */
const struct region *first_protected(void);
