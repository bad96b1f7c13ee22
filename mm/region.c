/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/region.h"

const char *memory_kind_name(enum memory_kind kind)
{
	return kind == MEMORY_PERSISTENT ? "persistent" : "dram";
}

const char *persistence_domain_name(enum persistence_domain domain)
{
	switch (domain) {
	case PERSISTENCE_MEMORY_CONTROLLER:
		return "memory-controller";
	case PERSISTENCE_CPU_CACHE:
		return "cpu-cache";
	case PERSISTENCE_UNKNOWN:
		break;
	}
	return "unknown";
}

const struct region *region_find(const struct region *regions, size_t nr, pfn_t frame)
{
	size_t low = 0;
	size_t high = nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pfn_before(frame, regions[middle].start))
			high = middle;
		else if (region_holds(&regions[middle], frame))
			return &regions[middle];
		else
			low = middle + 1;
	}
	return NULL;
}

const char *region_list_check(const struct region *regions, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!pfn_before(regions[i].start, regions[i].end))
			return "a region is empty or ends before it starts";
		if (regions[i].end.n > PFN_LIMIT)
			return "a region ends beyond the highest physical address";
		if (i > 0 && pfn_before(regions[i].start, regions[i - 1].end))
			return "regions overlap or are not sorted by address";
	}
	return NULL;
}
