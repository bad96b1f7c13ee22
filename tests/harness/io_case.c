/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/io_case.h"

#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/stamp.h"
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	PIECES_MAX = 2600,        /* of one bio */
	SCATTERED_MOST = 12288,   /* bytes of one scattered piece */
	ALL_OFFSETS_MOST = 65536, /* longer bios have one class of offset, by chance */
	OFFSETS_MAX = 6,
	SPOILT = 0xa5,
};

/* A bio with its list. They fill one area. */
struct slot {
	struct bio bio;
	struct bio_piece pieces[PIECES_MAX];
};

_Static_assert(sizeof(struct slot) * IO_DEPTH_MAX <= AREA_SIZE, "all slots fit into one area");

/* How far the memory of an arena is used: of its whole areas, and of its split ones. */
struct cutter {
	size_t start[2];
	size_t at[2];
	size_t end[2];
};

const char *io_shape_name(enum io_shape shape)
{
	switch (shape) {
	case SHAPE_RUN:
		return "run";
	case SHAPE_SCATTERED:
		return "scattered";
	case SHAPE_OFFSETS:
		return "offsets";
	}
	return "unknown";
}

static void fail_case(const struct io_case *io, uint64_t sector, const char *what)
{
	fail("%s: %s of %zu bytes (%s, %u at once) at sector %llu: %s", io->device->name,
	     io->operation == BLOCK_READ ? "read" : "write", io->size, io_shape_name(io->shape),
	     io->depth, (unsigned long long)sector, what);
}

static struct slot *slot_of(const struct io_lane *lane, unsigned i)
{
	return (struct slot *)arena_virt(&lane->pieces, 0) + i;
}

static char *piece_virt(const struct bio_piece *piece)
{
	return host_virt(phys_add(pfn_to_phys(page_to_pfn(piece->page)), piece->offset));
}

/* Any CPU's own: test_random() is CPU 0's. */
static uint64_t lane_random(struct io_lane *lane)
{
	lane->random ^= lane->random << 13;
	lane->random ^= lane->random >> 7;
	lane->random ^= lane->random << 17;
	return lane->random;
}

/* --- Memory for a bio. --- */

static struct cutter cutter_of(const struct arena *arena)
{
	size_t whole = arena->nr_whole * AREA_SIZE;
	size_t all = arena->nr * AREA_SIZE;

	return (struct cutter){{0, whole}, {0, whole}, {whole, all}};
}

/* The longest piece that a bio of this case may have. */
static size_t longest_piece(const struct io_case *io, const struct arena *arena)
{
	bool mixed = arena->nr_whole != 0 && arena->nr_whole != arena->nr;
	size_t block = io->device->block_size;
	size_t most = mixed ? io->size / 4 : io->size;

	if (io->shape == SHAPE_SCATTERED)
		most = io->size / 8 < SCATTERED_MOST ? io->size / 8 : SCATTERED_MOST;
	return most < block ? block : most - most % block;
}

/* Which of the two parts of a mixed arena the next piece is from; the only one of another. */
static unsigned next_part(const struct cutter *cutter, unsigned part)
{
	unsigned other = 1 - part;

	return cutter->start[other] == cutter->end[other] ? part : other;
}

/* Cuts the list of one bio. False: it does not fit. */
static bool cut_bio(const struct io_case *io, const struct arena *arena, struct cutter *cutter,
		    size_t offset, struct slot *slot)
{
	size_t block = io->device->block_size;
	size_t most = longest_piece(io, arena);
	size_t left = io->size;
	size_t nr = 0;
	unsigned part = 0;

	for (unsigned i = 0; i < 2; i++)
		cutter->at[i] = align_up(cutter->at[i], PAGE_SIZE) + offset;
	while (left > 0) {
		size_t *at = &cutter->at[part = next_part(cutter, part)];
		struct bio_piece *piece = &slot->pieces[nr];

		if (nr == PIECES_MAX || *at + block > cutter->end[part])
			return false;
		*piece = arena_piece(arena, *at, left < most ? left : most);
		piece->length -= piece->length % block;
		if (piece->length == 0) {
			*at = align_up(*at + 1, PAGE_SIZE) + offset;
			continue;
		}
		*at += piece->length;
		if (io->shape == SHAPE_SCATTERED)
			*at += piece->length < PAGE_SIZE ? block : PAGE_SIZE;
		left -= piece->length;
		nr++;
	}
	slot->bio =
		(struct bio){.operation = io->operation, .pieces = slot->pieces, .nr_pieces = nr};
	return true;
}

