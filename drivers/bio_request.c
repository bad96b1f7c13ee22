/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/bio_request.h"

#include <errno.h>

/* --- What may be asked for. --- */

static int check_operation(const struct block_device *device, const struct bio *bio)
{
	switch (bio->operation) {
	case BLOCK_READ:
		return bio->flags ? -EINVAL : 0;
	case BLOCK_WRITE:
		if (bio->flags & ~(unsigned)BLOCK_FUA)
			return -EINVAL;
		return device->read_only ? -EROFS : 0;
	case BLOCK_FLUSH:
		return bio->flags || bio->nr_pieces || bio->nr_segments || bio->sector ? -EINVAL
										       : 0;
	}
	return -EINVAL;
}

static bool is_good_piece(const struct block_device *device, const struct bio_piece *piece)
{
	size_t size = page_size(piece->page);

	return piece->page && piece->length != 0 && piece->length <= size &&
	       piece->offset <= size - piece->length && (piece->length & device->block_mask) == 0 &&
	       (piece->offset & device->dma_mask) == 0;
}

static bool is_good_segment(const struct block_device *device, const struct segment *segment)
{
	return segment->length != 0 && (segment->length & device->block_mask) == 0 &&
	       (segment->start.addr & device->dma_mask) == 0;
}

/* What is read goes into no region that may not be written: no page table stops DMA. */
static bool may_reach(const struct bio *bio, const struct region *region)
{
	return bio->operation != BLOCK_READ || region->kind == MEMORY_DRAM || region->writable;
}

static int check_reach(const struct bio *bio, const struct segment *segment)
{
	uint64_t last = segment->start.addr + segment->length - 1;
	uint64_t next = segment->start.addr;

	if (last < next)
		return -EFAULT;
	do {
		const struct region *region = pfn_to_region(phys_to_pfn(phys(next)));

		if (!region)
			return -EFAULT;
		if (!may_reach(bio, region))
			return -EACCES;
		next = pfn_to_phys(region->end).addr;
	} while (next <= last);
	return 0;
}

static int check_sectors(const struct block_device *device, const struct bio *bio, uint64_t bytes)
{
	uint64_t sectors = bytes / SECTOR_SIZE;

	if ((bio->sector & device->sector_mask) != 0)
		return -EINVAL;
	if (bio->sector > device->sectors || sectors > device->sectors - bio->sector)
		return -ERANGE;
	return 0;
}

/* --- Pins. --- */

static int hold_page(const struct bio *bio, struct page *page)
{
	pfn_t start = page_to_pfn(page);
	struct page *pinned = page_pin(start);
	int error = 0;

	if (!pinned)
		return -EIO;
	if (pinned != page)
		error = -ESTALE;
	else if (bio->operation == BLOCK_READ && !pfn_is_writable(start))
		error = -EACCES;
	if (error)
		page_unpin(pinned);
	return error;
}

void bio_unpin_pages(const struct bio *bio, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		page_unpin(bio->pieces[i].page);
}

/* Checks the list of a read or a write, and pins its pages if all is well. */
static int hold_pages(const struct block_device *device, const struct bio *bio)
{
	uint64_t bytes = 0;
	size_t nr = 0;
	int error = 0;

	if (bio->nr_pieces == 0 || !bio->pieces)
		return -EINVAL;
	for (; nr < bio->nr_pieces; nr++) {
		const struct bio_piece *piece = &bio->pieces[nr];

		error = is_good_piece(device, piece) ? hold_page(bio, piece->page) : -EINVAL;
		if (error)
			break;
		bytes += piece->length; /* a page each: it takes 2^43 of them to wrap */
	}
	if (!error)
		error = check_sectors(device, bio, bytes);
	if (error)
		bio_unpin_pages(bio, nr);
	return error;
}

/* Checks memory that the submitter holds. */
static int check_segments(const struct block_device *device, const struct bio *bio)
{
	uint64_t bytes = 0;

	if (!bio->segments)
		return -EINVAL;
	for (size_t i = 0; i < bio->nr_segments; i++) {
		const struct segment *segment = &bio->segments[i];
		int error = is_good_segment(device, segment) ? check_reach(bio, segment) : -EINVAL;

		if (error)
			return error;
		if (segment->length > UINT64_MAX - bytes)
			return -ERANGE;
		bytes += segment->length;
	}
	return check_sectors(device, bio, bytes);
}

/* --- Requests. --- */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Adds a part of a run of memory to a request, as long as the device's limits allow. Returns how
 * much that was; 0: this needs another request.
 */
