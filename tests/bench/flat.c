/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/flat.h"

#include "mm/compiler.h"
#include "mm/host.h"
#include "tests/bench/world.h"

/*
 * The word of a descriptor, the only one or the first of eight:
 *
 *	 63            32 31        12 11     0
 *	| next free frame |    pins    | flags  |
 */
enum {
	FLAT_ABSENT = 1 << 0,
	FLAT_POISONED = 1 << 1,
	FLAT_ALLOCATED = 1 << 3,
};

#define FLAT_ONE_PIN   ((uint64_t)1 << 12)
#define FLAT_PINS      ((uint64_t)0xfffff << 12)
#define FLAT_FULL      ((uint64_t)1 << 31) /* the highest bit of the count */
#define FLAT_LINK      32
#define FLAT_LINK_NONE UINT32_MAX

struct flat flat;

static struct {
	uint32_t head[FLAT_WIDTHS];
} __attribute__((aligned(64))) lists[HOST_CPUS_MAX];

static inline _Atomic uint64_t *word_at(enum flat_width width, uint64_t index)
{
	return (_Atomic uint64_t *)(flat.arrays[width] + (index << width));
}

static inline struct flat_page *find(enum flat_width width, pfn_t frame)
{
	uint64_t index = frame.n - flat.first;
	_Atomic uint64_t *word;

	if (unlikely(index >= flat.frames))
		return NULL;
	word = word_at(width, index);
	return atomic_load_explicit(word, memory_order_relaxed) & FLAT_ABSENT
		       ? NULL
		       : (struct flat_page *)word;
}

/* Added first and taken back if it should not be: one locked addition. */
static inline struct flat_page *pin(enum flat_width width, pfn_t frame)
{
	uint64_t index = frame.n - flat.first;
	_Atomic uint64_t *word;
	uint64_t old;

	if (unlikely(index >= flat.frames))
		return NULL;
	word = word_at(width, index);
	old = atomic_fetch_add(word, FLAT_ONE_PIN);
	if (unlikely(old & (FLAT_ABSENT | FLAT_POISONED | FLAT_FULL))) {
		atomic_fetch_sub(word, FLAT_ONE_PIN);
		return NULL;
	}
	return (struct flat_page *)word;
}

static inline void unpin(struct flat_page *page)
{
	uint64_t old = atomic_fetch_sub((_Atomic uint64_t *)page, FLAT_ONE_PIN);

	if (unlikely(!(old & FLAT_PINS)))
		host_panic("flat array: an unpin without a pin");
}

static inline void make_list(enum flat_width width, pfn_t first, unsigned bits)
{
	uint64_t start = first.n - flat.first;
	uint64_t end = start + ((uint64_t)1 << bits);

	for (uint64_t i = start; i < end; i++)
		*word_at(width, i) = (i + 1 < end ? i + 1 : FLAT_LINK_NONE) << FLAT_LINK;
	lists[host_cpu()].head[width] = (uint32_t)start;
}

/* A free frame is on one CPU's list, so that no other can take it. */
static inline bool take(enum flat_width width, pfn_t *frame)
{
	uint32_t *head = &lists[host_cpu()].head[width];
	_Atomic uint64_t *word;

	if (unlikely(*head == FLAT_LINK_NONE))
		return false;
	*frame = pfn(flat.first + *head);
	word = word_at(width, *head);
	*head = (uint32_t)(atomic_load_explicit(word, memory_order_relaxed) >> FLAT_LINK);
	atomic_store_explicit(word, FLAT_ALLOCATED, memory_order_relaxed);
	return true;
}

static inline bool give(enum flat_width width, pfn_t frame)
{
	uint32_t *head = &lists[host_cpu()].head[width];
	uint64_t index = frame.n - flat.first;
	uint64_t allocated = FLAT_ALLOCATED;

	if (unlikely(index >= flat.frames) ||
	    !atomic_compare_exchange_strong(word_at(width, index), &allocated,
					    (uint64_t)*head << FLAT_LINK))
		return false;
	*head = (uint32_t)index;
	return true;
}

void flat_begin(pfn_t first, unsigned bits)
{
	flat.first = first.n;
	flat.frames = (uint64_t)1 << bits;
	for (enum flat_width width = FLAT_8; width <= FLAT_64; width += FLAT_64 - FLAT_8)
		if (!flat.arrays[width])
			flat.arrays[width] = world_memory(flat.frames << width);
}

struct flat_page *flat64_pfn_to_page(pfn_t frame)
{
	return find(FLAT_64, frame);
}

struct flat_page *flat8_pfn_to_page(pfn_t frame)
{
	return find(FLAT_8, frame);
}

struct flat_page *flat64_pin(pfn_t frame)
{
	return pin(FLAT_64, frame);
}

struct flat_page *flat8_pin(pfn_t frame)
{
	return pin(FLAT_8, frame);
}

void flat64_unpin(struct flat_page *page)
{
	unpin(page);
}

void flat8_unpin(struct flat_page *page)
{
	unpin(page);
}

void flat8_prefetch(pfn_t frame)
{
	__builtin_prefetch((const void *)word_at(FLAT_8, frame.n - flat.first), 1);
}

void flat64_list(pfn_t first, unsigned bits)
{
	make_list(FLAT_64, first, bits);
}

void flat8_list(pfn_t first, unsigned bits)
{
	make_list(FLAT_8, first, bits);
}

bool flat64_alloc(pfn_t *frame)
{
	return take(FLAT_64, frame);
}

bool flat8_alloc(pfn_t *frame)
{
	return take(FLAT_8, frame);
}

bool flat64_free(pfn_t frame)
{
	return give(FLAT_64, frame);
}

bool flat8_free(pfn_t frame)
{
	return give(FLAT_8, frame);
}