static void shuffle(struct io_lane *lane, struct slot *slot)
{
	for (size_t i = slot->bio.nr_pieces; i > 1; i--) {
		size_t j = lane_random(lane) % i;
		struct bio_piece piece = slot->pieces[i - 1];

		slot->pieces[i - 1] = slot->pieces[j];
		slot->pieces[j] = piece;
	}
}

/* Makes as many bios of the case as memory and disk have room for. */
static unsigned make_bios(const struct io_case *io, struct io_lane *lane, size_t offset,
			  struct cutter *cutter)
{
	uint64_t sectors = io->size / SECTOR_SIZE;
	unsigned nr;

	*cutter = cutter_of(&lane->arena);
	if (io->size % io->device->block_size != 0)
		return 0;
	for (nr = 0; nr < io->depth && (nr + 1) * sectors <= lane->sectors; nr++) {
		struct slot *slot = slot_of(lane, nr);

		if (!cut_bio(io, &lane->arena, cutter, offset, slot))
			break;
		if (io->shape == SHAPE_SCATTERED)
			shuffle(lane, slot);
		slot->bio.sector = lane->sector + nr * sectors;
	}
	return nr;
}

/* --- What is in memory. --- */

typedef bool (*sector_fn_t)(const struct io_case *, void *memory, struct stamp_id);

static bool stamp_sector(const struct io_case *io, void *memory, struct stamp_id id)
{
	uint64_t sector[SECTOR_SIZE / sizeof(uint64_t)];

	(void)io;
	stamp_write(sector, id);
	memcpy(memory, sector, sizeof(sector));
	return true;
}

static bool check_sector(const struct io_case *io, void *memory, struct stamp_id id)
{
	const char *wrong = stamp_check(memory, id);

	if (wrong)
		fail_case(io, id.sector, wrong);
	return !wrong;
}

/* Calls fn for each sector of a bio, until it is false. */
static bool each_sector(const struct io_case *io, const struct bio *bio, uint32_t generation,
			sector_fn_t fn)
{
	struct stamp_id id = {io->number, generation, bio->sector};

	for (size_t i = 0; i < bio->nr_pieces; i++) {
		char *memory = piece_virt(&bio->pieces[i]);

		for (size_t at = 0; at < bio->pieces[i].length; at += SECTOR_SIZE, id.sector++)
			if (!fn(io, memory + at, id))
				return false;
	}
	return true;
}

/* Calls fn for each run of memory that the bios may have touched, and a page behind it. */
static bool each_used(const struct io_lane *lane, const struct cutter *cutter,
		      bool (*fn)(uint64_t *memory, size_t bytes))
{
	for (unsigned part = 0; part < 2; part++) {
		size_t end = align_up(cutter->at[part], PAGE_SIZE) + PAGE_SIZE;

		if (end > cutter->end[part])
			end = cutter->end[part];
		for (size_t at = cutter->start[part]; at < end; at += AREA_SIZE)
			if (!fn(arena_virt(&lane->arena, at),
				end - at < AREA_SIZE ? end - at : AREA_SIZE))
				return false;
	}
	return true;
}

static bool spoil(uint64_t *memory, size_t bytes)
{
	memset(memory, SPOILT, bytes);
	return true;
}

static bool is_spoilt(uint64_t *memory, size_t bytes)
{
	uint64_t spoilt;

	memset(&spoilt, SPOILT, sizeof(spoilt));
	for (size_t i = 0; i < bytes / sizeof(spoilt); i++)
		if (memory[i] != spoilt)
			return false;
	return true;
}

