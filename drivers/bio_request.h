/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a bio becomes requests: it is checked, its pages are pinned, and its pieces become segments
 * within the limits of the device. For drivers/block.c alone; drivers/block.h is what others use.
 *
 * The usual bio has a way of its own, inline, for it is what I/O costs; any other, and one that is
 * refused, takes the longer way, which makes the same checks and says what is wrong.
 */
#pragma once

#include "drivers/block.h"
#include "mm/compiler.h"
#include "mm/page_pin.h"

/*
 * Checks a bio of any kind, pins its pages and makes its first request. The errors are those of
 * block_submit(); after one no page is pinned.
 */
int bio_prepare_any(struct block_device *, struct bio *) must_check;

/* Makes the bio's next request of as much of the rest as the device takes at once. */
void bio_next_request(const struct block_device *, struct bio *);

/* Returns the pins of the first `nr` pieces. */
void bio_unpin_pages(const struct bio *, size_t nr);

/* The bio is the whole area's that its only piece is in. */
static inline void bio_unpin_area(const struct bio *bio, struct area_pin pin)
{
	if (unlikely(area_unpin(pin)))
		area_settle(bio->pieces->page);
}

/*
 * The usual bio: without flags, one piece of a whole area that begins with a block and fits into
 * one segment, and not at the very end of the device. True: it is pinned, and its request made.
 * False: it is another, or something is wrong, and nothing was done.
 */
static inline __attribute__((always_inline)) bool bio_prepare_usual(struct block_device *device,
								    struct bio *bio)
{
	struct block_request *request = &bio->request;
	const struct bio_piece *piece = bio->pieces;
	uint64_t command = bio->command;
	uint64_t sector = bio->sector;
	struct page *page;
	size_t offset, length, last;

	if (unlikely(command > BLOCK_WRITE || bio->nr_pieces != 1 || !piece))
		return false;
	if (command == BLOCK_WRITE && unlikely(device->read_only))
		return false;
	page = piece->page;
	offset = piece->offset;
	length = piece->length;
	last = offset + length - 1; /* before offset, if the sum wraps or nothing is asked for */
	if (unlikely(!page_is_area(page) || last < offset || last >= AREA_SIZE ||
		     ((offset | length | sector * SECTOR_SIZE) & device->block_mask) ||
		     length > device->max_segment_bytes || sector >= device->usual_sectors))
		return false;
	if (unlikely(!pfn_is_surely_writable(page_to_pfn(page)) || !area_pin(page, &bio->pin)))
		return false;
	request->command = command;
	request->sector = sector;
	request->bytes = length;
	request->nr_segments = 1;
	request->segments[0] =
		(struct segment){phys_add(pfn_to_phys(page_to_pfn(page)), offset), length};
	return true;
}
