/* SPDX-License-Identifier: BSD-2-Clause */
/* Which namespaces of an NVMe controller become disks, on a controller in memory. */
#include "drivers/nvme_disk.h"
#include "tests/harness/fake_nvme.h"
#include "tests/harness/memory.h"
#include "tests/harness/slow_device.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void expect_disks(size_t nr)
{
	expect_eq(fake_open(1, true), 0);
	expect_eq(fake.nvme.nr_disks, nr);
	nvme_controller_close(&fake.nvme.controller);
}

/* Namespaces that the driver cannot use are left alone, the others are not. */
TEST(nvme_namespaces, unusable_ones_are_left_alone)
{
	static const uint8_t shifts[] = {0, 8, 13, 64, 255};

	fake_create();
	fake.namespaces[0].blocks = 0;
	expect_disks(1);
	fake_create();
	fake.namespaces[0].blocks = UINT64_MAX;
	expect_disks(1);
	fake_create();
	fake.namespaces[0].format = 2; /* of two */
	expect_disks(1);
	fake_create();
	fake.namespaces[0].formats[0].metadata_bytes = 8;
	expect_disks(1);
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		fake_create();
		fake.namespaces[0].formats[0].block_shift = shifts[i];
		expect_disks(1);
	}
}

/* A list of namespaces is taken as far as it makes sense. */
TEST(nvme_namespaces, list_makes_sense)
{
	fake_create();
	fake.list[1] = 1; /* twice */
	expect_disks(1);
	fake_create();
	fake.controller.nr_namespaces = 1;
	expect_disks(1);
	fake_create();
	for (uint32_t i = 0; i < NVME_NAMESPACE_LIST_MAX; i++)
		fake.list[i] = i + 1; /* to the end, and most of it is not there */
	fake.controller.nr_namespaces = UINT32_MAX;
	expect_disks(2);
	fake_create();
	fake.version = 0x00010000;
	fake.list[0] = 0; /* has no such list */
	expect_disks(2);
}

/* A namespace that takes no writes is a disk that takes none. */
TEST(nvme_namespaces, write_protected_one_is_read_only)
{
	fake_create();
	fake.namespaces[1].attributes = NVME_NAMESPACE_WRITE_PROTECTED;
	require(fake_open(1, true) == 0);
	expect(!fake_disk(0)->read_only);
	expect(fake_disk(1)->read_only);
}

/* --- Command sets. --- */

/* Appends a descriptor of namespace to the list, which ends at `at`. Returns where it ends then. */
static size_t describe(size_t at, uint8_t type, uint8_t length, uint8_t value)
{
	struct nvme_namespace_descriptor descriptor = {.type = type, .length = length};

	memcpy(fake.descriptors + at, &descriptor, sizeof(descriptor));
	memset(fake.descriptors + at + sizeof(descriptor), value, length);
	return at + sizeof(descriptor) + length;
}

/* Zones and keys have commands of their own, so their namespaces are no disks for us. */
TEST(nvme_namespaces, those_of_other_command_sets_are_left_alone)
{
	for (uint8_t set = 0; set < 3; set++) {
		fake_create();
		fake.cap |= NVME_CAP_COMMAND_SETS;
		(void)describe(describe(0, 3, 16, 0xee), NVME_DESCRIPTOR_COMMAND_SET, 1, set);
		expect_disks(set == NVME_COMMAND_SET_NVM ? 2 : 0);
	}
}

/* What a list says of command sets does not count where the controller knows one only. */
TEST(nvme_namespaces, no_descriptors_where_there_is_one_command_set)
{
	fake_create();
	(void)describe(0, NVME_DESCRIPTOR_COMMAND_SET, 1, 2);
	expect_disks(2);
}

/* A list of descriptors is read to its end and no further, whatever their lengths say. */
TEST(nvme_namespaces, descriptors_stay_inside_their_list)
{
	static const uint8_t whole[] = {3, 2, 0, 0, 0xee, 0xee, NVME_DESCRIPTOR_COMMAND_SET,
					1, 0, 0, 2};

	for (size_t bytes = 0; bytes <= sizeof(whole); bytes++) {
		/* Of its own size, so that a sanitizer sees a byte too many. */
		uint8_t *list = malloc(bytes);
		const uint8_t *set;

		require(list || bytes == 0);
		if (bytes > 0)
			memcpy(list, whole, bytes);
		set = nvme_descriptor(list, bytes, NVME_DESCRIPTOR_COMMAND_SET, 1);
		expect(set == (bytes == sizeof(whole) ? &list[10] : NULL));
		expect(nvme_descriptor(list, bytes, NVME_DESCRIPTOR_COMMAND_SET, 2) == NULL);
		expect((nvme_descriptor(list, bytes, NVME_DESCRIPTOR_UUID, 2) != NULL) ==
		       (bytes >= 6));
		for (size_t i = 0; i < bytes; i++)
			list[i] = 0xff;
		expect(nvme_descriptor(list, bytes, 0xff, 1) == NULL);
		free(list);
	}
}

