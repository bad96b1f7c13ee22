/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/scheme_io.h"

#include <errno.h>
#include <string.h>

#include "mm/host.h"

/* The frames that a run of memory touches. */
static struct scheme_range range_of(const struct segment *run, struct scheme_page **pages)
{
	pfn_t start = phys_to_pfn(run->start);
	pfn_t last = phys_to_pfn(phys_add(run->start, run->length - 1));

	return (struct scheme_range){
		.start = start,
		.frames = pfn_distance(start, last) + 1,
		.max_segments = 1,
		.pages = pages,
	};
}

static void unpin_runs(const struct scheme_io *io, size_t nr, enum scheme_written written)
{
	struct scheme_page **pages = io->pages;

	for (size_t i = 0; i < nr; i++) {
		struct scheme_range range = range_of(&io->memory[i], pages);

		scheme_unpin_range(io->scheme, &range, written);
		pages += range.frames;
	}
}

/* The scheme's segments are of whole frames; what is asked for is a part of each. */
static int pin_runs(struct scheme_io *io)
{
	struct scheme_page **pages = io->pages;

	for (size_t i = 0; i < io->nr_memory; i++) {
		const struct segment *run = &io->memory[i];
		struct scheme_range range = range_of(run, pages);
		struct segment *segment = &io->segments[i];
		int error;

		range.segments = segment;
		error = scheme_pin_range(io->scheme, &range);
		if (error) {
			unpin_runs(io, i, SCHEME_CLEAN);
			return error;
		}
		segment->start = phys_add(segment->start, run->start.addr % PAGE_SIZE);
		segment->length = run->length;
		pages += range.frames;
	}
	io->bio.segments = io->segments;
	io->bio.nr_segments = io->nr_memory;
	return 0;
}

/* --- By way of a buffer --- */

static int copy_run(struct scheme_io *io, const struct segment *run, char *buffer, bool to_frames)
{
	struct segment segment;
	struct scheme_range range = range_of(run, io->pages);
	char *memory;
	int error;

	range.segments = &segment;
	error = scheme_pin_range(io->scheme, &range);
	if (error)
		return error;
	memory = host_virt(phys_add(segment.start, run->start.addr % PAGE_SIZE));
	if (to_frames)
		memcpy(memory, buffer, run->length);
	else
		memcpy(buffer, memory, run->length);
	scheme_unpin_range(io->scheme, &range, to_frames ? SCHEME_WRITTEN : SCHEME_CLEAN);
	return 0;
}

static int copy_runs(struct scheme_io *io, bool to_frames)
{
	char *buffer = host_virt(io->buffer.start);
	int error = 0;

	for (size_t i = 0; i < io->nr_memory && !error; i++) {
		error = copy_run(io, &io->memory[i], buffer, to_frames);
		buffer += io->memory[i].length;
	}
	return error;
}

static int use_buffer(struct scheme_io *io)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < io->nr_memory; i++)
		bytes += io->memory[i].length;
	if (bytes > io->buffer.length)
		return -ENOMEM;
	io->segments[0] = (struct segment){io->buffer.start, bytes};
	io->bio.segments = io->segments;
	io->bio.nr_segments = 1;
	return io->operation == BLOCK_WRITE ? copy_runs(io, false) : 0;
}

/* --- All of it --- */

int scheme_io_submit(struct block_device *device, struct scheme_io *io)
{
	bool copies = scheme_io_copies(io->scheme);
	int error;

	io->bio.operation = io->operation;
	io->bio.sector = io->sector;
	error = copies ? use_buffer(io) : pin_runs(io);
	if (error)
		return error;
	error = block_submit(device, &io->bio);
	if (error && !copies)
		unpin_runs(io, io->nr_memory, SCHEME_CLEAN);
	return error;
}

int scheme_io_finish(struct scheme_io *io)
{
	bool read = io->operation == BLOCK_READ;

	if (!scheme_io_copies(io->scheme))
		unpin_runs(io, io->nr_memory, read ? SCHEME_WRITTEN : SCHEME_CLEAN);
	else if (read && io->bio.status == 0)
		return copy_runs(io, true);
	return io->bio.status;
}

int scheme_io_execute(struct block_device *device, struct scheme_io *io)
{
	int error = scheme_io_submit(device, io);

	while (error == -EAGAIN) {
		block_poll(device);
		error = scheme_io_submit(device, io);
	}
	if (error)
		return error;
	while (io->bio.status == -EINPROGRESS)
		block_poll(device);
	return scheme_io_finish(io);
}

static int clean_frame(struct scheme *scheme, pfn_t frame)
{
	struct scheme_page *page;
	int error = scheme_pin(scheme, frame, &page);

	if (error)
		return error;
	(void)scheme_clear_dirty(scheme, page);
	scheme_unpin(scheme, page, SCHEME_CLEAN);
	return 0;
}

int scheme_io_clean(const struct scheme_io *io)
{
	int error = 0;

	if (scheme_refusal(io->scheme, SCHEME_DIRTY))
		return 0;
	for (size_t i = 0; i < io->nr_memory; i++) {
		struct scheme_range range = range_of(&io->memory[i], NULL);

		for (uint64_t frame = 0; frame < range.frames && !error; frame++)
			error = clean_frame(io->scheme, pfn_add(range.start, frame));
	}
	return error;
}
