/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nvme_prp.h"

/* Where the next entry of a list goes. */
struct cursor {
	uint64_t *next;
	uint64_t *last; /* of its page */
	uint64_t page;  /* where the device sees that page */
};

size_t nvme_prp_list_bytes(size_t bytes)
{
	/* Data that begins within a page may touch one more, but the first is named by prp1. */
	size_t entries = align_up(bytes, PAGE_SIZE) / PAGE_SIZE;
	size_t pages = 1;

	while (entries > NVME_PRPS_PER_PAGE) {
		entries -= NVME_PRPS_PER_PAGE - 1;
		pages++;
	}
	return pages * PAGE_SIZE;
}

/* Goes to the next page of the list: the last entry of this one names data so far. */
static void next_page(struct cursor *list)
{
	uint64_t moved = *list->last;

	list->page += PAGE_SIZE;
	*list->last = list->page;
	list->last[1] = moved;
	list->next = list->last + 2;
	list->last += NVME_PRPS_PER_PAGE;
}

/* Names the pages of [start, end). */
static inline void append(struct cursor *list, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t *next = list->next;
		uint64_t *stop = next + (end - start + PAGE_SIZE - 1) / PAGE_SIZE;

		if (stop > list->last + 1)
			stop = list->last + 1;
		if (next == stop) {
			next_page(list);
			continue;
		}
		/* In eights, for a long list is what costs the most of a long request. */
		for (; stop - next >= 8; next += 8, start += 8 * PAGE_SIZE) {
			next[0] = start;
			next[1] = start + PAGE_SIZE;
			next[2] = start + 2 * PAGE_SIZE;
			next[3] = start + 3 * PAGE_SIZE;
			next[4] = start + 4 * PAGE_SIZE;
			next[5] = start + 5 * PAGE_SIZE;
			next[6] = start + 6 * PAGE_SIZE;
			next[7] = start + 7 * PAGE_SIZE;
		}
		for (; next < stop; start += PAGE_SIZE)
			*next++ = start;
		list->next = next;
	}
}

void nvme_prp_build(const struct segment *segments, size_t nr, uint64_t *list, phys_t at,
		    union nvme_data *data)
{
	struct cursor cursor = {list, list + NVME_PRPS_PER_PAGE - 1, at.addr};
	uint64_t start = segments[0].start.addr;

	data->prp1 = start;
	append(&cursor, align_down(start, PAGE_SIZE) + PAGE_SIZE, start + segments[0].length);
	for (size_t i = 1; i < nr; i++) {
		start = segments[i].start.addr;
		append(&cursor, start, start + segments[i].length);
	}
	if (cursor.next == list)
		data->prp2 = 0;
	else if (cursor.next == list + 1)
		data->prp2 = list[0];
	else
		data->prp2 = at.addr;
}
