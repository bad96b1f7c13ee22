/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a BTT, by offsets from its start. Bad memory is -EIO and not touched. Offsets and
 * lengths lie within it: whoever computes them of what the medium says has checked that before.
 */
#pragma once

#include "drivers/btt_layout.h"
#include "drivers/pmem_io.h"
#include "mm/compiler.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "mm/types.h"

#include <errno.h>

struct btt_medium {
	pfn_t start;
	pfn_t end; /* not part of it */
	/* How large arenas get, a multiple of 4096; 0: BTT_ARENA_MAX, as everybody has it. */
	uint64_t arena_max;
};

static inline uint64_t btt_medium_bytes(const struct btt_medium *medium)
{
	return pfn_distance(medium->start, medium->end) << PAGE_SHIFT;
}

/* The region that holds all of it; NULL: none, or it is not persistent. */
static inline const struct region *btt_medium_region(const struct btt_medium *medium)
{
	const struct region *region = pfn_to_region(medium->start);

	return region && region->kind == MEMORY_PERSISTENT &&
			       pfn_before(medium->start, medium->end) &&
			       !pfn_before(region->end, medium->end)
		       ? region
		       : NULL;
}

static inline uint64_t btt_arena_max(const struct btt_medium *medium)
{
	return medium->arena_max ? medium->arena_max : BTT_ARENA_MAX;
}

static inline phys_t btt_address(const struct btt_medium *medium, uint64_t at)
{
	return phys_add(pfn_to_phys(medium->start), at);
}

static inline must_check int btt_read(const struct btt_medium *medium, uint64_t at, void *to,
				      size_t bytes)
{
	return pmem_read(btt_address(medium, at), to, bytes);
}

static inline must_check int btt_write(const struct btt_medium *medium, uint64_t at,
				       const void *from, size_t bytes)
{
	return pmem_write(btt_address(medium, at), from, bytes);
}

/*
 * A few bytes of the log or the map that are loaded and stored by single instructions, since other
 * CPUs and a power failure must find the old value or the new one. They do not cross a page.
 */
struct btt_word {
	struct page *page; /* NULL: its frame is out of use, for what is bad elsewhere in it */
	void *at;
};

static inline must_check int btt_hold(const struct btt_medium *medium, uint64_t at,
				      struct btt_word *word)
{
	phys_t address = btt_address(medium, at);
	phys_t bad;

	word->page = page_pin(phys_to_pfn(address));
	word->at = host_virt(address);
	return word->page || !pmem_find_bad(address, sizeof(uint64_t), &bad) ? 0 : -EIO;
}

static inline void btt_release(const struct btt_word *word)
{
	if (word->page)
		page_unpin(word->page);
}

/* -EIO: it turned out to be bad. */
static inline must_check int btt_load(const struct btt_word *word, uint32_t *value)
{
	return host_load(value, word->at);
}

/* Durable when it returns. */
static inline void btt_store(const struct btt_word *word, uint32_t value)
{
	__atomic_store_n((uint32_t *)word->at, value, __ATOMIC_SEQ_CST);
	persist_flush(word->at, sizeof(value));
	persist_drain(word->at);
}
