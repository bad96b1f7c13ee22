/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe controllers of this machine, by both ways to name memory to them, and with their queues in
 * either kind of memory. Disks that may not be written are read, and what is read is compared.
 */
#include "drivers/nvme.h"
#include "kernel/time.h"
#include "mm/host.h"
#include "tests/harness/disk.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum { DEPTH = 8, EXERCISES = 200, READS_EACH = 400 };

static const struct nvme_choice usual = {.memory = MEMORY_DRAM, .sgl = true};

/* --- Controllers and disks. --- */

static void need_controllers(void)
{
	if (!nvme_next(NULL))
		skip("the machine has no nvme device");
}

static void reopen(struct nvme *nvme, struct nvme_choice choice)
{
	int error = nvme_reopen(nvme, choice);

	if (error)
		fail("%s does not start again: error %d", nvme->controller.name, error);
	require(!error);
}

static void reopen_all(void *unused)
{
	(void)unused;
	for (struct nvme *nvme = nvme_next(NULL); nvme; nvme = nvme_next(nvme))
		reopen(nvme, usual);
}

static enum memory_kind kind_of(const struct dma_memory *memory)
{
	return pfn_to_region(phys_to_pfn(memory->start))->kind;
}

/* Calls body() for every disk, with the controllers opened so, and then as they were. */
static void with_choice(struct nvme_choice choice, void (*body)(struct block_device *))
{
	need_controllers();
	test_cleanup(reopen_all, NULL);
	for (struct nvme *nvme = nvme_next(NULL); nvme; nvme = nvme_next(nvme)) {
		reopen(nvme, choice);
		expect_eq(kind_of(&nvme->controller.admin_memory), choice.memory);
		expect_eq(kind_of(&nvme->controller.queue_memory[0]), choice.memory);
		for (size_t i = 0; i < nvme->nr_disks; i++)
			body(&nvme->disks[i].device);
	}
}

/* --- What a disk holds at its beginning, read one page at a time. --- */

static pfn_t reference, target, second;
static size_t reference_bytes;

static void take_areas(void)
{
	reference = test_take(MEMORY_DRAM, AREA_SIZE);
	target = test_take(MEMORY_DRAM, AREA_SIZE);
	second = test_take(MEMORY_DRAM, AREA_SIZE);
}

static int read_run(struct block_device *device, size_t sector, pfn_t area, size_t offset,
		    size_t length)
{
	struct bio_piece piece = {pfn_to_page(area), offset, length};
	struct bio bio = {
		.operation = BLOCK_READ, .sector = sector, .pieces = &piece, .nr_pieces = 1};

	return block_execute(device, &bio);
}

static void read_reference(struct block_device *device)
{
	reference_bytes = AREA_SIZE;
	if (device->sectors < AREA_SIZE / SECTOR_SIZE)
		reference_bytes = align_down(device->sectors * SECTOR_SIZE, PAGE_SIZE);
	for (size_t at = 0; at < reference_bytes; at += PAGE_SIZE)
		require(read_run(device, at / SECTOR_SIZE, reference, at, PAGE_SIZE) == 0);
}

/* --- Shapes of requests. --- */

static const size_t offsets[] = {0, 4, 512, PAGE_SIZE - 4, PAGE_SIZE + 2048};
static const size_t lengths[] = {
	PAGE_SIZE,      2 * PAGE_SIZE, 3 * PAGE_SIZE,
	17 * PAGE_SIZE, AREA_SIZE / 4, AREA_SIZE - 2 * PAGE_SIZE,
};

