/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/early_memory.h"

#include "kernel/layout.h"
#include "mm/host.h"

#include <string.h>

/* The boot page tables show at least this much. */
#define LIMIT (1UL << 32)

/* For page tables after the close. */
enum { RESERVE_FRAMES = 64 };

static struct early_run run;
static pfn_t lowest; /* of the frames handed out */

static uint64_t range_start(const struct memory_range *range)
{
	return range->start.addr;
}

/* Cut off at the end of the address space instead of wrapping. */
static uint64_t range_end(const struct memory_range *range)
{
	uint64_t end;

	if (__builtin_add_overflow(range->start.addr, range->length, &end))
		return UINT64_MAX;
	return end;
}

static bool range_holds(const struct memory_range *range, uint64_t address)
{
	return address >= range_start(range) && address < range_end(range);
}

static bool usable(const struct memory_range *map, size_t nr, const struct memory_range *avoid,
		   size_t nr_avoid, uint64_t address)
{
	bool ram = false;

	for (size_t i = 0; i < nr; i++) {
		if (!range_holds(&map[i], address))
			continue;
		if (map[i].type != MEMORY_TYPE_RAM)
			return false;
		ram = true;
	}
	for (size_t i = 0; i < nr_avoid; i++)
		if (range_holds(&avoid[i], address))
			return false;
	return ram;
}

/* The lowest start or end of a range that is past the address, at most `limit`. */
static uint64_t next_border(const struct memory_range *ranges, size_t nr, uint64_t address,
			    uint64_t limit)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t start = range_start(&ranges[i]);
		uint64_t end = range_end(&ranges[i]);

		if (start > address && start < limit)
			limit = start;
		if (end > address && end < limit)
			limit = end;
	}
	return limit;
}

/* The whole frames of [start, end) if they are more than those of the other run. */
static struct early_run larger_run(struct early_run other, uint64_t start, uint64_t end)
{
	struct early_run this = {
		.start = phys_to_pfn(phys(align_up(start, PAGE_SIZE))),
		.end = phys_to_pfn(phys(end)),
	};

	if (pfn_before(this.start, this.end) &&
	    pfn_distance(this.start, this.end) > pfn_distance(other.start, other.end))
		return this;
	return other;
}

/*
 * Between two neighbouring borders of ranges, memory is all usable or all not. So we walk from
 * border to border, which needs no sorted copy of the map.
 */
struct early_run early_run_find(const struct memory_range *map, size_t nr,
				const struct memory_range *avoid, size_t nr_avoid, phys_t floor,
				phys_t limit)
{
	struct early_run best = {phys_to_pfn(floor), phys_to_pfn(floor)};
	uint64_t address = floor.addr;
	uint64_t start = address; /* everything in [start, address) is usable */

	while (address < limit.addr) {
		uint64_t next = next_border(map, nr, address, limit.addr);

		next = next_border(avoid, nr_avoid, address, next);
		if (!usable(map, nr, avoid, nr_avoid, address)) {
			best = larger_run(best, start, address);
			start = next;
		}
		address = next;
	}
	return larger_run(best, start, address);
}

void early_memory_init(const struct memory_range *map, size_t nr, const struct memory_range *avoid,
		       size_t nr_avoid)
{
	phys_t image_end = phys((uint64_t)kernel_end - KERNEL_BASE);

	run = early_run_find(map, nr, avoid, nr_avoid, image_end, phys(LIMIT));
	if (pfn_eq(run.start, run.end))
		host_panic("the memory map has no free RAM between the kernel and 4 GiB");
	lowest = run.end;
}

struct early_run early_memory_run(void)
{
	return run;
}

size_t early_memory_left(void)
{
	return pfn_distance(run.start, lowest) << PAGE_SHIFT;
}

phys_t early_alloc_phys(size_t bytes)
{
	if (bytes > early_memory_left())
		host_panic("%zu bytes of early memory are wanted, %zu are left", bytes,
			   early_memory_left());
	lowest = pfn(lowest.n - (align_up(bytes, PAGE_SIZE) >> PAGE_SHIFT));
	return pfn_to_phys(lowest);
}

void *early_alloc(size_t bytes)
{
	void *memory = host_virt(early_alloc_phys(bytes));

	memset(memory, 0, align_up(bytes, PAGE_SIZE));
	return memory;
}

struct early_run early_memory_close(void)
{
	if (pfn_distance(run.start, lowest) > RESERVE_FRAMES + PAGES_PER_AREA)
		run.start = pfn_area(pfn(lowest.n - RESERVE_FRAMES));
	return run;
}