/* A controller that does not say which command set it is gets no namespace used. */
TEST(nvme_namespaces, unanswered_question_leaves_them_alone)
{
	fake_create();
	fake.cap |= NVME_CAP_COMMAND_SETS;
	fake.no_descriptors = true;
	expect_disks(0);
	fake_create();
	fake.no_descriptors = true; /* of one set only */
	expect_disks(2);
}

/* --- What a medium is called. --- */

/* A namespace is called the same by every controller that shows it: by all of its three names. */
TEST(nvme_namespaces, names_are_those_of_the_medium)
{
	static const uint8_t expected[] = {
		[0 ... 15] = 0x0a, [16 ... 23] = 0x0b, [24 ... 39] = 0x0c};

	fake_create();
	memset(fake.namespaces[0].nguid, 0x0a, sizeof(fake.namespaces[0].nguid));
	memset(fake.namespaces[0].eui64, 0x0b, sizeof(fake.namespaces[0].eui64));
	(void)describe(0, NVME_DESCRIPTOR_UUID, 16, 0x0c);
	require(fake_open(1, true) == 0);
	expect(memcmp(fake.nvme.disks[0].medium.id, expected, sizeof(expected)) == 0);
	expect(memcmp(fake.nvme.disks[1].medium.id, expected, sizeof(expected)) != 0);
}

/* One before 1.3, which may not know descriptors, is not asked for them. */
TEST(nvme_namespaces, older_controllers_have_no_uuid)
{
	static const struct disk_medium unknown;

	fake_create();
	fake.version = 0x00010200;
	(void)describe(0, NVME_DESCRIPTOR_UUID, 16, 0x0c);
	require(fake_open(1, true) == 0);
	expect(memcmp(&fake.nvme.disks[0].medium, &unknown, sizeof(unknown)) == 0);
}

/* --- Nonsense. --- */

static void fill_at_random(void *start, size_t bytes)
{
	uint8_t *at = start;

	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)test_random_below(256);
}

/* Some fields at random and some as they were: all of them at random goes no further than one. */
static void damage(void *start, size_t bytes)
{
	uint8_t *at = start;

	for (unsigned i = 0; i < 8; i++)
		at[test_random_below(bytes)] = (uint8_t)test_random_below(256);
}

static void answer_at_random(void)
{
	fake_create();
	if (test_random_below(2))
		fake.cap |= NVME_CAP_COMMAND_SETS;
	damage(&fake.controller, sizeof(fake.controller));
	fake.controller.sqes = 0x66;
	fake.controller.cqes = 0x44;
	for (size_t i = 0; i < FAKE_NAMESPACES; i++) {
		damage(&fake.namespaces[i], 32);
		damage(fake.namespaces[i].formats, sizeof(fake.namespaces[i].formats));
	}
	if (test_random_below(2))
		damage(fake.list, 16);
	fill_at_random(fake.descriptors, sizeof(fake.descriptors));
}

/* Whatever a controller says of itself, its disks are sound or there are none. */
TEST(nvme_namespaces, answers_at_random_do_no_harm)
{
	pfn_t frames = test_take(MEMORY_DRAM, AREA_SIZE);
	unsigned opened = 0;

	for (unsigned round = 0; round < 60; round++) {
		answer_at_random();
		if (fake_open(1, test_random_below(2)) != 0)
			continue;
		for (size_t i = 0; i < fake.nvme.nr_disks; i++) {
			struct block_device *device = fake_disk(i);
			struct bio_piece piece = piece_of(frames, 0, device->block_size);
			struct bio bio = make_bio(BLOCK_READ, &piece, 1);
			int error;

			opened++;
			expect(device->block_size >= 512 && device->block_size <= PAGE_SIZE);
			expect(device->sectors > 0);
			error = block_execute(device, &bio);
			expect(error == 0 || error == -EIO || error == -ENODEV);
		}
		nvme_controller_close(&fake.nvme.controller);
	}
	expect(opened > 0);
}
