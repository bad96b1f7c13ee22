/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's page tables: kernel/layout.h says what is where, this puts it there.
 *
 * Every mapping is one of the kinds below, and none of them is both writable and executable. The
 * largest pages that alignment and CPU allow are used. Page tables come from early memory while
 * there is some left, then from the frame allocator.
 *
 * Any CPU may add mappings, but no interrupt handler does. Those that are there are changed by
 * CPU 0 while the others are idle: they forget the old ones before they begin to work again.
 * Errors are negative errno values.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

enum mapping {
	MAPPING_TEXT,            /* r-x */
	MAPPING_READ,            /* r-- */
	MAPPING_WRITE,           /* rw- */
	MAPPING_WRITE_COMBINING, /* rw-, stores are gathered and not cached: framebuffers */
	MAPPING_DEVICE,          /* rw-, uncached */
};

/*
 * Makes page tables with the image, its stacks without their guard pages, and the run of early
 * memory in the direct map, and leaves the boot page tables for them: addresses of the identity
 * map are void from here on. After cpu_init() and early_memory_init(). Panics without memory.
 */
void paging_init(void);

/*
 * Maps [virt, virt + bytes) to memory from `start` on; all three multiples of PAGE_SIZE. What is
 * mapped so already stays so.
 * -EEXIST: something else is mapped there. -EINVAL: not aligned, or past the CPU's physical
 * addresses. -ENOMEM. After an error, a first part of the range may be mapped.
 */
int paging_map(uintptr_t virt, phys_t start, uint64_t bytes, enum mapping) must_check;

/* The frames [start, end) in the direct map. -EINVAL: they reach past it. Else as paging_map(). */
int paging_map_direct(pfn_t start, pfn_t end, enum mapping) must_check;

/*
 * Changes how a mapped range is mapped, dividing larger pages at its ends. -ENOENT: not all of it
 * is mapped, and nothing was changed. -ENOMEM: a first part of it may be changed.
 */
int paging_protect(uintptr_t virt, uint64_t bytes, enum mapping) must_check;

/* How many bytes of the range are mapped. */
uint64_t paging_mapped(uintptr_t virt, uint64_t bytes);

/* One page, as the tables have it. */
struct paging_entry {
	uintptr_t virt;
	phys_t start;
	uint64_t bytes; /* 4 KiB, 2 MiB or 1 GiB */
	bool writable;
	bool executable;
	bool write_back; /* cached in full */
};

/* The page that an address lies in. False: none. From any context. */
bool paging_lookup(uintptr_t virt, struct paging_entry *) must_check;

/* Calls visit(entry, arg) for every page, in the order of addresses. */
void paging_walk(void (*visit)(const struct paging_entry *, void *), void *arg);

/* Bytes of page tables. */
size_t paging_bytes(void);
