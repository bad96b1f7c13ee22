/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/scheme_bios.h"

#include <errno.h>

#include "mm/host.h"
#include "tests/harness/scheme_io.h"

/* How long descriptors are waited for that other CPUs have; those come to their ends. */
enum { PATIENCE_S = 30 };

struct slot {
	struct scheme_io io;
	struct segment memory[SCHEME_BIO_PIECES], segments[SCHEME_BIO_PIECES];
	struct scheme_page *pages[SCHEME_BIO_FRAMES];
};

_Static_assert(sizeof(struct slot) * SCHEME_BIOS_MAX <= AREA_SIZE, "all slots fit into one area");

static struct slot *slot_of(const struct scheme_bios *bios, unsigned i)
{
	return (struct slot *)arena_virt(&bios->notes, 0) + i;
}

/*
 * A bio has a share of the buffers, or all of them, when it is too long for that and no other is in
 * flight; those of a list are of one length.
 */
static int prepare(const struct scheme_bios *bios, unsigned i, const struct bio *bio,
		   bool in_flight)
{
	struct slot *slot = slot_of(bios, i);
	struct segment buffers = {pfn_to_phys(bios->buffers.areas[0]), AREA_SIZE};
	size_t share = AREA_SIZE / SCHEME_BIOS_MAX;
	size_t frames = 0, bytes = 0;

	if (bio->nr_pieces > SCHEME_BIO_PIECES)
		return -E2BIG;
	for (size_t p = 0; p < bio->nr_pieces; p++) {
		const struct bio_piece *piece = &bio->pieces[p];
		phys_t page = pfn_to_phys(page_to_pfn(piece->page));

		slot->memory[p] = (struct segment){phys_add(page, piece->offset), piece->length};
		frames += piece->length / PAGE_SIZE + 2;
		bytes += piece->length;
	}
	if (frames > SCHEME_BIO_FRAMES)
		return -E2BIG;
	slot->io = (struct scheme_io){
		.scheme = bios->scheme,
		.operation = bio->operation,
		.sector = bio->sector,
		.memory = slot->memory,
		.nr_memory = bio->nr_pieces,
		.segments = slot->segments,
		.pages = slot->pages,
		.buffer = buffers,
	};
	if (bytes > share && in_flight && scheme_io_copies(bios->scheme))
		return -ENOMEM;
	if (bytes <= share)
		slot->io.buffer = (struct segment){phys_add(buffers.start, i * share), share};
	return 0;
}

/* Whether it is worth another try: when a bio of its own ends, or one of another CPU's. */
static bool may_wait(uint64_t *waiting_since, bool in_flight)
{
	uint64_t now = host_nanoseconds();

	if (*waiting_since == 0)
		*waiting_since = now;
	return in_flight || now - *waiting_since < PATIENCE_S * 1000000000ull;
}

/* To clean a page takes a pin, for which there may be no descriptor just now. */
static int clean(struct block_device *device, const struct slot *slot)
{
	uint64_t waiting_since = 0;
	int error = scheme_io_clean(&slot->io);

	while (error == -ENOMEM && may_wait(&waiting_since, false)) {
		block_poll(device);
		error = scheme_io_clean(&slot->io);
	}
	return error;
}

static int finish(struct block_device *device, struct slot *slot)
{
	int error;

	while (slot->io.bio.status == -EINPROGRESS)
		block_poll(device);
	error = scheme_io_finish(&slot->io);
	if (slot->io.operation == BLOCK_READ) {
		int not_clean = clean(device, slot);

		error = error ? error : not_clean;
	}
	return error;
}

/* Starts a bio. False: it has to wait for others. */
static bool start(struct scheme_bios *bios, struct block_device *device, struct bio *bio,
		  unsigned i, bool in_flight, uint64_t *waiting_since)
{
	int error = prepare(bios, i, bio, in_flight);

	if (!error)
		error = scheme_io_submit(device, &slot_of(bios, i)->io);
	bios->refused += error == -ENOMEM;
	if ((error == -ENOMEM || error == -EAGAIN) && may_wait(waiting_since, in_flight))
		return false;
	*waiting_since = 0;
	bio->status = error ? error : -EINPROGRESS;
	return true;
}

void scheme_bios_execute(struct scheme_bios *bios, struct block_device *device,
			 struct bio *const *list, unsigned nr)
{
	uint64_t waiting_since = 0;
	unsigned oldest = 0, next = 0;

	while (oldest < nr) {
		while (next < nr &&
		       start(bios, device, list[next], next, next > oldest, &waiting_since))
			next++;
		if (oldest == next) {
			block_poll(device);
			continue;
		}
		if (list[oldest]->status == -EINPROGRESS)
			list[oldest]->status = finish(device, slot_of(bios, oldest));
		oldest++;
	}
}
