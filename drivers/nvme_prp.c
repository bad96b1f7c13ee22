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

/*
 * Names so many pages, beginning with this one. A long list is what costs the most of a long
 * request, and so it goes without a counter.
 */
static inline void name_8(uint64_t *list, uint64_t page)
{
	list[0] = page;
	list[1] = page + PAGE_SIZE;
	list[2] = page + 2 * PAGE_SIZE;
	list[3] = page + 3 * PAGE_SIZE;
	list[4] = page + 4 * PAGE_SIZE;
	list[5] = page + 5 * PAGE_SIZE;
	list[6] = page + 6 * PAGE_SIZE;
	list[7] = page + 7 * PAGE_SIZE;
}

static inline void name_32(uint64_t *list, uint64_t page)
{
	name_8(list, page);
	name_8(list + 8, page + 8 * PAGE_SIZE);
	name_8(list + 16, page + 16 * PAGE_SIZE);
	name_8(list + 24, page + 24 * PAGE_SIZE);
}

static inline void name_64(uint64_t *list, uint64_t page)
{
	name_32(list, page);
	name_32(list + 32, page + 32 * PAGE_SIZE);
}

static inline void name_128(uint64_t *list, uint64_t page)
{
	name_64(list, page);
	name_64(list + 64, page + 64 * PAGE_SIZE);
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
		for (; stop - next >= 128; next += 128, start += 128 * PAGE_SIZE)
			name_128(next, start);
		if (stop - next >= 64) {
			name_64(next, start);
			next += 64;
			start += 64 * PAGE_SIZE;
		}
		if (stop - next >= 32) {
			name_32(next, start);
			next += 32;
			start += 32 * PAGE_SIZE;
		}
		for (; stop - next >= 8; next += 8, start += 8 * PAGE_SIZE)
			name_8(next, start);
		for (; next < stop; start += PAGE_SIZE)
			*next++ = start;
		list->next = next;
	}
}

void nvme_prp_build(const struct segment *segments, size_t nr, uint64_t *list, phys_t at,
		    union nvme_data *data)
{
	struct cursor cursor = {list, list + NVME_PRPS_PER_PAGE - 1, at.addr};

	data->prp1 = segments[0].start.addr;
	for (size_t i = 0; i < nr; i++) {
		uint64_t start = segments[i].start.addr;
		uint64_t end = start + segments[i].length;

		append(&cursor, i == 0 ? align_down(start, PAGE_SIZE) + PAGE_SIZE : start, end);
	}
	if (cursor.next == list)
		data->prp2 = 0;
	else if (cursor.next == list + 1)
		data->prp2 = list[0];
	else
		data->prp2 = at.addr;
}
