/* SPDX-License-Identifier: BSD-2-Clause */
#include "boot/multiboot2.h"

#include "boot/multiboot2_layout.h"

#include <errno.h>
#include <string.h>

/* One tag with its header; `size` bytes are readable. */
struct tag {
	uint32_t type;
	const uint8_t *bytes;
	size_t size;
};

/* Copies a structure out of the tag; false if the tag is shorter. */
static bool tag_copy(struct tag tag, void *structure, size_t bytes)
{
	if (tag.size < bytes)
		return false;
	memcpy(structure, tag.bytes, bytes);
	return true;
}

static int read_cmdline(struct tag tag, struct boot_info *info)
{
	const char *text = (const char *)tag.bytes + sizeof(struct multiboot2_tag);
	size_t length = strnlen(text, tag.size - sizeof(struct multiboot2_tag));

	if (length >= sizeof(info->cmdline))
		return -E2BIG;
	memcpy(info->cmdline, text, length);
	info->cmdline[length] = '\0';
	return 0;
}

static int read_memory_map(struct tag tag, struct boot_info *info)
{
	struct multiboot2_memory_map map;
	struct multiboot2_memory entry;

	if (!tag_copy(tag, &map, sizeof(map)) || map.entry_size < sizeof(entry))
		return -EINVAL;

	size_t nr = (tag.size - sizeof(map)) / map.entry_size;

	for (size_t i = 0; i < nr; i++) {
		memcpy(&entry, tag.bytes + sizeof(map) + i * map.entry_size, sizeof(entry));
		boot_info_add_memory(info, entry.start, entry.length, entry.type);
	}
	return 0;
}

static int read_framebuffer(struct tag tag, struct boot_info *info)
{
	struct multiboot2_framebuffer from;

	memset(&from, 0, sizeof(from));
	if (!tag_copy(tag, &from, offsetof(struct multiboot2_framebuffer, red)))
		return -EINVAL;

	struct framebuffer to = {
		.type = FRAMEBUFFER_TEXT,
		.start = phys(from.start),
		.pitch = from.pitch,
		.width = from.width,
		.height = from.height,
		.bits_per_pixel = from.bits_per_pixel,
	};

	if (from.type == MULTIBOOT2_RGB) {
		if (!tag_copy(tag, &from, offsetof(struct multiboot2_framebuffer, padding)))
			return -EINVAL;
		if (from.red.bits != 8 || from.green.bits != 8 || from.blue.bits != 8)
			return 0;
		to.type = FRAMEBUFFER_RGB;
		to.red_shift = from.red.shift;
		to.green_shift = from.green.shift;
		to.blue_shift = from.blue.shift;
	} else if (from.type != MULTIBOOT2_EGA_TEXT) {
		return 0;
	}
	info->framebuffer = to;
	return 0;
}

/* A copy of ACPI's root pointer: 20 bytes of version 1, or 36 since version 2, which is better. */
static void read_rsdp(struct tag tag, struct boot_info *info)
{
	size_t bytes = tag.size - sizeof(struct multiboot2_tag);

	if (bytes > sizeof(info->rsdp_copy))
		bytes = sizeof(info->rsdp_copy);
	if (bytes < info->rsdp_copy_bytes)
		return;
	memcpy(info->rsdp_copy, tag.bytes + sizeof(struct multiboot2_tag), bytes);
	info->rsdp_copy_bytes = bytes;
}

static int read_tag(struct tag tag, struct boot_info *info)
{
	switch (tag.type) {
	case MULTIBOOT2_CMDLINE:
		return read_cmdline(tag, info);
	case MULTIBOOT2_MEMORY_MAP:
		return read_memory_map(tag, info);
	case MULTIBOOT2_FRAMEBUFFER:
		return read_framebuffer(tag, info);
	case MULTIBOOT2_ACPI1_RSDP:
	case MULTIBOOT2_ACPI2_RSDP:
		read_rsdp(tag, info);
		return 0;
	case MULTIBOOT2_EFI32_TABLE:
	case MULTIBOOT2_EFI64_TABLE:
	case MULTIBOOT2_EFI32_IMAGE:
	case MULTIBOOT2_EFI64_IMAGE:
		info->firmware = "uefi";
		return 0;
	default:
		return 0;
	}
}

int multiboot2_parse(const void *information, size_t length, struct boot_info *info)
{
	const uint8_t *bytes = information;
	size_t offset = sizeof(struct multiboot2_header);
	struct multiboot2_tag header;

	info->loader = "multiboot2";
	info->firmware = "bios";
	while (offset < length && length - offset >= sizeof(header)) {
		memcpy(&header, bytes + offset, sizeof(header));
		if (header.size < sizeof(header) || header.size > length - offset)
			return -EINVAL;
		if (header.type == MULTIBOOT2_END)
			return info->nr_map ? 0 : -EINVAL;

		int error = read_tag((struct tag){header.type, bytes + offset, header.size}, info);

		if (error)
			return error;
		offset += align_up((size_t)header.size, 8);
	}
	return -EINVAL;
}
