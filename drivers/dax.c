/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/dax.h"

#include <errno.h>

#include "mm/page.h"
#include "mm/pin_range.h"

int dax_begin(const struct pmem_disk *disk, uint64_t offset, size_t bytes, struct dax_range *range)
{
	phys_t start = phys_add(disk->memory.start, offset);
	pfn_t first = phys_to_pfn(start), frame = first, end;

	if (offset % PAGE_SIZE || bytes % PAGE_SIZE || bytes == 0)
		return -EINVAL;
	if (offset >= disk->memory.length)
		return -ERANGE;
	if (bytes > disk->memory.length - offset)
		bytes = disk->memory.length - offset;
	end = pfn_add(first, bytes >> PAGE_SHIFT);
	while (pfn_before(frame, end)) {
		struct page *page = page_pin(frame);

		if (!page)
			break;
		frame = pfn_add(page_to_pfn(page), page_size(page) >> PAGE_SHIFT);
	}
	if (pfn_eq(frame, first))
		return -EIO;
	if (pfn_before(end, frame))
		frame = end;
	*range = (struct dax_range){start, pfn_distance(first, frame) << PAGE_SHIFT};
	return 0;
}

void dax_end(const struct dax_range *range)
{
	unpin_range(phys_to_pfn(range->start), range->bytes >> PAGE_SHIFT);
}
