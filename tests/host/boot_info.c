/* SPDX-License-Identifier: BSD-2-Clause */
/* The parsers of what boot loaders hand over, on information that no loader would. */
#include "boot/multiboot2.h"
#include "boot/multiboot2_layout.h"
#include "boot/pvh.h"
#include "boot/pvh_layout.h"
#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct boot_info info;

/* Boot information in the making. */
static uint8_t image[65536];
static size_t image_bytes;

static void begin(void)
{
	memset(image, 0, sizeof(image));
	image_bytes = sizeof(struct multiboot2_header);
}

static void add_tag(uint32_t type, const void *body, size_t bytes)
{
	struct multiboot2_tag tag = {type, (uint32_t)(sizeof(tag) + bytes)};

	require(image_bytes + sizeof(tag) + bytes + 8 <= sizeof(image));
	memcpy(image + image_bytes, &tag, sizeof(tag));
	if (bytes)
		memcpy(image + image_bytes + sizeof(tag), body, bytes);
	image_bytes += align_up(sizeof(tag) + bytes, 8);
}

/* A map of `nr` ranges of 1 MiB, in entries of `entry_size` bytes. */
static void add_map(uint32_t nr, uint32_t entry_size)
{
	static uint8_t body[32768];
	uint32_t head[2] = {entry_size, 0};

	memset(body, 0xee, sizeof(body));
	memcpy(body, head, sizeof(head));
	for (uint32_t i = 0; i < nr; i++) {
		struct multiboot2_memory entry = {(i + 1ULL) << 20, 1 << 20, MEMORY_TYPE_RAM, 0};

		memcpy(body + sizeof(head) + i * entry_size, &entry, sizeof(entry));
	}
	add_tag(MULTIBOOT2_MEMORY_MAP, body, sizeof(head) + nr * entry_size);
}

/* Parses the first `bytes` of a copy that ends where they end, so that ASan sees an over-read. */
static int parse_first(size_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);

	require(copy != NULL);
	memcpy(copy, image, bytes);
	memset(&info, 0, sizeof(info));

	int result = multiboot2_parse(copy, bytes, &info);

	free(copy);
	return result;
}

static int parse(void)
{
	return parse_first(image_bytes);
}

/* All that GRUB says under UEFI on a PC with a screen. */
static void build_everything(void)
{
	static const uint8_t rsdp1[20] = "RSD PTR one", rsdp2[36] = "RSD PTR two";
	static const uint8_t table[8];
	struct multiboot2_framebuffer screen = {
		.start = 0xfd000000,
		.pitch = 4096,
		.width = 1024,
		.height = 768,
		.bits_per_pixel = 32,
		.type = MULTIBOOT2_RGB,
		.red = {16, 8},
		.green = {8, 8},
		.blue = {0, 8},
	};

	begin();
	add_tag(MULTIBOOT2_CMDLINE, "tests=page seed=1", 18);
	add_tag(0x1234, "unknown", 7);
	add_map(3, 24);
	add_tag(MULTIBOOT2_FRAMEBUFFER, &screen.start, 30);
	add_tag(MULTIBOOT2_ACPI2_RSDP, rsdp2, sizeof(rsdp2));
	add_tag(MULTIBOOT2_ACPI1_RSDP, rsdp1, sizeof(rsdp1));
	add_tag(MULTIBOOT2_EFI64_TABLE, table, sizeof(table));
	add_tag(MULTIBOOT2_END, NULL, 0);
}

/* Each tag that matters is taken over; one that is unknown is passed by. */
TEST(boot_info, multiboot2_is_read)
{
	build_everything();
	require(parse() == 0);
	expect_str(info.loader, "multiboot2");
	expect_str(info.firmware, "uefi");
	expect_str(info.cmdline, "tests=page seed=1");
	expect_eq(info.nr_map, 3);
	expect_eq(info.map[2].start.addr, 3 << 20);
	expect_eq(info.map[2].length, 1 << 20);
	expect_eq(info.map[2].type, MEMORY_TYPE_RAM);
	expect_eq(info.framebuffer.type, FRAMEBUFFER_RGB);
	expect_eq(info.framebuffer.start.addr, 0xfd000000);
	expect_eq(info.framebuffer.pitch, 4096);
	expect_eq(info.framebuffer.width, 1024);
	expect_eq(info.framebuffer.height, 768);
	expect_eq(info.framebuffer.bits_per_pixel, 32);
	expect_eq(info.framebuffer.red_shift, 16);
	expect_eq(info.framebuffer.green_shift, 8);
	expect_eq(info.framebuffer.blue_shift, 0);
}

