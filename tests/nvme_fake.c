/* SPDX-License-Identifier: BSD-2-Clause */
/* The NVMe driver on a controller in memory: what it does, and what it makes of nonsense. */
#include "mm/host.h"
#include "tests/harness/disk.h"
#include "tests/harness/fake_nvme.h"
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

/* Two disks of a controller with so many queues. */
static void open_sound(unsigned queues, bool sgl)
{
	fake_create();
	require(fake_open(queues, sgl) == 0);
	require(fake.nvme.nr_disks == FAKE_NAMESPACES);
}

static pfn_t take_stamped(size_t size, unsigned char value)
{
	pfn_t start = test_take(MEMORY_DRAM, size);

	memset(test_virt(start, 0), value, size);
	return start;
}

/* --- What it does. --- */

/* A namespace is a disk with its blocks; the controller's limits are the disk's. */
TEST(nvme_fake, namespaces_become_disks)
{
	fake_create();
	fake.controller.mdts = 5;
	require(fake_open(1, false) == 0);
	require(fake.nvme.nr_disks == 2);
	expect_str(fake_disk(0)->name, "fake0n1");
	expect_eq(fake_disk(0)->sectors, 3 * AREA_SIZE / SECTOR_SIZE);
	expect_eq(fake_disk(0)->block_size, 512);
	expect_eq(fake_disk(1)->sectors, 3 * AREA_SIZE / SECTOR_SIZE);
	expect_eq(fake_disk(1)->block_size, 4096);
	expect_eq(fake_disk(0)->max_bytes, 32 * PAGE_SIZE);
	expect_eq(fake_disk(0)->segment_boundary, PAGE_SIZE);
	expect_eq(fake_disk(0)->dma_alignment, 4);
}

static void exercise(bool sgl)
{
	struct disk_scratch scratch;

	open_sound(1, sgl);
	disk_scratch_take(&scratch);
	for (uint32_t i = 0; i < FAKE_NAMESPACES; i++)
		disk_exercise(fake_disk(i), &scratch, i, 400);
	expect_eq(fake.nvme.controller.queues[0].block.in_flight, 0);
}

/* Runs at random places, from and to random pieces of memory, by PRP lists. */
TEST(nvme_fake, exercise_by_prps)
{
	exercise(false);
}

/* The same by SGLs. */
TEST(nvme_fake, exercise_by_sgls)
{
	exercise(true);
}

/* Requests as large as the driver makes them, whose lists have several pages. */
TEST(nvme_fake, largest_request)
{
	struct block_device *device;
	pfn_t areas[3];
	struct bio_piece pieces[3];
	struct bio bio;

	open_sound(1, false);
	device = fake_disk(0);
	for (size_t i = 0; i < 3; i++) {
		areas[i] = take_stamped(AREA_SIZE, (unsigned char)(i + 1));
		pieces[i] = piece_of(areas[i], 0, AREA_SIZE);
	}
	pieces[0] = piece_of(areas[0], PAGE_SIZE - 4, AREA_SIZE - PAGE_SIZE);
	bio = make_bio(BLOCK_WRITE, pieces, 3);
	require(block_execute(device, &bio) == 0);
	pieces[0] = piece_of(areas[0], 4, AREA_SIZE - PAGE_SIZE);
	bio = make_bio(BLOCK_WRITE, pieces, 1);
	require(block_execute(device, &bio) == 0);
	for (size_t i = 0; i < 3; i++)
		memset(test_virt(areas[i], 0), 0, AREA_SIZE);
	pieces[0] = piece_of(areas[0], PAGE_SIZE, AREA_SIZE - PAGE_SIZE);
	bio = make_bio(BLOCK_READ, pieces, 3);
	require(block_execute(device, &bio) == 0);
	for (size_t i = 0; i < 3; i++) {
		const char *bytes = test_virt(areas[i], i ? 0 : PAGE_SIZE);

		expect_eq(bytes[0], i + 1);
		expect(memcmp(bytes, bytes + 1, (i ? AREA_SIZE : AREA_SIZE - PAGE_SIZE) - 1) == 0);
	}
}

