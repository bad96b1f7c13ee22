/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/paging.h"

#include "kernel/cpu.h"
#include "kernel/early_memory.h"
#include "kernel/layout.h"
#include "kernel/lock.h"
#include "kernel/registers.h"
#include "kernel/stack.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"

#include <errno.h>
#include <string.h>

/* Bits of an entry (Intel SDM volume 3, 4.5). */
#define ENTRY_PRESENT    (1UL << 0)
#define ENTRY_WRITABLE   (1UL << 1)
#define ENTRY_PWT        (1UL << 3) /* with PCD: index into the PAT, see kernel/cpu.c */
#define ENTRY_PCD        (1UL << 4)
#define ENTRY_ACCESSED   (1UL << 5)
#define ENTRY_DIRTY      (1UL << 6)
#define ENTRY_LARGE      (1UL << 7) /* a page, in a table of level 2 or 3 */
#define ENTRY_NO_EXECUTE (1UL << 63)
#define ENTRY_ADDRESS    0x000ffffffffff000UL

/* A table permits everything; its pages decide. */
#define ENTRY_TABLE (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_ACCESSED)

/* Set from the start, so that the CPU has no reason to write to the tables. */
#define ENTRY_PAGE (ENTRY_PRESENT | ENTRY_ACCESSED | ENTRY_DIRTY)

/* Levels of tables, by what one entry covers: 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB. */
enum { LEVEL_PAGE = 1, LEVEL_AREA = 2, LEVEL_GIB = 3, LEVEL_TOP = 4, ENTRIES = 512 };

static const uint64_t mapping_bits[] = {
	[MAPPING_TEXT] = ENTRY_PAGE,
	[MAPPING_READ] = ENTRY_PAGE | ENTRY_NO_EXECUTE,
	[MAPPING_WRITE] = ENTRY_PAGE | ENTRY_WRITABLE | ENTRY_NO_EXECUTE,
	[MAPPING_WRITE_COMBINING] = ENTRY_PAGE | ENTRY_WRITABLE | ENTRY_NO_EXECUTE | ENTRY_PWT,
	[MAPPING_DEVICE] = ENTRY_PAGE | ENTRY_WRITABLE | ENTRY_NO_EXECUTE | ENTRY_PCD | ENTRY_PWT,
};

static uint64_t *top;
static uintptr_t tables_at; /* where physical memory is seen: 0 is the boot identity map */
static size_t nr_tables;

static struct lock lock; /* of whoever changes the tables */

static uint64_t level_bytes(unsigned level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static unsigned level_index(uintptr_t virt, unsigned level)
{
	return (unsigned)(virt / level_bytes(level) % ENTRIES);
}

static bool is_page(uint64_t entry, unsigned level)
{
	return (entry & ENTRY_PRESENT) && (level == LEVEL_PAGE || (entry & ENTRY_LARGE));
}

static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(tables_at + (entry & ENTRY_ADDRESS));
}

/* The entry of a page at this level. */
static uint64_t make_page(uint64_t address, unsigned level, uint64_t bits)
{
	return address | bits | (level == LEVEL_PAGE ? 0 : ENTRY_LARGE);
}

/* 0: no memory. */
static uint64_t new_table_entry(void)
{
	phys_t start;
	pfn_t frame;

	if (early_memory_left() > 0) {
		start = early_alloc_phys(PAGE_SIZE);
	} else {
		if (frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &frame))
			return 0;
		start = pfn_to_phys(frame);
	}
	nr_tables++;
	memset((void *)(tables_at + start.addr), 0, PAGE_SIZE);
	return start.addr | ENTRY_TABLE;
}

/* Goes down towards `*level` as far as there are tables; `*level` becomes that of the entry. */
static uint64_t *find_entry(uintptr_t virt, unsigned *level)
{
	unsigned wanted = *level;
	uint64_t *table = top;

	for (*level = LEVEL_TOP;; (*level)--) {
		uint64_t *entry = &table[level_index(virt, *level)];

		if (*level == wanted || !(*entry & ENTRY_PRESENT) || is_page(*entry, *level))
			return entry;
		table = table_of(*entry);
	}
}

