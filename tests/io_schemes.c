/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matrix of block I/O (tests/io.c) over each scheme of page descriptors: the scheme holds the
 * memory, and the block layer gets segments. In the page map half of the memory is split, so that
 * pieces are long and short; bios are up to 2 MiB, alone and eight at once, from one CPU and from
 * all.
 */
#include "drivers/disks.h"
#include "mm/host.h"
#include "tests/harness/io_matrix.h"
#include "tests/harness/memory.h"
#include "tests/harness/scheme_ground.h"
#include "tests/harness/scheme_io.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

/*
 * The pool has descriptors for little more than one bio of 2 MiB, so that others have to wait. The
 * first area of the ground is for what a scheme keeps there.
 */
enum { LANES_MAX = 4, LANE_AREAS = 4, POOL = 1024, SLOW_NUMBER = 1, FIRST_DISK_NUMBER = 2 };

/* Of a disk for each CPU, and of the device that only tests have, which shows that it works. */
#define LANE_BYTES   (4ul << 20)
#define SLOW_LONGEST 4096

static const size_t sizes[] = {512, 4096, 65536, 2 << 20};
static const unsigned depths[] = {1, SCHEME_BIOS_MAX};

static struct io_lane lanes[LANES_MAX];
static struct scheme_bios bios[LANES_MAX];
static struct arena plains[LANES_MAX], lists[LANES_MAX], notes[LANES_MAX], buffers[LANES_MAX];
static struct arena arenas[LANES_MAX];
static unsigned nr_lanes;
static uint64_t ground_frames;
static struct scheme *scheme;

static void give_arenas(void *unused)
{
	(void)unused;
	arenas_give(buffers, nr_lanes);
	arenas_give(notes, nr_lanes);
	arenas_give(lists, nr_lanes);
	arenas_give(plains, nr_lanes);
}

static void join_areas(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < nr_lanes; i++)
		for (size_t j = arenas[i].nr_whole; j < arenas[i].nr; j++)
			expect_eq(page_collapse(arenas[i].areas[j]), 0);
}

/* Cuts the ground into the arenas of the lanes; the second half of each is split. */
static void share_ground(enum memory_kind kind)
{
	for (unsigned i = 0; i < nr_lanes; i++)
		arenas[i] = (struct arena){.kind = kind};
	test_cleanup(join_areas, NULL);
	for (unsigned i = 0; i < nr_lanes; i++) {
		struct arena *arena = &arenas[i];

		arena->nr_whole = LANE_AREAS / 2;
		for (; arena->nr < LANE_AREAS; arena->nr++) {
			pfn_t area = pfn_add(ground_start(),
					     (1 + i * LANE_AREAS + arena->nr) * PAGES_PER_AREA);

			arena->areas[arena->nr] = area;
			if (arena->nr >= arena->nr_whole)
				require(page_split(area) == 0);
		}
	}
}

static void take(enum memory_kind kind)
{
	struct arena *const dram[] = {plains, lists, notes, buffers};
	unsigned wanted = host_cpus() < LANES_MAX ? host_cpus() : LANES_MAX;
	size_t areas;

	ground_frames = ground_take_areas(kind, 1 + wanted * LANE_AREAS);
	areas = ground_frames / PAGES_PER_AREA;
	nr_lanes = areas ? (unsigned)((areas - 1) / LANE_AREAS) : 0;
	if (nr_lanes == 0)
		skip("too little %s memory: %d areas are needed", memory_kind_name(kind),
		     1 + LANE_AREAS);
	for (size_t i = 0; i < ARRAY_SIZE(dram); i++)
		for (unsigned lane = 0; lane < nr_lanes; lane++)
			dram[i][lane] = (struct arena){0};
	test_cleanup(give_arenas, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(dram); i++)
		arenas_take(dram[i], nr_lanes, 1, MEMORY_DRAM, ARENA_WHOLE);
	share_ground(kind);
	for (unsigned i = 0; i < nr_lanes; i++)
		lanes[i] = (struct io_lane){.arena = arenas[i],
					    .plain = plains[i],
					    .pieces = lists[i],
					    .by_scheme = &bios[i]};
}