/* A request with holes is one command where the controller takes SGLs, and several elsewhere. */
TEST(nvme_fake, holes_need_an_sgl)
{
	for (unsigned sgl = 0; sgl < 2; sgl++) {
		pfn_t frames = take_stamped(AREA_SIZE, 0);
		const struct bio_piece pieces[] = {piece_of(frames, 512, 512),
						   piece_of(frames, 8192 + 1024, 512)};
		struct bio bio = make_bio(BLOCK_READ, pieces, 2);
		unsigned before;

		open_sound(1, sgl);
		before = fake.nr_commands;
		require(block_execute(fake_disk(0), &bio) == 0);
		expect_eq(fake.nr_commands - before, sgl ? 1 : 2);
		expect_eq(fake.last.flags, sgl ? NVME_COMMAND_SGL : 0);
		nvme_controller_close(&fake.nvme.controller);
	}
}

/* A durable write says so in its command; no flush follows. */
TEST(nvme_fake, durable_write_is_one_command)
{
	struct bio_piece piece = piece_of(take_stamped(PAGE_SIZE, 1), 0, PAGE_SIZE);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);
	unsigned before;

	open_sound(1, true);
	before = fake.nr_commands;
	bio.flags = BLOCK_FUA;
	bio.sector = 24;
	require(block_execute(fake_disk(1), &bio) == 0);
	expect_eq(fake.nr_commands - before, 1);
	expect_eq(fake.last.opcode, NVME_WRITE);
	expect_eq(fake.last.nsid, 2);
	expect_eq(fake.last.dword10, 3);
	expect_eq(fake.last.dword12, NVME_FUA);
	bio.flags = 0;
	require(block_execute(fake_disk(1), &bio) == 0);
	expect_eq(fake.last.dword12, 0);
}

/* A flush is a command for a controller with a volatile cache, and nothing for one without. */
TEST(nvme_fake, flush_is_for_a_volatile_cache)
{
	for (unsigned cache = 0; cache < 2; cache++) {
		struct bio bio = make_bio(BLOCK_FLUSH, NULL, 0);
		unsigned before;

		fake_create();
		fake.controller.vwc = (uint8_t)cache;
		require(fake_open(1, true) == 0);
		before = fake.nr_commands;
		require(block_execute(fake_disk(0), &bio) == 0);
		expect_eq(fake.nr_commands - before, cache);
		nvme_controller_close(&fake.nvme.controller);
	}
}

/* The queue takes one command less than it has entries, in any order of completion, for ever. */
TEST(nvme_fake, full_queue_wraps)
{
	enum { ROUNDS = 40, ROOM = 15 };
	pfn_t area = take_stamped(AREA_SIZE, 0);
	struct bio_piece pieces[ROOM + 1];
	struct bio bios[ROOM + 1];
	unsigned nr = 0;

	open_sound(1, true);
	for (size_t i = 0; i <= ROOM; i++) {
		pieces[i] = piece_of(area, i * PAGE_SIZE, PAGE_SIZE);
		bios[i] = make_bio(BLOCK_READ, &pieces[i], 1);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned batch = 1 + (unsigned)test_random_below(ROOM);

		fake.backwards = test_random_below(2);
		batch = round % 4 ? batch : ROOM;
		for (size_t i = 0; i < batch; i++)
			require(block_submit(fake_disk(0), &bios[i]) == 0);
		if (batch == ROOM)
			expect_eq(block_submit(fake_disk(0), &bios[ROOM]), -EAGAIN);
		nr += batch;
		while (times_done < nr)
			require(block_poll(fake_disk(0)) > 0);
	}
	expect_eq(times_done, nr);
}

/* CPUs that have no queue of their own share one. */
TEST(nvme_fake, queues_are_as_many_as_it_gives)
{
	for (unsigned i = 0; i < 2; i++) {
		fake_create();
		fake.submission_queues = 3 - i;
		fake.completion_queues = 2 + i;
		require(fake_open(64, true) == 0);
		expect_eq(fake_disk(0)->nr_queues, 2);
		nvme_controller_close(&fake.nvme.controller);
	}
	fake_create();
	require(fake_open(2, true) == 0);
	expect_eq(fake_disk(0)->nr_queues, 2);
}

/* The end of the run is told to the controller, which then can reach no memory. */
TEST(nvme_fake, shutdown_is_announced)
{
	struct bio bio = make_bio(BLOCK_FLUSH, NULL, 0);

	open_sound(1, true);
	nvme_controller_close(&fake.nvme.controller);
	expect(fake.shut_down);
	expect(!fake.dma);
	expect_eq(block_execute(fake_disk(0), &bio), -ENODEV);
}

