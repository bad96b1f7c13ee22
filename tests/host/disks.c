/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of disks, and what write= lets be written. Hosted only: the kernel has a list in use. */
#include "drivers/disks.h"

#include <errno.h>
#include <string.h>

#include "drivers/ramdisk.h"
#include "mm/frame_alloc.h"
#include "tests/test.h"

static struct ramdisk devices[4];
static struct disk disks[4];
static uint8_t media[4]; /* of each; 0: unknown */

static void destroy(void *unused)
{
	(void)unused;
	disks_permit("");
	memset(media, 0, sizeof(media));
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		ramdisk_destroy(&devices[i]);
}

/* nvme0n1 and nvme0n2 on nvme0, vda, and nvme1n1, whose medium takes no writes, on nvme1. */
static void add_disks(const char *write)
{
	static const char *const names[] = {"nvme0n1", "nvme0n2", "vda", "nvme1n1"};
	static const char *const controllers[] = {"nvme0", "nvme0", "", "nvme1"};

	disks_permit(write);
	test_cleanup(destroy, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		require(ramdisk_create(&devices[i], names[i], NODE_ANY, SECTOR_SIZE) == 0);
		devices[i].device.read_only = i == 3;
		disks[i] = (struct disk){.device = &devices[i].device, .driver = "fake"};
		disks[i].medium.id[7] = media[i];
		strcpy(disks[i].controller, controllers[i]);
		disk_text(disks[i].model, "A model", 7);
		disk_text(disks[i].serial, "", 0);
		require(disk_add(&disks[i]) == 0);
	}
}

/* Which of the disks take writes, as in "wr-r": a minus for those that nobody may. */
static void expect_writable(const char *write, const char *expected)
{
	char found[ARRAY_SIZE(disks) + 1] = "";
	size_t i = 0;

	add_disks(write);
	for (const struct disk *disk = disk_next(NULL); disk; disk = disk_next(disk))
		found[i++] = disk->device->read_only ? 'r' : 'w';
	expect_str(found, expected);
	destroy(NULL);
}

/* A disk may be written if it or its controller is named, and never by `all`. */
TEST(disks, written_by_name_only)
{
	expect_writable("", "rrrr");
	expect_writable("all", "rrrr");
	expect_writable("all,pmem0", "rrrr");
	expect_writable("nvme0n2", "rwrr");
	expect_writable("nvme0", "wwrr");
	expect_writable("vda,nvme0n1", "wrwr");
	expect_writable("nvme,nvme0n,nvme0n11,vd,vdaa", "rrrr");
}

/* What the device refuses stays refused, and the block layer says so. */
TEST(disks, protected_by_the_device)
{
	struct bio bio = {.operation = BLOCK_FLUSH};

	expect_writable("nvme1", "rrrr");
	add_disks("nvme1n1");
	expect(disk_find("nvme1n1")->protected && disk_find("nvme1n1")->permitted);
	expect(!disk_find("nvme0n1")->protected && !disk_find("nvme0n1")->permitted);
	bio.operation = BLOCK_WRITE;
	expect_eq(block_submit(&devices[0].device, &bio), -EROFS);
}

/* The first, the second and the last disk show one medium. */
static void expect_shared(const char *write, const char *expected)
{
	media[0] = media[1] = media[3] = 5;
	media[2] = 6;
	expect_writable(write, expected);
}

/* A medium that several disks show is written if all are named, and through the first alone. */
TEST(disks, shared_medium_needs_all_names)
{
	expect_shared("nvme0n1", "rrrr");
	expect_shared("nvme0", "rrrr");
	expect_shared("nvme1n1,nvme0n2", "rrrr");
	expect_shared("nvme0n1,nvme1n1,vda", "rrwr");
	expect_shared("nvme0n1,nvme0n2,nvme1n1", "wrrr");
	expect_shared("nvme0,nvme1", "wrrr");
}

/* No two disks have one name, and names are found whole. */
TEST(disks, names)
{
	struct disk again;

	add_disks("");
	again = disks[1];
	expect_eq(disk_add(&again), -EEXIST);
	expect(disk_find("vda") == &disks[2]);
	expect(disk_find("nvme0") == NULL);
	expect(disks_have_name("nvme0", 5));
	expect(disks_have_name("nvme0n1,vda", 7));
	expect(!disks_have_name("nvme0n1", 6));
	expect(!disks_have_name("", 0));
}

/* What a device calls itself cannot break the report. */
TEST(disks, texts)
{
	static const char long_text[] = "0123456789012345678901234567890123456789012345678901234";
	char text[DISK_TEXT_MAX];

	disk_text(text, "  QEMU NVMe\tCtrl\x7f\n\xff    ", 23);
	expect_str(text, "QEMU-NVMe-Ctrl---");
	disk_text(text, "ab\0\0\0\0", 6);
	expect_str(text, "ab");
	disk_text(text, "    ", 4);
	expect_str(text, "none");
	disk_text(text, long_text, strlen(long_text));
	expect_eq(strlen(text), DISK_TEXT_MAX - 1);
}

static char lines[1024];

static void keep(const char *line)
{
	strncat(lines, line, sizeof(lines) - strlen(lines) - 1);
}

/* The report has a line for each. */
TEST(disks, lines)
{
	lines[0] = '\0';
	add_disks("nvme0n1");
	disks_print(keep);
	expect(strstr(lines, "# disk name=nvme0n1 driver=fake model=A-model serial=none sectors=1 "
			     "block=512 queues=1 read-only=no write=yes"));
	expect(strstr(lines, "read-only=yes write=no"));
	expect(!strstr(lines, "same-as") && !strstr(lines, "not written"));
}

/* ... which says which disks are one, and why what is named is not written. */
TEST(disks, lines_of_a_shared_medium)
{
	lines[0] = '\0';
	media[0] = media[1] = media[2] = 5;
	add_disks("nvme0");
	disks_print(keep);
	expect(strstr(lines, "# nvme0n1: not written, since vda shows the same medium and write= "
			     "does not name it"));
	expect(strstr(lines, "# nvme0n2: not written, since vda shows"));
	expect(strstr(lines, "write=yes same-as=nvme0n1"));
	expect(strstr(lines, "write=no same-as=nvme0n1"));
	expect(!strstr(lines, "# vda: not written"));
	destroy(NULL);
	lines[0] = '\0';
	media[0] = media[2] = 5;
	add_disks("nvme0n1,vda");
	disks_print(keep);
	expect(strstr(lines, "# vda: not written, since its medium is written through nvme0n1"));
	expect(!strstr(lines, "# nvme0n1: not written"));
}
