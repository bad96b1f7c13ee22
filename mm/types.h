/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The units of physical memory: bytes, frames and areas.
 *
 *   frame   4 KiB, named by its pfn
 *   area    512 frames, 2 MiB, aligned
 *
 * Addresses and frame numbers are one-member structs so that the compiler keeps them apart from
 * each other and from lengths, which are plain integers. Ranges are half-open, [start, end).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT     12
#define PAGE_SIZE      (1UL << PAGE_SHIFT)
#define AREA_SHIFT     21
#define AREA_SIZE      (1UL << AREA_SHIFT)
#define PAGES_PER_AREA (AREA_SIZE / PAGE_SIZE)

/* Memory is managed below 64 TiB: what fits into half of the 4-level kernel address space. */
#define PHYS_BITS_MAX 46
#define PFN_LIMIT     (1UL << (PHYS_BITS_MAX - PAGE_SHIFT))

/* A physical address, in bytes. */
typedef struct {
	uint64_t addr;
} phys_t;

/* The number of a frame: its physical address / PAGE_SIZE. Nothing but the number; no flags. */
typedef struct {
	uint64_t n;
} pfn_t;

static inline phys_t phys(uint64_t addr)
{
	return (phys_t){addr};
}

static inline phys_t phys_add(phys_t start, uint64_t bytes)
{
	return phys(start.addr + bytes);
}

static inline pfn_t pfn(uint64_t number)
{
	return (pfn_t){number};
}

static inline pfn_t pfn_add(pfn_t start, uint64_t frames)
{
	return pfn(start.n + frames);
}

/* Frames from start up to end; start <= end. */
static inline uint64_t pfn_distance(pfn_t start, pfn_t end)
{
	return end.n - start.n;
}

static inline bool pfn_eq(pfn_t a, pfn_t b)
{
	return a.n == b.n;
}

static inline bool pfn_before(pfn_t a, pfn_t b)
{
	return a.n < b.n;
}

/* The first frame of the area that holds this frame. */
static inline pfn_t pfn_area(pfn_t frame)
{
	return pfn(frame.n & ~(PAGES_PER_AREA - 1));
}

static inline phys_t pfn_to_phys(pfn_t frame)
{
	return phys(frame.n << PAGE_SHIFT);
}

/* The frame that holds this byte. */
static inline pfn_t phys_to_pfn(phys_t address)
{
	return pfn(address.addr >> PAGE_SHIFT);
}