/* The level of the largest page that may start here. */
static unsigned largest_level(uintptr_t virt, uint64_t start, uint64_t bytes)
{
	unsigned level = cpu_features()->pages_1gib ? LEVEL_GIB : LEVEL_AREA;

	while (level > LEVEL_PAGE &&
	       ((virt | start) % level_bytes(level) || bytes < level_bytes(level)))
		level--;
	return level;
}

/* What a page's entry says about this address, apart from its size. */
static uint64_t translation(uint64_t entry, unsigned level, uintptr_t virt)
{
	return (entry & ~(level == LEVEL_PAGE ? 0 : ENTRY_LARGE)) + virt % level_bytes(level);
}

/* Maps one page of at most this level, and says how many bytes are mapped from virt on. */
static int map_one(uintptr_t virt, uint64_t start, unsigned wanted, uint64_t bits, uint64_t *done)
{
	for (;;) {
		unsigned level = wanted;
		uint64_t *entry = find_entry(virt, &level);

		if (is_page(*entry, level)) {
			if (translation(*entry, level, virt) != (start | bits))
				return -EEXIST;
			*done = level_bytes(level) - virt % level_bytes(level);
			return 0;
		}
		if (*entry & ENTRY_PRESENT) {
			wanted--; /* a table with smaller pages is here */
		} else if (level > wanted) {
			*entry = new_table_entry();
			if (*entry == 0)
				return -ENOMEM;
		} else {
			*entry = make_page(start, level, bits);
			*done = level_bytes(level);
			return 0;
		}
	}
}

static int map_all(uintptr_t virt, uint64_t address, uint64_t bytes, uint64_t bits)
{
	while (bytes > 0) {
		unsigned level = largest_level(virt, address, bytes);
		uint64_t done;
		int error = map_one(virt, address, level, bits, &done);

		if (error)
			return error;
		if (done > bytes)
			break;
		virt += done;
		address += done;
		bytes -= done;
	}
	return 0;
}

int paging_map(uintptr_t virt, phys_t start, uint64_t bytes, enum mapping mapping)
{
	int error;

	if ((virt | start.addr | bytes) % PAGE_SIZE || !cpu_has_physical(start, bytes))
		return -EINVAL;
	lock_take(&lock);
	error = map_all(virt, start.addr, bytes, mapping_bits[mapping]);
	lock_give(&lock);
	return error;
}

int paging_map_direct(pfn_t start, pfn_t end, enum mapping mapping)
{
	if (pfn_before(end, start) || pfn_before(phys_to_pfn(phys(DIRECT_MAP_SIZE)), end))
		return -EINVAL;
	return paging_map(DIRECT_MAP + pfn_to_phys(start).addr, pfn_to_phys(start),
			  pfn_distance(start, end) << PAGE_SHIFT, mapping);
}

uint64_t paging_mapped(uintptr_t virt, uint64_t bytes)
{
	uint64_t mapped = 0;

	while (bytes > 0) {
		unsigned level = LEVEL_PAGE;
		uint64_t *entry = find_entry(virt, &level);
		uint64_t step = level_bytes(level) - virt % level_bytes(level);

		if (step > bytes)
			step = bytes;
		if (*entry & ENTRY_PRESENT)
			mapped += step;
		virt += step;
		bytes -= step;
	}
	return mapped;
}

/* Makes the one page 512 pages of the next level, mapped alike. */
static int divide(uint64_t *entry, unsigned level)
{
	uint64_t table = new_table_entry();
	uint64_t start = *entry & ENTRY_ADDRESS;
	uint64_t bits = *entry & ~(ENTRY_ADDRESS | ENTRY_LARGE);

	if (table == 0)
		return -ENOMEM;
	for (unsigned i = 0; i < ENTRIES; i++)
		table_of(table)[i] = make_page(start + i * level_bytes(level - 1), level - 1, bits);
	*entry = table;
	return 0;
}

