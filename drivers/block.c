/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/block.h"

#include <errno.h>

static bool is_power_of_two(size_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

int block_device_init(struct block_device *device)
{
	if (!is_power_of_two(device->block_size) || device->block_size < SECTOR_SIZE ||
	    !is_power_of_two(device->dma_alignment) || device->dma_alignment > device->block_size ||
	    device->max_segments == 0 || device->max_segments > BLOCK_SEGMENTS_MAX ||
	    device->max_bytes == 0 || device->max_bytes % device->block_size != 0)
		return -EINVAL;
	device->finished = NULL;
	device->finished_end = &device->finished;
	return 0;
}

/* --- What may be asked for. --- */

static int check_piece(const struct block_device *device, const struct bio_piece *piece)
{
	size_t end;

	if (!piece->page || piece->length == 0)
		return -EINVAL;
	if (__builtin_add_overflow(piece->offset, piece->length, &end) ||
	    end > page_size(piece->page))
		return -EINVAL;
	if (piece->length % device->block_size != 0 || piece->offset % device->dma_alignment != 0)
		return -EINVAL;
	return 0;
}

static int check_data(const struct block_device *device, const struct bio *bio)
{
	uint64_t bytes = 0;
	uint64_t sectors;

	if (!bio->pieces || bio->nr_pieces == 0)
		return -EINVAL;
	for (size_t i = 0; i < bio->nr_pieces; i++) {
		int error = check_piece(device, &bio->pieces[i]);

		if (error)
			return error;
		if (__builtin_add_overflow(bytes, bio->pieces[i].length, &bytes))
			return -EINVAL;
	}
	if (bio->sector % (device->block_size / SECTOR_SIZE) != 0)
		return -EINVAL;
	sectors = bytes / SECTOR_SIZE;
	if (bio->sector > device->sectors || sectors > device->sectors - bio->sector)
		return -ERANGE;
	return 0;
}

static int check(const struct block_device *device, const struct bio *bio)
{
	switch (bio->operation) {
	case BLOCK_READ:
		return bio->flags ? -EINVAL : check_data(device, bio);
	case BLOCK_WRITE:
		if (bio->flags & ~(unsigned)BLOCK_FUA)
			return -EINVAL;
		return device->read_only ? -EROFS : check_data(device, bio);
	case BLOCK_FLUSH:
		return bio->flags || bio->nr_pieces || bio->sector ? -EINVAL : 0;
	}
	return -EINVAL;
}

/* --- Pins. --- */

static bool may_be_written(pfn_t frame)
{
	const struct region *region = pfn_to_region(frame);

	return region->kind != MEMORY_PERSISTENT || region->writable;
}

static int hold_page(const struct bio *bio, struct page *page)
{
	pfn_t start = page_to_pfn(page);
	struct page *pinned = page_pin(start);
	int error = 0;

	if (!pinned)
		return -EIO;
	if (pinned != page)
		error = -ESTALE;
	else if (bio->operation == BLOCK_READ && !may_be_written(start))
		error = -EACCES;
	if (error)
		page_unpin(pinned);
	return error;
}

static void unpin_pages(const struct bio *bio, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		page_unpin(bio->pieces[i].page);
}

static int hold_pages(const struct bio *bio)
{
	for (size_t i = 0; i < bio->nr_pieces; i++) {
		int error = hold_page(bio, bio->pieces[i].page);

		if (error) {
			unpin_pages(bio, i);
			return error;
		}
	}
	return 0;
}

/* --- Requests. --- */

/* Fills the bio's request with as much of the rest as the device takes at once. */
static void next_request(const struct block_device *device, struct bio *bio)
{
	struct block_request *request = &bio->request;

	request->sector += request->bytes / SECTOR_SIZE;
	request->bytes = 0;
	request->nr_segments = 0;
	while (bio->next_piece < bio->nr_pieces && request->bytes < device->max_bytes) {
		const struct bio_piece *piece = &bio->pieces[bio->next_piece];
		phys_t page = pfn_to_phys(page_to_pfn(piece->page));
		size_t length = piece->length - bio->next_offset;

		if (length > device->max_bytes - request->bytes)
			length = device->max_bytes - request->bytes;
		if (!segment_append(request->segments, &request->nr_segments, device->max_segments,
				    phys_add(page, piece->offset + bio->next_offset), length))
			return;
		request->bytes += length;
		bio->next_offset += length;
		if (bio->next_offset == piece->length) {
			bio->next_piece++;
			bio->next_offset = 0;
		}
	}
}

/* Submits what is left, as far as the device answers at once. */
static int go_on(struct block_device *device, struct bio *bio)
{
	int status;

	do {
		next_request(device, bio);
		status = device->ops->submit(device, &bio->request);
	} while (!status && bio->next_piece < bio->nr_pieces);
	return status;
}

static void finish(struct block_device *device, struct bio *bio, int status)
{
	if (bio->operation == BLOCK_READ)
		for (size_t i = 0; i < bio->nr_pieces; i++)
			page_mark_dirty(bio->pieces[i].page);
	unpin_pages(bio, bio->nr_pieces);
	bio->next_finished = NULL;
	bio->result = status;
	*device->finished_end = bio;
	device->finished_end = &bio->next_finished;
}

int block_submit(struct block_device *device, struct bio *bio)
{
	int status = check(device, bio);

	if (!status)
		status = hold_pages(bio);
	if (status)
		return status;
	bio->request = (struct block_request){
		.operation = bio->operation,
		.flags = bio->flags,
		.sector = bio->sector,
	};
	bio->next_piece = 0;
	bio->next_offset = 0;
	bio->status = -EINPROGRESS;
	status = go_on(device, bio);
	if (status == -EAGAIN)
		unpin_pages(bio, bio->nr_pieces);
	else if (status != -EINPROGRESS)
		finish(device, bio, status);
	return status == -EAGAIN ? status : 0;
}

static struct bio *bio_of(struct block_request *request)
{
	return (struct bio *)((char *)request - offsetof(struct bio, request));
}

void block_complete(struct block_device *device, struct block_request *request, int status)
{
	struct bio *bio = bio_of(request);

	if (!status && bio->next_piece < bio->nr_pieces)
		status = go_on(device, bio);
	if (status != -EINPROGRESS)
		finish(device, bio, status);
}

size_t block_poll(struct block_device *device)
{
	struct bio *bio;
	size_t nr = 0;

	if (device->ops->poll)
		device->ops->poll(device);
	bio = device->finished;
	device->finished = NULL;
	device->finished_end = &device->finished;
	while (bio) {
		struct bio *next = bio->next_finished; /* done() may submit the bio again */

		bio->status = bio->result;
		if (bio->done)
			bio->done(bio);
		bio = next;
		nr++;
	}
	return nr;
}

int block_execute(struct block_device *device, struct bio *bio)
{
	int error = block_submit(device, bio);

	if (error)
		return error;
	while (bio->status == -EINPROGRESS)
		block_poll(device);
	return bio->status;
}