/* That what is not of a bio is as spoil() left it. Spoils what is. */
static void check_no_stray(const struct io_case *io, const struct io_lane *lane,
			   const struct cutter *cutter, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		const struct bio *bio = &slot_of(lane, i)->bio;

		for (size_t j = 0; j < bio->nr_pieces; j++)
			memset(piece_virt(&bio->pieces[j]), SPOILT, bio->pieces[j].length);
	}
	if (!each_used(lane, cutter, is_spoilt))
		fail_case(io, lane->sector, "memory was written that no bio had");
}

/* --- Plain I/O. --- */

/* One run of sectors, at most an area, to or from the start of the plain area. */
static bool plain(const struct io_case *io, struct io_lane *lane, enum block_operation operation,
		  uint64_t sector, size_t bytes)
{
	struct bio_piece piece = arena_piece(&lane->plain, 0, bytes);
	int error;

	lane->bio = (struct bio){
		.operation = operation, .sector = sector, .pieces = &piece, .nr_pieces = 1};
	error = block_execute(io->device, &lane->bio);
	if (error)
		fail("%s: plain %s of %zu bytes at sector %llu: error %d", io->device->name,
		     operation == BLOCK_READ ? "read" : "write", bytes, (unsigned long long)sector,
		     error);
	return !error;
}

static bool plain_write(const struct io_case *io, struct io_lane *lane, struct stamp_id id,
			size_t bytes)
{
	char *memory = arena_virt(&lane->plain, 0);
	uint64_t sector = id.sector;

	for (size_t at = 0; at < bytes; at += SECTOR_SIZE, id.sector++)
		(void)stamp_sector(io, memory + at, id);
	return plain(io, lane, BLOCK_WRITE, sector, bytes);
}

static bool plain_check(const struct io_case *io, struct io_lane *lane, struct stamp_id id,
			size_t bytes)
{
	char *memory = arena_virt(&lane->plain, 0);

	memset(memory, SPOILT, bytes);
	if (!plain(io, lane, BLOCK_READ, id.sector, bytes))
		return false;
	for (size_t at = 0; at < bytes; at += SECTOR_SIZE, id.sector++)
		if (!check_sector(io, memory + at, id))
			return false;
	return true;
}

typedef bool (*plain_fn_t)(const struct io_case *, struct io_lane *, struct stamp_id, size_t);

/* All sectors of `nr` bios, by runs of at most an area. */
static bool each_plain(const struct io_case *io, struct io_lane *lane, unsigned nr, plain_fn_t fn)
{
	struct stamp_id id = {io->number, lane->generation, lane->sector};
	uint64_t left = nr * (uint64_t)io->size;

	while (left > 0) {
		size_t bytes = left < AREA_SIZE ? left : AREA_SIZE;

		if (!fn(io, lane, id, bytes))
			return false;
		id.sector += bytes / SECTOR_SIZE;
		left -= bytes;
	}
	return true;
}

/* What a bio read, against what a plain read finds, where nobody knows what is on the disk. */
static bool compare_bio(const struct io_case *io, struct io_lane *lane, const struct bio *bio)
{
	const char *expected = arena_virt(&lane->plain, 0);
	uint64_t sector = bio->sector;
	size_t left = io->size, read = 0, used = 0; /* of what is in the plain area */

	for (size_t i = 0; i < bio->nr_pieces; i++) {
		for (size_t at = 0; at < bio->pieces[i].length; at += SECTOR_SIZE, sector++) {
			if (used == read) {
				read = left < AREA_SIZE ? left : AREA_SIZE;
				used = 0;
				left -= read;
				if (!plain(io, lane, BLOCK_READ, sector, read))
					return false;
			}
			if (memcmp(piece_virt(&bio->pieces[i]) + at, expected + used,
				   SECTOR_SIZE) != 0) {
				fail_case(io, sector, "a second read of it differs");
				return false;
			}
			used += SECTOR_SIZE;
		}
	}
	return true;
}

/* --- A case. --- */

static void execute_by_scheme(const struct io_case *io, struct io_lane *lane, unsigned nr)
{
	struct bio *list[SCHEME_BIOS_MAX] = {NULL};

	for (unsigned i = 0; i < nr; i++)
		list[i] = &slot_of(lane, i)->bio;
	scheme_bios_execute(lane->by_scheme, io->device, list, nr);
}

