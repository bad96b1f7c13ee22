/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All schemes of page descriptors beside each other on the machine that this runs on: what each
 * takes, what its operations and its I/O cost, what it wears, and what it can do, found out by
 * trying.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/disks.h"
#include "drivers/ramdisk.h"
#include "kernel/registers.h" /* not for a process: make compare has its table */
#include "mm/host.h"
#include "mm/page.h"
#include "mm/schemes/two_level.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/harness/scheme_shows.h"
#include "tests/scheme_costs.h"
#include "tests/test.h"

enum {
	POOL = 1024,      /* an I/O of 2 MiB has its descriptors twice */
	SMALL_POOL = 64,  /* to be used up */
	TIB_POOL = 16384, /* 32 I/Os of 2 MiB in flight */
	COLUMNS = COST_READ2M + 1,
	NAME_BYTES = 48,
	ROWS_MAX = 20,
};

#define TIB        ((uint64_t)1 << 40)
#define SMALL_DRAM ((uint64_t)2 << 30)
#define COPY_BYTES 65536ul

struct row {
	const char *name;
	const struct scheme_ops *ops;
	bool split; /* its memory is, which is another thing for two levels alone */
	struct scheme_needs tib;
	struct scheme_usage usage;
	uint64_t cost[COLUMNS];
	uint64_t worn4k, worn2m; /* by a pin and an unpin as written */
	struct scheme_shows shows;
	bool device_to_device;
};

static struct row rows[ROWS_MAX];
static size_t nr_rows;
static struct ramdisk source_ramdisk, target_ramdisk;
static struct block_device *target; /* another disk that may be written, or the RAM disk */

static uint64_t worn_by(uint64_t frames)
{
	struct scheme_usage before, after;

	scheme_usage(place.scheme, &before);
	scheme_place_pin(frames, SCHEME_WRITTEN);
	scheme_usage(place.scheme, &after);
	count_error |= scheme_io_clean(scheme_place_io(BLOCK_READ, frames << PAGE_SHIFT));
	return after.medium_written - before.medium_written;
}

/* --- From device to device --- */

static void plain(struct block_device *disk, enum block_operation operation, size_t offset)
{
	struct bio_piece piece = {pfn_to_page(phys_to_pfn(place.buffer.start)), offset, COPY_BYTES};
	struct bio bio = {.operation = operation, .pieces = &piece, .nr_pieces = 1};

	require(block_execute(disk, &bio) == 0);
}

/* Moves data from one device to another through the scheme's memory. */
static bool moves_data(struct block_device *from, struct block_device *to)
{
	struct scheme_io *io;
	char *expected = host_virt(phys_add(place.buffer.start, AREA_SIZE / 2));
	char *found = expected + COPY_BYTES, *between = test_virt(place.area, 0);
	int error;

	plain(from, BLOCK_READ, AREA_SIZE / 2);
	for (size_t i = 0; i < COPY_BYTES; i++)
		found[i] = between[i] = (char)~expected[i];
	plain(to, BLOCK_WRITE, AREA_SIZE / 2 + COPY_BYTES);
	io = scheme_place_io(BLOCK_READ, COPY_BYTES);
	error = scheme_io_execute(from, io);
	io->operation = BLOCK_WRITE;
	if (!error)
		error = scheme_io_execute(to, io);
	count_error |= scheme_io_clean(io);
	plain(to, BLOCK_READ, AREA_SIZE / 2 + COPY_BYTES);
	if (error || memcmp(expected, found, COPY_BYTES) != 0)
		fail("%s: from %s to %s: error %d, or other data arrived", place.scheme->ops->name,
		     from->name, to->name, error);
	return !error && !scheme_io_copies(place.scheme);
}

/* --- A row --- */

static void measure_row(struct row *row)
{
	const struct scheme_ops *ops = row->ops;
	struct scheme_setup tib = {pfn(TIB >> PAGE_SHIFT), TIB >> PAGE_SHIFT, TIB_POOL};

	scheme_needs(ops, &tib, &row->tib);
	scheme_place_begin(ops, POOL);
	if (row->split)
		expect_eq(page_split(place.area), 0);
	for (unsigned i = 0; i < COLUMNS; i++)
		row->cost[i] = scheme_cost((enum scheme_cost)i);
	row->worn4k = worn_by(1);
	row->worn2m = worn_by(PAGES_PER_AREA);
	row->device_to_device = moves_data(place.device, target);
	scheme_usage(place.scheme, &row->usage);
	scheme_place_begin(ops, SMALL_POOL);
	row->shows = scheme_show(place.scheme);
	if (row->split)
		expect_eq(page_collapse(place.area), 0);
}