/* Of two copies of the root pointer the 36 bytes since ACPI 2.0 win, whichever comes first. */
TEST(boot_info, newer_rsdp_wins)
{
	static const uint8_t rsdp1[20] = "one", rsdp2[36] = "two";

	build_everything();
	require(parse() == 0);
	expect_eq(info.rsdp_copy_bytes, 36);
	expect_str((const char *)info.rsdp_copy, "RSD PTR two");

	begin();
	add_map(1, 24);
	add_tag(MULTIBOOT2_ACPI1_RSDP, rsdp1, sizeof(rsdp1));
	add_tag(MULTIBOOT2_ACPI2_RSDP, rsdp2, sizeof(rsdp2));
	add_tag(MULTIBOOT2_END, NULL, 0);
	require(parse() == 0);
	expect_eq(info.rsdp_copy_bytes, 36);
	expect_str((const char *)info.rsdp_copy, "two");
	expect_str(info.firmware, "bios");
}

/* A root pointer that is longer than any known is cut. */
TEST(boot_info, rsdp_is_36_bytes_at_most)
{
	static const uint8_t rsdp[64] = "long";

	begin();
	add_map(1, 24);
	add_tag(MULTIBOOT2_ACPI2_RSDP, rsdp, sizeof(rsdp));
	add_tag(MULTIBOOT2_END, NULL, 0);
	require(parse() == 0);
	expect_eq(info.rsdp_copy_bytes, sizeof(info.rsdp_copy));
}

/* A framebuffer of pixels comes with its colours; another kind need not. */
TEST(boot_info, pixels_have_colours)
{
	struct multiboot2_framebuffer screen = {.type = MULTIBOOT2_RGB};
	size_t without_colours = offsetof(struct multiboot2_framebuffer, red) - 8;

	begin();
	add_map(1, 24);
	add_tag(MULTIBOOT2_FRAMEBUFFER, &screen.start, without_colours);
	add_tag(MULTIBOOT2_END, NULL, 0);
	expect_eq(parse(), -EINVAL);

	screen.type = MULTIBOOT2_EGA_TEXT;
	begin();
	add_map(1, 24);
	add_tag(MULTIBOOT2_FRAMEBUFFER, &screen.start, without_colours);
	add_tag(MULTIBOOT2_END, NULL, 0);
	expect_eq(parse(), 0);
	expect_eq(info.framebuffer.type, FRAMEBUFFER_TEXT);
}

/* A loader may append fields to the map's entries: their size is what it says. */
TEST(boot_info, map_entries_have_the_size_stated)
{
	begin();
	add_map(3, 40);
	add_tag(MULTIBOOT2_END, NULL, 0);
	require(parse() == 0);
	expect_eq(info.nr_map, 3);
	expect_eq(info.map[2].start.addr, 3 << 20);

	begin();
	add_map(3, 24);
	add_tag(MULTIBOOT2_END, NULL, 0);
	for (uint8_t size = 0; size < sizeof(struct multiboot2_memory); size++) {
		image[sizeof(struct multiboot2_header) + sizeof(struct multiboot2_tag)] = size;
		expect_eq(parse(), -EINVAL);
	}
}

/* A map with more entries than there is room for is cut, and the count says so. */
TEST(boot_info, what_does_not_fit_the_map_is_counted)
{
	begin();
	add_map(BOOT_MAP_MAX + 5, 24);
	add_tag(MULTIBOOT2_END, NULL, 0);
	require(parse() == 0);
	expect_eq(info.nr_map, BOOT_MAP_MAX);
	expect_eq(info.map_dropped, 5);
}

/* Without a memory map nothing can be done. */
TEST(boot_info, a_map_is_required)
{
	begin();
	add_tag(MULTIBOOT2_CMDLINE, "", 1);
	add_tag(MULTIBOOT2_END, NULL, 0);
	expect_eq(parse(), -EINVAL);
}

/* A command line is taken whole or not at all; its NUL may be missing. */
TEST(boot_info, cmdline_is_whole)
{
	static char text[BOOT_CMDLINE_MAX];

	memset(text, 'a', sizeof(text));
	begin();
	add_map(1, 24);
	add_tag(MULTIBOOT2_CMDLINE, text, sizeof(text) - 1);
	add_tag(MULTIBOOT2_END, NULL, 0);
	require(parse() == 0);
	expect_eq(strlen(info.cmdline), BOOT_CMDLINE_MAX - 1);

	begin();
	add_map(1, 24);
	add_tag(MULTIBOOT2_CMDLINE, text, sizeof(text));
	add_tag(MULTIBOOT2_END, NULL, 0);
	expect_eq(parse(), -E2BIG);
}

/* Information that stops anywhere before its end is refused, and nothing behind it is read. */
TEST(boot_info, cut_multiboot2_is_refused)
{
	build_everything();
	for (size_t bytes = 0; bytes < image_bytes; bytes++)
		expect_eq(parse_first(bytes), -EINVAL);
}