static void submit_all(const struct io_case *io, struct io_lane *lane, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct bio *bio = &slot_of(lane, i)->bio;
		int error = block_submit(io->device, bio);

		while (error == -EAGAIN) {
			block_poll(io->device);
			error = block_submit(io->device, bio);
		}
		if (error)
			bio->status = error;
	}
}

/* All at once. */
static bool execute_all(const struct io_case *io, struct io_lane *lane, unsigned nr)
{
	bool good = true;

	if (lane->by_scheme)
		execute_by_scheme(io, lane, nr);
	else
		submit_all(io, lane, nr);
	for (unsigned i = 0; i < nr; i++) {
		struct bio *bio = &slot_of(lane, i)->bio;
		char text[40];

		while (bio->status == -EINPROGRESS)
			block_poll(io->device);
		if (bio->status == 0)
			continue;
		snprintf(text, sizeof(text), "error %d", bio->status);
		fail_case(io, bio->sector, text);
		good = false;
	}
	return good;
}

static void write_case(const struct io_case *io, struct io_lane *lane, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		(void)each_sector(io, &slot_of(lane, i)->bio, lane->generation, stamp_sector);
	if (execute_all(io, lane, nr))
		(void)each_plain(io, lane, nr, plain_check);
}

static void read_case(const struct io_case *io, struct io_lane *lane, unsigned nr,
		      const struct cutter *cutter)
{
	bool good = true;

	if (!io->device->read_only && !each_plain(io, lane, nr, plain_write))
		return;
	(void)each_used(lane, cutter, spoil);
	if (!execute_all(io, lane, nr))
		return;
	for (unsigned i = 0; i < nr && good; i++) {
		const struct bio *bio = &slot_of(lane, i)->bio;

		good = io->device->read_only ? compare_bio(io, lane, bio)
					     : each_sector(io, bio, lane->generation, check_sector);
	}
	if (good)
		check_no_stray(io, lane, cutter, nr);
}

static void run_at_offset(const struct io_case *io, struct io_lane *lane, size_t offset)
{
	struct cutter cutter;
	unsigned nr = make_bios(io, lane, offset, &cutter);

	if (nr == 0) {
		lane->left_out++;
		return;
	}
	lane->generation++;
	if (io->operation == BLOCK_WRITE)
		write_case(io, lane, nr);
	else
		read_case(io, lane, nr, &cutter);
	lane->cases++;
	lane->bios += nr;
	lane->bytes += nr * (uint64_t)io->size;
}

/*
 * Classes of offset in a page that differ for somebody: a device, a sector, a page. In a split area
 * there must be a block behind it.
 */
static size_t list_offsets(const struct io_case *io, const struct arena *arena, size_t *offsets)
{
	size_t alignment = io->device->dma_alignment;
	size_t most = arena->nr == arena->nr_whole ? PAGE_SIZE : PAGE_SIZE - io->device->block_size;

	const size_t candidates[OFFSETS_MAX] = {alignment, 512 - alignment, 512,
						2048,      PAGE_SIZE - 512, PAGE_SIZE - alignment};
	size_t nr = 0;

	for (size_t i = 0; i < OFFSETS_MAX; i++)
		if (candidates[i] != 0 && candidates[i] % alignment == 0 && candidates[i] <= most &&
		    (nr == 0 || candidates[i] > offsets[nr - 1]))
			offsets[nr++] = candidates[i];
	return nr;
}

void io_case_run(const struct io_case *io, struct io_lane *lane)
{
	size_t offsets[OFFSETS_MAX];
	size_t nr;

	if (io->shape != SHAPE_OFFSETS) {
		run_at_offset(io, lane, 0);
		return;
	}
	nr = list_offsets(io, &lane->arena, offsets);
	if (nr > 0 && io->size > ALL_OFFSETS_MOST)
		run_at_offset(io, lane, offsets[lane_random(lane) % nr]);
	else
		for (size_t i = 0; i < nr; i++)
			run_at_offset(io, lane, offsets[i]);
}