/* --- Errors. --- */

/* What the medium cannot do is the bio's error; the disk goes on. */
TEST(nvme_fake, status_becomes_an_error)
{
	static const struct {
		unsigned status;
		int error;
	} cases[] = {
		{NVME_STATUS_READ_ERROR, -EIO},
		{NVME_STATUS_WRITE_PROTECTED, -EROFS},
		{NVME_STATUS_INVALID_NAMESPACE, -ENODEV},
		{0x7ff, -EIO},
	};
	struct bio_piece piece = piece_of(take_stamped(PAGE_SIZE, 0), 0, PAGE_SIZE);
	struct bio bio = make_bio(BLOCK_WRITE, &piece, 1);

	open_sound(1, true);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake.io_status = cases[i].status;
		fake.nr_statuses = 1;
		expect_eq(block_execute(fake_disk(0), &bio), cases[i].error);
		expect_eq(block_execute(fake_disk(0), &bio), 0);
	}
	expect_eq(fake.resets, 0);
}

/*
 * What a read comes to of which the controller takes the command with one fault and has another one
 * when the driver looks.
 */
static int read_through(pfn_t frame, enum fake_fault before, enum fake_fault after)
{
	struct bio_piece piece = piece_of(frame, 0, PAGE_SIZE);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	fake_disk(0)->timeout_ms = 20;
	fake_disk(1)->timeout_ms = 20;
	fake.fault = before;
	require(block_submit(fake_disk(0), &bio) == 0);
	fake_run();
	fake.fault = after;
	while (bio.status == -EINPROGRESS)
		block_poll(fake_disk(0));
	expect_eq(test_look(frame).pins, 0);
	return bio.status;
}

static int read_one(size_t disk, pfn_t frame)
{
	struct bio_piece piece = piece_of(frame, 0, PAGE_SIZE);
	struct bio bio = make_bio(BLOCK_READ, &piece, 1);

	return block_execute(fake_disk(disk), &bio);
}

/* A read that fails with `error`, and those after it, when the driver has reset the controller. */
static void check_recovery(enum fake_fault fault, int error)
{
	pfn_t frame = take_stamped(PAGE_SIZE, 0);

	open_sound(1, true);
	expect_eq(read_through(frame, fault, FAKE_SOUND), error);
	expect_eq(fake.resets, 1);
	expect_eq(read_one(0, frame), 0);
	expect_eq(read_one(1, frame), 0);
}

/* What is never answered is given up, and the controller works again after a reset. */
TEST(nvme_fake, silence_ends_in_a_reset)
{
	check_recovery(FAKE_SILENT, -ETIMEDOUT);
}

/* Completions of what is not in flight end in a reset, too, whatever is wrong with them. */
TEST(nvme_fake, completion_of_an_unknown_command)
{
	check_recovery(FAKE_BAD_ID, -EPROTO);
}

TEST(nvme_fake, completion_of_an_idle_command)
{
	check_recovery(FAKE_IDLE_ID, -EPROTO);
}

TEST(nvme_fake, completion_of_another_queue)
{
	check_recovery(FAKE_BAD_QUEUE, -EPROTO);
}

TEST(nvme_fake, completion_with_a_wrong_head)
{
	check_recovery(FAKE_BAD_HEAD, -EPROTO);
}

/* The controller breaks during a read: it is out of use, and memory is out of its reach. */
static void check_loss(enum fake_fault fault)
{
	pfn_t frame = take_stamped(PAGE_SIZE, 0);

	open_sound(1, true);
	expect_eq(read_through(frame, FAKE_SILENT, fault), -ETIMEDOUT);
	expect(!fake.dma);
	expect_eq(read_one(0, frame), -ENODEV);
	expect_eq(read_one(1, frame), -ENODEV);
}

/* A controller that is gone is out of use, and so is one that does not follow a reset. */
TEST(nvme_fake, controller_that_is_gone)
{
	check_loss(FAKE_GONE);
}

/* What decodes no memory reads as zeros in an emulator: a reset that seems to work at once. */
TEST(nvme_fake, controller_that_reads_as_zeros)
{
	check_loss(FAKE_ZEROS);
}

