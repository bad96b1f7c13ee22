/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/pin_range.h"

#include <errno.h>

#include "mm/page.h"

/* The first frame behind a page. */
static pfn_t page_end(const struct page *page)
{
	return pfn_add(page_to_pfn(page), page_size(page) >> PAGE_SHIFT);
}

void unpin_range(pfn_t start, uint64_t frames)
{
	pfn_t end = pfn_add(start, frames);

	while (pfn_before(start, end)) {
		/* Pinned pages keep their size, so these are the ones that were pinned. */
		struct page *page = pfn_to_page(start);

		start = page_end(page);
		page_unpin(page);
	}
}

int pin_range(pfn_t start, uint64_t frames, struct segment *segments, size_t *nr, size_t max)
{
	pfn_t frame = start;
	pfn_t end = pfn_add(start, frames);
	int error = 0;

	if (frames == 0)
		return -EINVAL;
	if (frames > PFN_LIMIT)
		return -EIO;
	while (!error && pfn_before(frame, end)) {
		struct page *page = page_pin(frame);

		if (page)
			frame = page_end(page);
		else
			error = -EIO;
	}
	if (!error && !segment_append(segments, nr, max, pfn_to_phys(start), frames << PAGE_SHIFT))
		error = -ENOSPC;
	if (error)
		unpin_range(start, pfn_before(frame, end) ? pfn_distance(start, frame) : frames);
	return error;
}