static void begin(const struct scheme_ops *ops)
{
	scheme = ground_begin(ops, ground_frames, POOL);
	for (unsigned i = 0; i < nr_lanes; i++)
		bios[i] = (struct scheme_bios){
			.scheme = scheme, .notes = notes[i], .buffers = buffers[i]};
	require(!pfn_before(arenas[0].areas[0], scheme->start));
}

/* What is pinned when all I/O is over. */
static uint64_t pins_left(void)
{
	uint64_t pins = 0;

	for (uint64_t i = 0; !scheme_refusal(scheme, SCHEME_COUNTS) && i < scheme->frames; i++)
		pins += (uint64_t)scheme_pins(scheme, pfn_add(scheme->start, i));
	return pins;
}

static void run_disk(struct block_device *device, uint32_t number, enum block_operation operation,
		     size_t longest)
{
	const struct io_matrix matrix = {
		.lanes = lanes,
		.nr_lanes = nr_lanes,
		.lane_bytes = LANE_BYTES,
		.sizes = sizes,
		.nr_sizes = ARRAY_SIZE(sizes),
		.depths = depths,
		.nr_depths = ARRAY_SIZE(depths),
	};
	struct io_done done = io_matrix_run(&matrix, device, number, operation, longest);
	uint64_t refused = 0;

	for (unsigned i = 0; i < nr_lanes; i++) {
		refused += bios[i].refused;
		bios[i].refused = 0;
	}
	note("%s, %s: %llu cases on %u CPUs, %llu bios, %llu MiB; %llu cases left out; %llu times "
	     "a bio had to wait for %s",
	     scheme->ops->name, device->name, (unsigned long long)done.cases, nr_lanes,
	     (unsigned long long)done.bios, (unsigned long long)done.bytes >> 20,
	     (unsigned long long)done.left_out, (unsigned long long)refused,
	     scheme_io_copies(scheme) ? "a buffer" : "descriptors");
	if (done.cases == 0)
		fail("%s, %s: nothing was done", scheme->ops->name, device->name);
}

static void run_scheme(enum block_operation operation, struct block_device *slow_device)
{
	uint32_t number = FIRST_DISK_NUMBER;

	if (scheme_io_copies(scheme))
		note("%s: no device works on its frames, so they are copied: %s", scheme->ops->name,
		     scheme_refusal(scheme, SCHEME_DEVICES));
	run_disk(slow_device, SLOW_NUMBER, operation, SLOW_LONGEST);
	for (struct disk *disk = NULL; (disk = disk_next(disk)) != NULL; number++)
		if (operation == BLOCK_READ || !disk->device->read_only)
			run_disk(disk->device, number, operation, SIZE_MAX);
	if (pins_left() != 0)
		fail("%s: %llu pins are left", scheme->ops->name, (unsigned long long)pins_left());
}

static void run_matrix(enum block_operation operation, enum memory_kind kind)
{
	struct block_device *slow_device = create_slow();

	take(kind);
	for (size_t i = 0; i < nr_schemes; i++) {
		begin(schemes[i]);
		run_scheme(operation, slow_device);
	}
}

/* Reads bring every sector to its place over each scheme, and touch nothing else. */
TEST(io_schemes, read_into_dram)
{
	run_matrix(BLOCK_READ, MEMORY_DRAM);
}

TEST(io_schemes, read_into_persistent_memory)
{
	run_matrix(BLOCK_READ, MEMORY_PERSISTENT);
}

/* Writes leave every sector where it belongs on the disk. */
TEST(io_schemes, write_from_dram)
{
	run_matrix(BLOCK_WRITE, MEMORY_DRAM);
}

TEST(io_schemes, write_from_persistent_memory)
{
	run_matrix(BLOCK_WRITE, MEMORY_PERSISTENT);
}