/* What it does is what it claims. */
static void check_row(const struct row *row)
{
	const struct scheme_ops *ops = row->ops;
	const struct scheme_shows *shows = &row->shows;
	const struct {
		enum scheme_feature feature;
		bool shown;
	} claims[] = {
		{SCHEME_LOCKS, shows->serialises},
		{SCHEME_COUNTS, shows->counts},
		{SCHEME_DIRTY, shows->dirty},
		{SCHEME_OWNERS, shows->owners},
		{SCHEME_DEVICES, row->device_to_device},
	};

	for (size_t i = 0; i < ARRAY_SIZE(claims); i++)
		if (claims[i].shown != !ops->refusals[claims[i].feature])
			fail("%s: %s: it claims %s, and what was tried shows %s", row->name,
			     scheme_feature_name(claims[i].feature),
			     claims[i].shown ? "not to have it" : "to have it",
			     claims[i].shown ? "that it has" : "that it has not");
	if (shows->refused && !shows->goes_on)
		fail("%s: after its descriptors were used up it did not go on", row->name);
}

/* --- The table --- */

static void measure_of(const struct row *row, const char *name, uint64_t value, const char *units)
{
	char full[NAME_BYTES];

	snprintf(full, sizeof(full), "%s.%s", row->name, name);
	if (value != COST_NONE)
		measure(full, value, units);
}

static void measure_all(const struct row *row)
{
	measure_of(row, "dram", row->usage.dram_bytes, "bytes");
	measure_of(row, "medium", row->usage.medium_bytes, "bytes");
	measure_of(row, "dram_1tib", row->tib.dram_bytes, "bytes");
	measure_of(row, "dram_1tib_most", row->tib.dram_bytes_most, "bytes");
	measure_of(row, "medium_1tib", row->tib.medium_bytes, "bytes");
	for (unsigned i = 0; i < COLUMNS; i++)
		measure_of(row, scheme_cost_name((enum scheme_cost)i), row->cost[i],
			   scheme_cost_units());
	measure_of(row, "worn4k", row->worn4k, "bytes");
	measure_of(row, "worn2m", row->worn2m, "bytes");
	measure_of(row, "worn", row->usage.medium_written, "bytes");
}