static bool is_all(const unsigned char *bytes, unsigned char value, size_t length)
{
	return length == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/* Reads a run of random sectors; nothing but what is read may change. */
static void check_run(struct block_device *device, size_t offset, size_t length)
{
	unsigned char *bytes = test_virt(target, 0);
	size_t at = test_random_below(reference_bytes - length + 1);
	size_t end = offset + length;

	at = align_down(at, device->block_size);
	memset(bytes, 0xa5, AREA_SIZE);
	require(read_run(device, at / SECTOR_SIZE, target, offset, length) == 0);
	if (memcmp(bytes + offset, test_virt(reference, at), length) != 0)
		fail("%s: %zu bytes from byte %zu at offset %zu differ", device->name, length, at,
		     offset);
	expect(is_all(bytes, 0xa5, offset));
	expect(is_all(bytes + end, 0xa5, AREA_SIZE - end));
}

/* Reads into single pages, with a hole after every third one. */
static void check_scattered(struct block_device *device)
{
	struct bio_piece pieces[100];
	struct bio bio = {.operation = BLOCK_READ, .pieces = pieces};

	memset(test_virt(target, 0), 0xa5, AREA_SIZE);
	for (size_t frame = 0; bio.nr_pieces < ARRAY_SIZE(pieces); frame++)
		if (frame % 4 != 3)
			pieces[bio.nr_pieces++] = (struct bio_piece){
				pfn_to_page(pfn_add(target, frame)), 0, PAGE_SIZE};
	require(block_execute(device, &bio) == 0);
	for (size_t i = 0; i < bio.nr_pieces; i++) {
		size_t at = (i / 3 * 4 + i % 3) * PAGE_SIZE;

		expect(memcmp(test_virt(target, at), test_virt(reference, i * PAGE_SIZE),
			      PAGE_SIZE) == 0);
		expect(i % 3 != 2 || is_all(test_virt(target, at + PAGE_SIZE), 0xa5, PAGE_SIZE));
	}
}

/* Reads 4 MiB into two areas, by one request if the disk takes such: the longest lists there are.
 */
static void check_longest(struct block_device *device)
{
	const struct bio_piece pieces[] = {{pfn_to_page(target), 0, AREA_SIZE},
					   {pfn_to_page(second), 0, AREA_SIZE}};
	struct bio bio = {
		.operation = BLOCK_READ, .pieces = pieces, .nr_pieces = ARRAY_SIZE(pieces)};

	memset(test_virt(second, 0), 0xa5, AREA_SIZE);
	memset(test_virt(target, 0), 0xa5, AREA_SIZE);
	require(block_execute(device, &bio) == 0);
	expect(memcmp(test_virt(target, 0), test_virt(reference, 0), AREA_SIZE) == 0);
	for (size_t at = 0; at < AREA_SIZE; at += PAGE_SIZE)
		require(read_run(device, (AREA_SIZE + at) / SECTOR_SIZE, target, at, PAGE_SIZE) ==
			0);
	expect(memcmp(test_virt(target, 0), test_virt(second, 0), AREA_SIZE) == 0);
}

static void check_shapes(struct block_device *device)
{
	read_reference(device);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		for (size_t k = 0; k < ARRAY_SIZE(lengths); k++)
			if (lengths[k] <= reference_bytes)
				check_run(device, offsets[i], lengths[k]);
	if (device->sectors >= 2 * AREA_SIZE / SECTOR_SIZE)
		check_longest(device);
	require(page_split(target) == 0);
	if (reference_bytes == AREA_SIZE)
		check_scattered(device);
	require(page_collapse(target) == 0);
}

/* Every shape of request reads what single pages read, and touches nothing else: by PRP lists. */
TEST(nvme, shapes_by_prps)
{
	need_controllers();
	take_areas();
	with_choice((struct nvme_choice){.memory = MEMORY_DRAM, .sgl = false}, check_shapes);
}

/* The same by SGLs, on controllers that take them. */
TEST(nvme, shapes_by_sgls)
{
	need_controllers();
	take_areas();
	with_choice(usual, check_shapes);
}

/* The same with queues and lists in persistent memory, where the controller fetches commands. */
TEST(nvme, shapes_by_queues_in_persistent_memory)
{
	need_controllers();
	(void)next_writable(NULL);
	take_areas();
	with_choice((struct nvme_choice){.memory = MEMORY_PERSISTENT, .sgl = false}, check_shapes);
}

/* --- Writes, where write= permits them. --- */

static struct disk_scratch scratch;
static unsigned nr_written;

static void exercise(struct block_device *device)
{
	if (device->read_only)
		return;
	disk_exercise(device, &scratch, nr_written++, EXERCISES);
}

static void exercise_all(struct nvme_choice choice)
{
	need_controllers();
	nr_written = 0;
	disk_scratch_take(&scratch);
	with_choice(choice, exercise);
	if (nr_written == 0)
		skip("no nvme disk may be written");
}

/* Writes and reads of random runs, from and to random pieces, by PRP lists. */
TEST(nvme, exercise_by_prps)
{
	exercise_all((struct nvme_choice){.memory = MEMORY_DRAM, .sgl = false});
}

/* The same by SGLs. */
TEST(nvme, exercise_by_sgls)
{
	exercise_all(usual);
}

static void flush(struct block_device *device)
{
	struct bio bio = {.operation = BLOCK_FLUSH};

	expect_eq(block_execute(device, &bio), 0);
}

/* A flush of what nobody wrote succeeds, too. */
TEST(nvme, flush)
{
	with_choice(usual, flush);
}

/* --- All CPUs. --- */

static struct nvme *shared;
static pfn_t pages[HOST_CPUS_MAX];
static unsigned nr_read[HOST_CPUS_MAX];

/* Keeps requests to all disks of the controller in flight, in turn. */
static void read_much(void *unused)
{
	unsigned cpu = host_cpu();
	struct bio_piece piece = {pfn_to_page(pages[cpu]), 0, PAGE_SIZE};
	struct bio bios[DEPTH];

	(void)unused;
	for (size_t i = 0; i < DEPTH; i++)
		bios[i] = (struct bio){.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};
	for (unsigned round = 0; nr_read[cpu] < READS_EACH; round++) {
		struct block_device *device = &shared->disks[round % shared->nr_disks].device;
		struct bio *bio = &bios[round % DEPTH];

		if (bio->status == -EINPROGRESS) {
			block_poll(device);
			continue;
		}
		expect_eq(bio->status, 0);
		if (block_submit(device, bio) == 0)
			nr_read[cpu]++;
		else
			block_poll(device);
	}
	for (size_t i = 0; i < DEPTH; i++) {
		while (bios[i].status == -EINPROGRESS)
			block_poll(&shared->disks[0].device);
		expect_eq(bios[i].status, 0);
	}
}

/* All CPUs and all disks of a controller at once; each CPU gets its own requests back. */
TEST(nvme, all_cpus_at_once)
{
	unsigned nr = host_cpus();
	uint64_t start;
	uint64_t bytes = 0;

	need_controllers();
	for (unsigned cpu = 0; cpu < nr; cpu++)
		require(frame_alloc(MEMORY_DRAM, NODE_ANY, PAGE_SIZE, &pages[cpu]) == 0);
	start = time_nanoseconds();
	for (shared = nvme_next(NULL); shared; shared = nvme_next(shared)) {
		if (shared->nr_disks == 0)
			continue;
		memset(nr_read, 0, sizeof(nr_read));
		host_on_each_cpu(read_much, NULL);
		bytes += (uint64_t)nr * READS_EACH * PAGE_SIZE;
		for (unsigned i = 0; i < shared->controller.nr_queues; i++)
			expect_eq(shared->controller.queues[i].block.in_flight, 0);
	}
	measure_rate("read_4k", bytes, time_nanoseconds() - start);
	for (unsigned cpu = 0; cpu < nr; cpu++)
		expect_eq(frame_free(pages[cpu], PAGE_SIZE), 0);
}

/* A controller that went away can be started anew when it comes back. */
TEST(disk_faults, nvme_controller_that_comes_back)
{
	struct nvme *gone = NULL;
	struct bio_piece piece = {pfn_to_page(test_take(MEMORY_DRAM, PAGE_SIZE)), 0, PAGE_SIZE};
	struct bio bio = {.operation = BLOCK_READ, .pieces = &piece, .nr_pieces = 1};

	while ((gone = nvme_next(gone)))
		if (strcmp(gone->disks[0].disk.serial, "bad-gone") == 0)
			break;
	if (!gone)
		skip("no NVMe disk's serial is bad-gone");
	pci_enable(nvme_function(gone));
	reopen(gone, usual);
	expect_eq(block_execute(&gone->disks[0].device, &bio), 0);
}
