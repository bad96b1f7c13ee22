/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast disks are: requests per second and bytes per second, one at a time and many at once,
 * from one CPU and from all, into persistent memory where it may be written and DRAM elsewhere.
 * These are times, and so as good as the machine is quiet; the suite `cost` has what is exact.
 */
#include "drivers/disks.h"
#include "drivers/ramdisk.h"
#include "mm/host.h"
#include "tests/harness/arena.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>

enum { CPUS_MAX = 16, DEPTH_MAX = 32 };

#define SAMPLE_NANOSECONDS 50000000ull
#define RAMDISK_BYTES      (4 * AREA_SIZE)

struct load {
	const char *name;
	enum block_operation operation;
	size_t bytes;
	unsigned depth; /* of each CPU */
	bool all_cpus;
};

static const struct load loads[] = {
	{"read4k_qd1", BLOCK_READ, PAGE_SIZE, 1, false},
	{"read4k_qd32", BLOCK_READ, PAGE_SIZE, DEPTH_MAX, false},
	{"read4k_qd32_all_cpus", BLOCK_READ, PAGE_SIZE, DEPTH_MAX, true},
	{"read2m", BLOCK_READ, AREA_SIZE, 2, false},
	{"write4k_qd1", BLOCK_WRITE, PAGE_SIZE, 1, false},
	{"write4k_qd32", BLOCK_WRITE, PAGE_SIZE, DEPTH_MAX, false},
	{"write4k_qd32_all_cpus", BLOCK_WRITE, PAGE_SIZE, DEPTH_MAX, true},
	{"write2m", BLOCK_WRITE, AREA_SIZE, 2, false},
};

/* What each CPU has: two areas for the data, and its bios. */
static struct arena arenas[CPUS_MAX];
static struct bio bios[CPUS_MAX][DEPTH_MAX];
static struct bio_piece pieces[CPUS_MAX][DEPTH_MAX];
static uint64_t done[CPUS_MAX];
static uint64_t nanoseconds[CPUS_MAX];
static unsigned nr_cpus;
static struct block_device *device;
static const struct load *load;
static struct ramdisk ramdisk;

static void give(void *unused)
{
	(void)unused;
	arenas_give(arenas, nr_cpus);
}

static void destroy_ramdisk(void *unused)
{
	(void)unused;
	ramdisk_destroy(&ramdisk);
}

static void take(void)
{
	const struct region *region = NULL;
	bool persistent = false;

	while ((region = next_region(region, MEMORY_PERSISTENT)) != NULL)
		persistent |= region->writable && region_bytes(region) >= 2 * CPUS_MAX * AREA_SIZE;
	nr_cpus = host_cpus() < CPUS_MAX ? host_cpus() : CPUS_MAX;
	test_cleanup(give, NULL);
	arenas_take(arenas, nr_cpus, 2, persistent ? MEMORY_PERSISTENT : MEMORY_DRAM, ARENA_WHOLE);
	note("data is in %s memory",
	     memory_kind_name(persistent ? MEMORY_PERSISTENT : MEMORY_DRAM));
}

/*
 * The next request of a CPU: one after the other through the first area's worth of the disk, of
 * which each CPU that takes part has a part of its own.
 */
static void submit(struct bio *bio, uint64_t number)
{
	size_t cpus = load->all_cpus ? nr_cpus : 1;
	size_t room = align_down(AREA_SIZE / cpus, load->bytes);
	size_t place = host_cpu() % cpus * room + number * load->bytes % room;
	int error;

	bio->sector = place / SECTOR_SIZE;
	do {
		error = block_submit(device, bio);
		if (error == -EAGAIN)
			block_poll(device);
	} while (error == -EAGAIN);
	if (error) {
		bio->status = error;
		fail("%s: sector %llu: error %d", device->name, (unsigned long long)bio->sector,
		     error);
	}
}

static void work(void *unused)
{
	unsigned cpu = host_cpu();
	uint64_t start = host_nanoseconds();
	uint64_t number = 0;
	unsigned in_flight = 0;
	bool over = false;

	(void)unused;
	if (cpu >= nr_cpus)
		return;
	for (unsigned i = 0; i < load->depth; i++, in_flight++) {
		pieces[cpu][i] = arena_piece(&arenas[cpu], i * load->bytes, load->bytes);
		bios[cpu][i] = (struct bio){
			.operation = load->operation, .pieces = &pieces[cpu][i], .nr_pieces = 1};
		submit(&bios[cpu][i], number++);
	}
	done[cpu] = 0;
	while (in_flight > 0) {
		block_poll(device);
		over = over || host_nanoseconds() - start > SAMPLE_NANOSECONDS;
		for (unsigned i = 0; i < load->depth; i++) {
			struct bio *bio = &bios[cpu][i];

			if (bio->status == -EINPROGRESS || bio->context == bio)
				continue;
			expect_eq(bio->status, 0);
			done[cpu]++;
			if (!over && bio->status == 0) {
				submit(bio, number++);
				continue;
			}
			bio->context = bio; /* seen to its end */
			in_flight--;
		}
	}
	nanoseconds[cpu] = host_nanoseconds() - start;
}

static void measure_load(void)
{
	unsigned cpus = load->all_cpus ? nr_cpus : 1;
	uint64_t requests = 0, longest = 1;
	char name[80];

	if (load->all_cpus)
		host_on_each_cpu(work, NULL);
	else
		work(NULL);
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		requests += done[cpu];
		if (nanoseconds[cpu] > longest)
			longest = nanoseconds[cpu];
	}
	expect(requests > 0);
	snprintf(name, sizeof(name), "%s.%s", device->name, load->name);
	if (load->bytes > PAGE_SIZE)
		measure_rate(name, requests * load->bytes, longest);
	else
		measure(name, requests * 1000000000 / longest, "requests/s");
}

static void measure_device(struct block_device *measured)
{
	device = measured;
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		load = &loads[i];
		if (load->operation == BLOCK_READ || !device->read_only)
			measure_load();
	}
}

/* Of every disk with 2 MiB or more, and of a RAM disk to compare with. */
TEST(io_speed, disks)
{
	take();
	require(ramdisk_create(&ramdisk, "ram0", NODE_ANY, RAMDISK_BYTES) == 0);
	test_cleanup(destroy_ramdisk, NULL);
	measure_device(&ramdisk.device);
	for (struct disk *disk = NULL; (disk = disk_next(disk)) != NULL;)
		if (disk->device->sectors >= AREA_SIZE / SECTOR_SIZE)
			measure_device(disk->device);
}