static unsigned long long mib(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static const char *yes(bool it_is)
{
	return it_is ? "yes" : "no";
}

static const char *survives(const struct row *row)
{
	const struct scheme_needs *tib = &row->tib;

	return tib->dram_bytes_most < SMALL_DRAM             ? "yes"
	       : tib->dram_bytes < SMALL_DRAM && !row->split ? "in part"
							     : "no";
}

static void print_bytes(void)
{
	note("%-16s %10s %10s | %10s %10s %10s | %8s %8s %10s", "", "DRAM", "medium", "DRAM",
	     "at most", "medium", "wear 4K", "wear 2M", "wear");
	for (size_t i = 0; i < nr_rows; i++) {
		const struct row *row = &rows[i];

		note("%-16s %10zu %10zu | %10llu %10llu %10llu | %8llu %8llu %10llu", rows[i].name,
		     row->usage.dram_bytes, row->usage.medium_bytes, mib(row->tib.dram_bytes),
		     mib(row->tib.dram_bytes_most), mib(row->tib.medium_bytes),
		     (unsigned long long)row->worn4k, (unsigned long long)row->worn2m,
		     (unsigned long long)row->usage.medium_written);
	}
	note("bytes here and now | MiB for 1 TiB, computed, a pool of %u | bytes to the medium by "
	     "a pin and unpin, and in all",
	     TIB_POOL);
}

static void print_costs(void)
{
	char line[160];
	int at = snprintf(line, sizeof(line), "%-16s", "");

	for (unsigned i = 0; i < COLUMNS; i++)
		at += snprintf(line + at, sizeof(line) - (size_t)at, " %12s",
			       scheme_cost_name((enum scheme_cost)i));
	note("%s", line);
	for (size_t i = 0; i < nr_rows; i++) {
		at = snprintf(line, sizeof(line), "%-16s", rows[i].name);
		for (unsigned j = 0; j < COLUMNS; j++)
			at += rows[i].cost[j] == COST_NONE
				      ? snprintf(line + at, sizeof(line) - (size_t)at, " %12s", "-")
				      : snprintf(line + at, sizeof(line) - (size_t)at, " %12llu",
						 (unsigned long long)rows[i].cost[j]);
		note("%s", line);
	}
	note("%s, where they are counted without the wait for a device; begin is for 1 GiB, of "
	     "two-level the machine's whole map; pins "
	     "are given back, I/O is on %s",
	     scheme_cost_units(), place.device->name);
}

static void measure_usual(void)
{
	uint64_t read4k = scheme_cost(COST_USUAL_READ4K), read2m = scheme_cost(COST_USUAL_READ2M);

	measure(scheme_cost_name(COST_USUAL_READ4K), read4k, scheme_cost_units());
	measure(scheme_cost_name(COST_USUAL_READ2M), read2m, scheme_cost_units());
	note("beside them a bio of pages, which the block layer pins: read4k %llu, read2m %llu",
	     (unsigned long long)read4k, (unsigned long long)read2m);
}

static void print_used_up(const struct row *row)
{
	const struct scheme_shows *shows = &row->shows;

	if (shows->refused)
		note("%s: of %u frames %llu were pinned, then error %d; one pin given back makes "
		     "room for one: %s",
		     row->name, SCHEME_SHOWS_FRAMES, (unsigned long long)shows->pinned,
		     -shows->refused, yes(shows->goes_on));
	else
		note("%s: %llu frames were pinned, none refused", row->name,
		     (unsigned long long)shows->pinned);
}

static void print_features(void)
{
	note("%-16s %10s %6s %6s %6s %9s %16s %10s", "", "serialises", "counts", "dirty", "owners",
	     "used up", "device to device", "1 TiB/2GiB");
	for (size_t i = 0; i < nr_rows; i++) {
		const struct scheme_shows *shows = &rows[i].shows;

		note("%-16s %10s %6s %6s %6s %9s %16s %10s", rows[i].name, yes(shows->serialises),
		     yes(shows->counts), yes(shows->dirty), yes(shows->owners),
		     shows->refused ? "refuses" : "never",
		     rows[i].device_to_device ? "yes" : "by copying", survives(&rows[i]));
	}
	for (size_t i = 0; i < nr_rows; i++) {
		print_used_up(&rows[i]);
		for (int feature = 0; feature < SCHEME_FEATURES; feature++)
			if (!rows[i].split && rows[i].ops->refusals[feature])
				note("%s: no %s: %s", rows[i].name,
				     scheme_feature_name((enum scheme_feature)feature),
				     rows[i].ops->refusals[feature]);
	}
}

/* --- The machine --- */

static void destroy_ramdisks(void *unused)
{
	(void)unused;
	ramdisk_destroy(&source_ramdisk);
	ramdisk_destroy(&target_ramdisk);
}

static void choose_target(void)
{
	target = &target_ramdisk.device;
	for (struct disk *disk = NULL; (disk = disk_next(disk)) != NULL;)
		if (disk->device != place.device && !disk->device->read_only &&
		    disk->device->sectors >= COPY_BYTES / SECTOR_SIZE)
			target = disk->device;
	note("from device to device: %s to %s", place.device->name, target->name);
}

static void take_machine(void)
{
	enum memory_kind kind;

	source_ramdisk = target_ramdisk = (struct ramdisk){.nr_areas = 0};
	test_cleanup(destroy_ramdisks, NULL);
	require(ramdisk_create(&source_ramdisk, "ram0", NODE_ANY, AREA_SIZE) == 0);
	require(ramdisk_create(&target_ramdisk, "ram1", NODE_ANY, AREA_SIZE) == 0);
	kind = scheme_place_take(&source_ramdisk.device);
	note("data: %llu MiB of %s memory", mib(place.frames << PAGE_SHIFT),
	     memory_kind_name(kind));
	choose_target();
}

/* Two levels are there twice, for they cost less than others in one state and more in the other. */
static void make_rows(void)
{
	require(nr_schemes < ROWS_MAX);
	nr_rows = 0;
	for (size_t i = 0; i < nr_schemes; i++)
		rows[nr_rows++] = (struct row){.name = schemes[i]->name, .ops = schemes[i]};
	rows[nr_rows++] =
		(struct row){.name = "two-level-split", .ops = &two_level_scheme, .split = true};
}

/* Every scheme in the same memory, with the same device. */
TEST(schemes, table)
{
	take_machine();
	make_rows();
	count_error = 0;
	for (size_t i = 0; i < nr_rows; i++) {
		measure_row(&rows[i]);
		check_row(&rows[i]);
		measure_all(&rows[i]);
		progress(i + 1, nr_rows, "schemes");
	}
	print_bytes();
	print_costs();
	measure_usual();
	expect_eq(count_error, 0);
	print_features();
}
