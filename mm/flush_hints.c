/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/flush_hints.h"

#include "mm/host.h"

static const struct flush_range *table;
static size_t table_nr;

void flush_hints_use(const struct flush_range *ranges, size_t nr)
{
	table = ranges;
	table_nr = nr;
}

const struct flush_range *flush_hints_of(const void *where)
{
	uintptr_t address = (uintptr_t)where;
	size_t low = 0;
	size_t high = table_nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < table[middle].start)
			high = middle;
		else if (address < table[middle].end)
			return &table[middle];
		else
			low = middle + 1;
	}
	return NULL;
}

void flush_hints_store(const struct flush_range *range)
{
	for (size_t i = 0; i < range->nr_nvdimms; i++) {
		const struct flush_hints *hints = &range->nvdimms[i];

		*hints->addresses[host_cpu() & (hints->nr - 1)] = 1;
	}
}
