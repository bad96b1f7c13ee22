/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine that is measured: a region of DRAM for tables, and one of persistent memory that has
 * descriptors and, but for its start, nothing behind them, since nothing measured here touches it.
 * The memory of the descriptors is of 2 MiB pages and present before anything is timed, as the
 * kernel's direct map is.
 */
#pragma once

#include "mm/types.h"

#define TIB ((uint64_t)1 << 40)
#define GIB ((uint64_t)1 << 30)

/* Where persistent memory begins. */
#define PMEM_START pfn(TIB >> PAGE_SHIFT)

/* log2 of the frames of it, from its start, that have memory behind them, for who stores there. */
enum { WORLD_BACKED_BITS = 21 };

/* Bits of the number of a frame or an area in the usual persistent memory: 64 GiB, or 1 GiB. */
unsigned world_frame_bits(void);
unsigned world_area_bits(void);

/* Memory that stays, of 2 MiB pages if the system has them, and present. */
void *world_memory(size_t bytes);

/* How much of world_memory() is of 2 MiB pages, and how much there is. */
size_t world_huge_bytes(size_t *all);

/* Begins anew: this much persistent memory, all of it whole and free. */
void world_begin(uint64_t pmem_bytes);
void world_begin_usual(void);

/* Splits every area of the usual persistent memory. */
void world_split_all(void);

/* Leaves none of the descriptors in a cache. */
void world_chill(void);

/* CPUs that samples can run on, 1 or 2, and whether one of them lost its CPU since the last call.
 */
bool world_was_disturbed(void);
