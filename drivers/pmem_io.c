/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/pmem_io.h"

#include <errno.h>
#include <string.h>

#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"

/* How much of [at, at + bytes) lies in this page. */
static size_t part_in_page(const struct page *page, phys_t at, size_t bytes)
{
	size_t rest = page_size(page) - at.addr % page_size(page);

	return bytes < rest ? bytes : rest;
}

int pmem_read(phys_t from, void *to, size_t bytes)
{
	for (size_t moved = 0; moved < bytes;) {
		phys_t at = phys_add(from, moved);
		struct page *page = page_pin(phys_to_pfn(at));
		size_t part;

		if (!page)
			return -EIO;
		part = part_in_page(page, at, bytes - moved);
		memcpy((char *)to + moved, host_virt(at), part);
		page_unpin(page);
		moved += part;
	}
	return 0;
}

int pmem_write(phys_t to, const void *from, size_t bytes)
{
	for (size_t moved = 0; moved < bytes;) {
		phys_t at = phys_add(to, moved);
		struct page *page = page_pin(phys_to_pfn(at));
		size_t part;

		if (!page)
			return -EIO;
		part = part_in_page(page, at, bytes - moved);
		persist_copy(host_virt(at), (const char *)from + moved, part);
		page_unpin(page);
		moved += part;
	}
	return 0;
}