static inline size_t append(const struct block_device *device, struct block_request *request,
			    phys_t start, size_t length)
{
	struct segment *next = &request->segments[request->nr_segments];

	length = smaller(length, device->max_bytes - request->bytes);
	if (request->nr_segments > 0) {
		struct segment *last = next - 1;
		uint64_t end = last->start.addr + last->length;

		if (end == start.addr && last->length < device->max_segment_bytes) {
			length = smaller(length, device->max_segment_bytes - last->length);
			last->length += length;
			request->bytes += length;
			return length;
		}
		if (request->nr_segments == device->max_segments ||
		    ((end | start.addr) & (device->segment_boundary - 1)) != 0)
			return 0;
	}
	length = smaller(length, device->max_segment_bytes);
	*next = (struct segment){start, length};
	request->nr_segments++;
	request->bytes += length;
	return length;
}

/* The flags that the device itself takes; a flush does for others. */
static inline unsigned known_flags(const struct block_device *device)
{
	return device->fua ? BLOCK_FUA : 0;
}

/* Number `nr` of the bio's list, whichever of the two it has. */
static inline struct segment run_of(const struct bio *bio, size_t nr)
{
	const struct bio_piece *piece;

	if (bio->nr_pieces == 0)
		return bio->segments[nr];
	piece = &bio->pieces[nr];
	return (struct segment){
		phys_add(pfn_to_phys(page_to_pfn(piece->page)), piece->offset),
		piece->length,
	};
}

void bio_next_request(const struct block_device *device, struct bio *bio)
{
	struct block_request *request = &bio->request;
	size_t nr_runs = bio->nr_pieces ? bio->nr_pieces : bio->nr_segments;

	request->sector += request->bytes / SECTOR_SIZE;
	request->bytes = 0;
	request->nr_segments = 0;
	if (bio->next_run == nr_runs && bio->flush_due) {
		request->operation = BLOCK_FLUSH;
		request->sector = 0;
		bio->flush_due = false;
	}
	while (bio->next_run < nr_runs && request->bytes < device->max_bytes) {
		struct segment run = run_of(bio, bio->next_run);
		size_t length = append(device, request, phys_add(run.start, bio->next_offset),
				       run.length - bio->next_offset);

		if (length == 0)
			break;
		bio->next_offset += length;
		if (bio->next_offset == run.length) {
			bio->next_run++;
			bio->next_offset = 0;
		}
	}
	bio->more = bio->next_run < nr_runs || bio->flush_due;
}

/*
 * The usual one of the bios that have segments: a single one that is in one region and fits into
 * one request, not at the very end of the device. False: it is another, or something is wrong.
 */
static bool prepare_segment(const struct block_device *device, struct bio *bio)
{
	struct block_request *request = &bio->request;
	const struct segment *segment = bio->segments;
	const struct region *region;
	uint64_t start, last;
	size_t length;

	if (bio->command > BLOCK_WRITE || bio->nr_segments != 1 || !segment)
		return false;
	if (bio->command == BLOCK_WRITE && device->read_only)
		return false;
	start = segment->start.addr;
	length = segment->length;
	last = start + length - 1; /* before start, if the sum wraps or nothing is asked for */
	if (last < start || length > AREA_SIZE || length > device->max_segment_bytes ||
	    ((length | bio->sector * SECTOR_SIZE) & device->block_mask) ||
	    (start & device->dma_mask) || bio->sector >= device->usual_sectors)
		return false;
	region = pfn_to_region(phys_to_pfn(phys(start)));
	if (!region || last >= pfn_to_phys(region->end).addr || !may_reach(bio, region))
		return false;
	bio->more = false;
	request->command = bio->command;
	request->sector = bio->sector;
	request->bytes = length;
	request->nr_segments = 1;
	request->segments[0] = *segment;
	return true;
}

int bio_prepare_any(struct block_device *device, struct bio *bio)
{
	struct block_request *request = &bio->request;
	int error;

	bio->pin = (struct area_pin){NULL};
	if (bio->nr_pieces == 0 && prepare_segment(device, bio))
		return 0;
	error = check_operation(device, bio);

	if (!error && bio->operation != BLOCK_FLUSH)
		error = bio->nr_pieces == 0 && bio->nr_segments != 0 ? check_segments(device, bio)
								     : hold_pages(device, bio);
	if (error)
		return error;
	bio->flush_due = bio->flags & ~known_flags(device);
	bio->next_run = 0;
	bio->next_offset = 0;
	request->operation = bio->operation;
	request->flags = bio->flags & known_flags(device);
	request->sector = bio->sector;
	request->bytes = 0;
	bio_next_request(device, bio);
	return 0;
}