/* Whatever the bytes are, nothing outside them is read. */
TEST(boot_info, damaged_multiboot2_is_survived)
{
	for (unsigned round = 0; round < 20000; round++) {
		build_everything();
		for (uint64_t damage = test_random_below(8); damage > 0; damage--)
			image[test_random_below(image_bytes)] = (uint8_t)test_random();
		if (parse() == 0)
			expect(info.nr_map > 0);
	}
}

/* PVH's information in a small physical memory that starts here. */
enum { MEMORY_START = 0x9000, MEMORY_BYTES = 4096 };
static uint8_t *memory;

static const void *memory_at(phys_t start, size_t bytes)
{
	if (start.addr < MEMORY_START || start.addr - MEMORY_START > MEMORY_BYTES ||
	    bytes > MEMORY_BYTES - (start.addr - MEMORY_START))
		return NULL;
	return memory + (start.addr - MEMORY_START);
}

static void free_memory(void *unused)
{
	(void)unused;
	free(memory);
}

static struct pvh_start_info *build_pvh(void)
{
	struct pvh_start_info *start = (struct pvh_start_info *)(void *)memory;
	struct pvh_memory map[2] = {
		{0, 0xa0000, MEMORY_TYPE_RAM, 0},
		{0xf0000, 0x10000, MEMORY_TYPE_RESERVED, 0},
	};

	memset(memory, 0, MEMORY_BYTES);
	*start = (struct pvh_start_info){
		.magic = PVH_START_MAGIC,
		.version = 1,
		.cmdline = MEMORY_START + 256,
		.rsdp = 0xf5a00,
		.memory_map = MEMORY_START + 128,
		.memory_map_entries = ARRAY_SIZE(map),
	};
	memcpy(memory + 128, map, sizeof(map));
	strcpy((char *)memory + 256, "repeat=2");
	memset(&info, 0, sizeof(info));
	return start;
}

static struct pvh_start_info *setup_pvh(void)
{
	memory = malloc(MEMORY_BYTES);
	require(memory != NULL);
	test_cleanup(free_memory, NULL);
	return build_pvh();
}

static int parse_pvh(void)
{
	return pvh_parse(phys(MEMORY_START), memory_at, &info);
}

/* The map, the root pointer and the command line are taken over. */
TEST(boot_info, pvh_is_read)
{
	setup_pvh();
	require(parse_pvh() == 0);
	expect_str(info.loader, "pvh");
	expect_str(info.firmware, "unknown");
	expect_str(info.cmdline, "repeat=2");
	expect_eq(info.rsdp.addr, 0xf5a00);
	expect_eq(info.nr_map, 2);
	expect_eq(info.map[1].start.addr, 0xf0000);
	expect_eq(info.map[1].type, MEMORY_TYPE_RESERVED);
}

/* What is not PVH's information is refused. */
TEST(boot_info, pvh_has_a_magic_number)
{
	setup_pvh()->magic++;
	expect_eq(parse_pvh(), -EINVAL);
}

/* Version 0 has no memory map, and a machine without one cannot be used. */
TEST(boot_info, pvh_without_a_map_is_refused)
{
	setup_pvh()->version = 0;
	expect_eq(parse_pvh(), -EINVAL);
	build_pvh()->memory_map_entries = 0;
	expect_eq(parse_pvh(), -EINVAL);
	build_pvh()->memory_map_entries = UINT32_MAX;
	expect_eq(parse_pvh(), -EINVAL);
	build_pvh()->memory_map = UINT64_MAX - 8;
	expect_eq(parse_pvh(), -EINVAL);
}

/* No command line is an empty one; one without an end, or where no memory is, is refused. */
TEST(boot_info, pvh_cmdline_is_whole)
{
	setup_pvh()->cmdline = 0;
	expect_eq(parse_pvh(), 0);
	expect_str(info.cmdline, "");
	build_pvh()->cmdline = 1;
	expect_eq(parse_pvh(), -EINVAL);
	build_pvh()->cmdline = MEMORY_START + MEMORY_BYTES - 4;
	memset(memory + MEMORY_BYTES - 4, 'a', 4);
	expect_eq(parse_pvh(), -EINVAL);
	build_pvh();
	memset(memory + 256, 'a', BOOT_CMDLINE_MAX);
	expect_eq(parse_pvh(), -E2BIG);
}

/* Whatever the bytes are, nothing outside the memory is read. */
TEST(boot_info, damaged_pvh_is_survived)
{
	setup_pvh();
	for (unsigned round = 0; round < 20000; round++) {
		build_pvh();
		for (uint64_t damage = test_random_below(8); damage > 0; damage--)
			memory[test_random_below(512)] = (uint8_t)test_random();
		if (parse_pvh() == 0)
			expect(info.nr_map > 0);
	}
}