TEST(nvme_fake, controller_that_cannot_be_reset)
{
	check_loss(FAKE_NEVER_STOPS);
}

TEST(nvme_fake, controller_that_does_not_start_again)
{
	check_loss(FAKE_NEVER_READY);
}

/* A namespace that is another one after a reset is out of use; the others go on. */
TEST(nvme_fake, namespace_that_changed_is_out_of_use)
{
	pfn_t frame = take_stamped(PAGE_SIZE, 0);

	open_sound(1, true);
	fake.namespaces[0].blocks--;
	expect_eq(read_through(frame, FAKE_SILENT, FAKE_SOUND), -ETIMEDOUT);
	expect_eq(read_one(0, frame), -ENODEV);
	expect_eq(read_one(1, frame), 0);
}

/* So is one that is called something else then, whatever its size. */
TEST(nvme_fake, namespace_of_another_name_is_out_of_use)
{
	pfn_t frame = take_stamped(PAGE_SIZE, 0);

	open_sound(1, true);
	fake.namespaces[1].nguid[15] ^= 1;
	fake.namespaces[0].eui64[0] ^= 1;
	expect_eq(read_through(frame, FAKE_SILENT, FAKE_SOUND), -ETIMEDOUT);
	expect_eq(read_one(0, frame), -ENODEV);
	expect_eq(read_one(1, frame), -ENODEV);
}

/* --- What it makes of nonsense at the start. --- */

/* Opens a controller that somebody changed; whatever it says, nothing stays behind. */
static void expect_open(int error)
{
	expect_eq(fake_open(1, true), error);
	if (error)
		expect(!fake.dma);
	nvme_controller_close(&fake.nvme.controller);
}

/* Controllers that cannot be used are refused, each by its error. */
TEST(nvme_fake, unusable_controllers_are_refused)
{
	static const struct {
		enum fake_fault fault;
		int error;
	} faults[] = {
		{FAKE_GONE, -ENODEV},
		{FAKE_NEVER_READY, -ENODEV},
	};
	static const uint8_t commands[] = {NVME_IDENTIFY, NVME_CREATE_CQ, NVME_CREATE_SQ,
					   NVME_SET_FEATURES};
	uint64_t start = host_nanoseconds();

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		fake_create();
		fake.fault = faults[i].fault;
		expect_open(faults[i].error);
	}
	/* One that says that it failed is not waited for. */
	fake_create();
	fake.cap |= 0xffULL << 24;
	fake.fault = FAKE_FATAL;
	expect_open(-ENODEV);
	expect(host_nanoseconds() - start < 10000000000);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		fake_create();
		fake.failing_admin = commands[i];
		expect_open(-EIO);
	}
}

/* A controller that goes away in the middle of its start is an error, or has no disks. */
TEST(nvme_fake, controller_may_go_at_any_command)
{
	unsigned commands = 0;

	for (unsigned after = 1; !commands; after++) {
		fake_create();
		fake.gone_after = after;
		if (fake_open(2, true) == 0 && fake.fault == FAKE_SOUND)
			commands = after;
		else
			expect(!fake.dma && fake.nvme.nr_disks == 0 && !fake_was_asked_in_vain());
		fake.fault = FAKE_SOUND;
		nvme_controller_close(&fake.nvme.controller);
	}
	/* identify, queues, four rings, list, descriptors and format of two namespaces */
	expect_eq(commands, 12);
}

/* Capabilities and sizes that the driver does not have, or that cannot be. */
TEST(nvme_fake, unknown_kinds_are_refused)
{
	fake_create();
	fake.cap &= ~NVME_CAP_NVM_COMMANDS;
	expect_open(-EOPNOTSUPP);
	fake_create();
	fake.cap |= 1ULL << 48; /* pages of 8 KiB at least */
	expect_open(-EOPNOTSUPP);
	fake_create();
	fake.cap &= ~0xffffULL; /* queues of one entry */
	expect_open(-EPROTO);
	fake_create();
	fake.cap |= 15ULL << 32; /* doorbells far past the end of the registers */
	expect_open(-EPROTO);
	fake_create();
	fake.controller.sqes = 0x77;
	expect_open(-EOPNOTSUPP);
	fake_create();
	fake.controller.cqes = 0x33;
	expect_open(-EOPNOTSUPP);
}
