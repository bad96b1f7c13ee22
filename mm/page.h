/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page descriptors in two levels: all that the kernel knows about a frame of physical memory.
 *
 *   directory        one pointer per GiB of physical address space
 *      `- areas      one 8-byte word per 2 MiB area: permanent, from page_map_init() on
 *            `- pages   one 8-byte word per 4 KiB frame: exists only while its area is split
 *
 * It is the shape of the CPU's own page tables, and an area's word works like an entry of theirs:
 * it either describes 2 MiB itself or points to a table of 512 words.
 *
 * A `struct page *` names what describes one frame at one time: the whole area, or the one frame
 * while the area is split. It knows its own size, there are no tail pages, and it is a handle, not
 * an address: nothing outside mm/ can look behind it and `page + 1` does not compile.
 *
 * A pin is the right to let the CPU or a device touch the page's memory. While a page is pinned it
 * is neither split, collapsed nor freed, so its handle stays good; without a pin a handle is a
 * snapshot that the next split or collapse makes stale. There is no other kind of reference.
 *
 * Areas that a region covers only in part ("ragged") are split from the start and stay so; their
 * frames outside every region are absent and cannot be had by any call.
 *
 * Every function may be called on any CPU at any time after page_map_init(), takes no lock and
 * never waits. Errors are negative errno values.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/region.h"
#include "mm/types.h"

struct page; /* never defined */

/* Pins that one page can hold at once; the next one is refused. */
#define PAGE_PINS_MAX ((1u << 20) - 1 - 1024)

/* Bytes of metadata that page_map_init() needs for these regions. */
size_t page_map_size(const struct region *regions, size_t nr);

/*
 * Describes all memory of the regions, whole and free. `metadata` is PAGE_SIZE aligned, zeroed,
 * page_map_size() long, in DRAM, and belongs to the map from now on, as do the regions, sorted by
 * address. -EINVAL if region_list_check() objects. May be called again to start anew.
 */
int page_map_init(const struct region *regions, size_t nr, void *metadata) must_check;

/* What page_map_init() was given. */
const struct region *page_map_regions(size_t *nr);

/* The region of a frame, or NULL if no region has it. */
const struct region *pfn_to_region(pfn_t);

/*
 * Whether a CPU or a device may write a frame that some region has: not in persistent memory
 * without permission.
 */
bool pfn_is_writable(pfn_t);

/* --- Look. Without a pin the answer is only a snapshot. --- */

/* NULL: no region has this frame. */
struct page *pfn_to_page(pfn_t);

/*
 * A handle is the page's first frame and its size, side by side: what each has costs one step. Its
 * top bits make it no canonical address, so that following it faults at once. For the two functions
 * below.
 */
#define PAGE_HANDLE_SIZE_SHIFT 42

/* The page's first frame, and its length in bytes: PAGE_SIZE or AREA_SIZE. */
static inline pfn_t page_to_pfn(const struct page *page)
{
	return pfn((uintptr_t)page & (((uintptr_t)1 << PAGE_HANDLE_SIZE_SHIFT) - 1));
}

static inline size_t page_size(const struct page *page)
{
	return (uintptr_t)page >> PAGE_HANDLE_SIZE_SHIFT;
}

/* One consistent reading of what describes a frame. */
struct page_info {
	pfn_t start;
	size_t size;
	uint32_t pins;
	uint32_t owner;
	bool locked;
	bool dirty;
	bool poisoned;
	bool allocated;
};

/* -ENOENT: no region has this frame. */
int page_look(pfn_t, struct page_info *) must_check;

/* --- Hold. --- */

/* NULL: the frame cannot be pinned, for it is in no region, poisoned, or at PAGE_PINS_MAX. */
struct page *page_pin(pfn_t) must_check;
void page_unpin(struct page *);

/* The same, of a page that was written meanwhile: page_mark_dirty() as well. */
void page_unpin_dirty(struct page *);

/*
 * A hint that the frame will be pinned soon: its descriptor comes into the cache meanwhile. For
 * whoever pins many that lie apart. Any frame will do.
 */
void page_prefetch(pfn_t);

/* --- For whoever holds a pin. --- */

/* Serialises I/O on a page. False: somebody else has it. */
bool page_trylock(struct page *) must_check;
void page_unlock(struct page *);

/* Notes that the page was written; takes the note away and says whether it was there. */
void page_mark_dirty(struct page *);
bool page_clear_dirty(struct page *);

/* 32 bits of the owner's choice. A split hands them to all 512 pages. */
void page_set_owner(struct page *, uint32_t owner);

/* --- Change size. By frame, since no handle lives through it. --- */

/*
 * Makes the area of the frame 512 pages of 4 KiB, each in the state that the whole had.
 * 0: it is split, by this call or before. -EBUSY: pinned or locked. -ENOENT: no region has the
 * frame. -ENOMEM: no memory for the table.
 */
int page_split(pfn_t) must_check;

/*
 * Makes the area of the frame one page of 2 MiB again and frees its table.
 * 0: it is whole. -EBUSY: a page is pinned or locked, or they differ in owner or in being
 * allocated. -EIO: a page is poisoned. -EINVAL: the area is ragged. -ENOENT: no such frame.
 */
int page_collapse(pfn_t) must_check;

/*
 * Takes one frame out of use: from now on nothing pins or allocates it, until page_unpoison(); pins
 * that exist stay until they are returned. A whole area is split, so that only this frame is lost;
 * while it is pinned, which forbids that, or there is no memory for the table, all of it is out of
 * use, until the last pin is returned or it is split. From any context, a machine check included.
 * 0 or -ENOENT.
 */
int page_poison(pfn_t) must_check;

/*
 * Takes a frame into use again whose medium was repaired. 0: it keeps nothing out of use any more,
 * but for a moment while another CPU looks at pages of the same area. -ENOENT: no such frame.
 * -ENOSPC: it stays as it is, for more than BAD_FRAMES_MAX frames were bad at the same time and
 * nobody knows any more which.
 */
int page_unpoison(pfn_t) must_check;

/* --- Account. --- */

struct page_map_usage {
	size_t directory_bytes;
	size_t area_bytes;           /* words of areas, absent ones in a started GiB included */
	size_t area_bytes_elsewhere; /* those that are not in the map's own memory: area_move.h */
	size_t table_bytes;          /* tables of split areas */
	size_t spare_table_bytes;    /* tables that no area has */
	size_t cpu_bytes;            /* by which CPUs keep some of these at hand */
	uint64_t areas;              /* that hold a managed frame */
	uint64_t areas_split;
	uint64_t areas_ragged; /* of the split ones */
};

void page_map_usage(struct page_map_usage *);

/*
 * Walks everything and checks every invariant, on a map that nobody changes meanwhile.
 * NULL, or what is broken and where; the text stays valid until the next call.
 */
const char *page_map_check(void);

/* The sum of all pins, for the balance after a test. Same conditions. */
uint64_t page_map_pins(void);