int paging_protect(uintptr_t virt, uint64_t bytes, enum mapping mapping)
{
	int error = 0;

	if ((virt | bytes) % PAGE_SIZE)
		return -EINVAL;
	if (paging_mapped(virt, bytes) != bytes)
		return -ENOENT;
	while (bytes > 0 && !error) {
		unsigned level = LEVEL_PAGE;
		uint64_t *entry = find_entry(virt, &level);
		uint64_t size = level_bytes(level);

		if (virt % size || bytes < size) {
			error = divide(entry, level);
			continue;
		}
		*entry = make_page(*entry & ENTRY_ADDRESS, level, mapping_bits[mapping]);
		virt += size;
		bytes -= size;
	}
	write_cr3(read_cr3());
	return error;
}

static struct paging_entry describe(uint64_t entry, unsigned level, uintptr_t virt)
{
	return (struct paging_entry){
		.virt = align_down(virt, level_bytes(level)),
		.start = phys(entry & ENTRY_ADDRESS),
		.bytes = level_bytes(level),
		.writable = entry & ENTRY_WRITABLE,
		.executable = !(entry & ENTRY_NO_EXECUTE),
		.write_back = !(entry & (ENTRY_PCD | ENTRY_PWT)),
	};
}

bool paging_lookup(uintptr_t virt, struct paging_entry *result)
{
	unsigned level = LEVEL_PAGE;
	const uint64_t *entry;

	if (!top)
		return false;
	entry = find_entry(virt, &level);
	if (!is_page(*entry, level))
		return false;
	*result = describe(*entry, level, virt);
	return true;
}

static void walk_table(const uint64_t *table, unsigned level, uintptr_t virt,
		       void (*visit)(const struct paging_entry *, void *), void *arg)
{
	for (unsigned i = 0; i < ENTRIES; i++, virt += level_bytes(level)) {
		struct paging_entry page;

		/* The upper half of the address space starts with the sign bits set. */
		if (level == LEVEL_TOP && i == ENTRIES / 2)
			virt |= 0xffff000000000000UL;
		if (is_page(table[i], level)) {
			page = describe(table[i], level, virt);
			visit(&page, arg);
		} else if (table[i] & ENTRY_PRESENT) {
			walk_table(table_of(table[i]), level - 1, virt, visit, arg);
		}
	}
}

void paging_walk(void (*visit)(const struct paging_entry *, void *), void *arg)
{
	walk_table(top, LEVEL_TOP, 0, visit, arg);
}

size_t paging_bytes(void)
{
	return nr_tables * PAGE_SIZE;
}

/* Maps a part of the image, page by page because of the guard pages in it. */
static void map_image(const char *from, const char *to, enum mapping mapping)
{
	for (uintptr_t virt = (uintptr_t)from; virt < (uintptr_t)to; virt += PAGE_SIZE) {
		if (stack_in_guard(virt))
			continue;
		if (paging_map(virt, phys(virt - KERNEL_BASE), PAGE_SIZE, mapping))
			host_panic("the image cannot be mapped at %#lx", virt);
	}
}

void paging_init(void)
{
	struct early_run run = early_memory_run();
	uint64_t entry = new_table_entry();

	top = table_of(entry);
	map_image(kernel_text_start, kernel_text_end, MAPPING_TEXT);
	map_image(kernel_rodata_start, kernel_rodata_end, MAPPING_READ);
	map_image(kernel_data_start, kernel_end, MAPPING_WRITE);
	if (paging_map_direct(run.start, run.end, MAPPING_WRITE))
		host_panic("early memory cannot be mapped");

	write_cr3(entry & ENTRY_ADDRESS);
	tables_at = DIRECT_MAP;
	top = table_of(entry);
}
