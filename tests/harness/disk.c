/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/disk.h"

#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/harness/stamp.h"
#include "tests/test.h"

#include <string.h>

enum { MODEL_SECTORS = 8192, RUN_SECTORS_MAX = 512, PIECES_MAX = 24 };

#define THROUGHPUT_BYTES (16 * AREA_SIZE)

/* Which generation each sector was last written with; 0: never. */
static uint32_t model[MODEL_SECTORS];

void disk_scratch_take(struct disk_scratch *scratch)
{
	scratch->whole = test_take(MEMORY_DRAM, AREA_SIZE);
	scratch->split = test_take(MEMORY_DRAM, AREA_SIZE);
	require(page_split(scratch->split) == 0);
}

int disk_execute(struct block_device *device, enum block_operation operation, uint64_t sector,
		 struct bio_piece piece)
{
	struct bio bio = {
		.operation = operation,
		.sector = sector,
		.pieces = &piece,
		.nr_pieces = 1,
	};

	return block_execute(device, &bio);
}

/* A gap now and then, so that some pieces are neighbours in memory and some are not. */
static size_t random_gap(size_t block)
{
	return test_random_below(2) * block;
}

/* Up to `blocks` of the whole area; there is always room for a run. */
static struct bio_piece cut_whole(struct disk_scratch *scratch, size_t block, size_t blocks)
{
	size_t offset = scratch->whole_used + random_gap(block);

	scratch->whole_used = offset + blocks * block;
	return (struct bio_piece){pfn_to_page(scratch->whole), offset, blocks * block};
}

/* The same of one page of the split area. */
static struct bio_piece cut_split(struct disk_scratch *scratch, size_t block, size_t blocks)
{
	size_t at = scratch->split_used + random_gap(block);
	size_t offset = at % PAGE_SIZE;
	size_t length = blocks * block;

	if (length > PAGE_SIZE - offset)
		length = PAGE_SIZE - offset;
	scratch->split_used = at + length;
	return (struct bio_piece){pfn_to_page(pfn_add(scratch->split, at / PAGE_SIZE)), offset,
				  length};
}

/* Memory for a run, in random pieces. Returns how many. */
static size_t cut_pieces(struct disk_scratch *scratch, size_t block, size_t blocks,
			 struct bio_piece *pieces)
{
	size_t nr = 0;

	scratch->whole_used = 0;
	scratch->split_used = 0;
	while (blocks > 0) {
		size_t most = 1 + test_random_below(blocks);

		if (nr == PIECES_MAX - 1)
			pieces[nr] = cut_whole(scratch, block, blocks);
		else if (test_random_below(2))
			pieces[nr] = cut_whole(scratch, block, most);
		else
			pieces[nr] = cut_split(scratch, block, most);
		blocks -= pieces[nr++].length / block;
	}
	return nr;
}

static char *piece_virt(const struct bio_piece *piece)
{
	return test_virt(page_to_pfn(piece->page), piece->offset);
}

static void stamp_pieces(const struct bio *bio, struct stamp_id id)
{
	for (size_t i = 0; i < bio->nr_pieces; i++) {
		const struct bio_piece *piece = &bio->pieces[i];

		for (size_t at = 0; at < piece->length; at += SECTOR_SIZE) {
			model[id.sector] = id.generation;
			stamp_write(piece_virt(piece) + at, id);
			id.sector++;
		}
	}
}

/* Nothing that was in memory before may pass for what was read. */
static void spoil_pieces(const struct bio *bio)
{
	for (size_t i = 0; i < bio->nr_pieces; i++)
		memset(piece_virt(&bio->pieces[i]), 0xa5, bio->pieces[i].length);
}

static void check_pieces(const struct bio *bio, struct stamp_id id)
{
	for (size_t i = 0; i < bio->nr_pieces; i++) {
		const struct bio_piece *piece = &bio->pieces[i];

		for (size_t at = 0; at < piece->length; at += SECTOR_SIZE) {
			const char *wrong;

			id.generation = model[id.sector];
			wrong = id.generation ? stamp_check(piece_virt(piece) + at, id) : NULL;
			if (wrong)
				fail("%s", wrong);
			id.sector++;
		}
	}
}

static void random_run(struct block_device *device, struct disk_scratch *scratch,
		       struct stamp_id id)
{
	uint64_t sectors = device->sectors < MODEL_SECTORS ? device->sectors : MODEL_SECTORS;
	size_t unit = device->block_size / SECTOR_SIZE;
	uint64_t most = sectors < RUN_SECTORS_MAX ? sectors : RUN_SECTORS_MAX;
	size_t blocks = 1 + test_random_below(most / unit);
	bool write = test_random_below(2);
	struct bio_piece pieces[PIECES_MAX];
	struct bio bio = {
		.operation = write ? BLOCK_WRITE : BLOCK_READ,
		.flags = write && test_random_below(8) == 0 ? BLOCK_FUA : 0,
		.sector = test_random_below(sectors / unit - blocks + 1) * unit,
		.pieces = pieces,
		.nr_pieces = cut_pieces(scratch, device->block_size, blocks, pieces),
	};

	id.sector = bio.sector;
	if (write)
		stamp_pieces(&bio, id);
	else
		spoil_pieces(&bio);
	require(block_execute(device, &bio) == 0);
	if (!write)
		check_pieces(&bio, id);
}

void disk_exercise(struct block_device *device, struct disk_scratch *scratch, uint32_t number,
		   unsigned operations)
{
	memset(model, 0, sizeof(model));
	for (unsigned i = 0; i < operations; i++) {
		random_run(device, scratch, (struct stamp_id){number, i + 1, 0});
		progress(i, operations, "operations");
	}
}

static void run_through(struct block_device *device, enum block_operation what, struct page *page,
			size_t size, size_t bytes)
{
	for (size_t moved = 0; moved < bytes; moved += size) {
		size_t offset = moved % AREA_SIZE;
		struct bio_piece piece = {page, offset, size};
		struct bio bio = {
			.operation = what,
			.sector = offset / SECTOR_SIZE,
			.pieces = &piece,
			.nr_pieces = 1,
		};

		require(block_execute(device, &bio) == 0);
	}
}

static void measure_runs(struct block_device *device, const char *name, enum block_operation what,
			 struct page *page, size_t size)
{
	uint64_t start;

	run_through(device, what, page, size, AREA_SIZE); /* what is touched first costs more */
	start = host_nanoseconds();
	run_through(device, what, page, size, THROUGHPUT_BYTES);
	measure_rate(name, THROUGHPUT_BYTES, host_nanoseconds() - start);
}

void disk_throughput(struct block_device *device)
{
	struct page *page = pfn_to_page(test_take(MEMORY_DRAM, AREA_SIZE));

	if (device->sectors < AREA_SIZE / SECTOR_SIZE)
		skip("%s has less than 2 MiB", device->name);
	measure_runs(device, "write_2m", BLOCK_WRITE, page, AREA_SIZE);
	measure_runs(device, "read_2m", BLOCK_READ, page, AREA_SIZE);
	measure_runs(device, "write_4k", BLOCK_WRITE, page, PAGE_SIZE);
	measure_runs(device, "read_4k", BLOCK_READ, page, PAGE_SIZE);
}
