/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot information of multiboot2 in memory (Multiboot2 Specification 2.0, section 3.6): a
 * header, then tags, each starting at a multiple of 8 bytes.
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* What the loader leaves in eax. */
#define MULTIBOOT2_MAGIC 0x36d76289u

struct multiboot2_header {
	uint32_t total_size; /* of header and tags */
	uint32_t reserved;
};
static_assert(sizeof(struct multiboot2_header) == 8, "3.6.2");

enum multiboot2_tag_type {
	MULTIBOOT2_END = 0,
	MULTIBOOT2_CMDLINE = 1,
	MULTIBOOT2_MEMORY_MAP = 6,
	MULTIBOOT2_FRAMEBUFFER = 8,
	MULTIBOOT2_EFI32_TABLE = 11,
	MULTIBOOT2_EFI64_TABLE = 12,
	MULTIBOOT2_ACPI1_RSDP = 14,
	MULTIBOOT2_ACPI2_RSDP = 15,
	MULTIBOOT2_EFI32_IMAGE = 19,
	MULTIBOOT2_EFI64_IMAGE = 20,
};

struct multiboot2_tag {
	uint32_t type;
	uint32_t size; /* of the tag with this header, without padding */
};
static_assert(sizeof(struct multiboot2_tag) == 8, "3.6.2");

/* 3.6.8: followed by entries of entry_size bytes each. */
struct multiboot2_memory_map {
	struct multiboot2_tag tag;
	uint32_t entry_size;
	uint32_t entry_version;
};
static_assert(sizeof(struct multiboot2_memory_map) == 16, "3.6.8");

struct multiboot2_memory {
	uint64_t start;
	uint64_t length;
	uint32_t type;
	uint32_t reserved;
};
static_assert(sizeof(struct multiboot2_memory) == 24, "3.6.8");

/*
 * 3.6.12. The text gives `reserved` 8 bits, the specification's own multiboot2.h and GRUB give it
 * 16. The colours are there for MULTIBOOT2_RGB only.
 */
enum { MULTIBOOT2_INDEXED = 0, MULTIBOOT2_RGB = 1, MULTIBOOT2_EGA_TEXT = 2 };

struct multiboot2_framebuffer {
	struct multiboot2_tag tag;
	uint64_t start;
	uint32_t pitch;
	uint32_t width;
	uint32_t height;
	uint8_t bits_per_pixel;
	uint8_t type;
	uint16_t reserved;
	struct {
		uint8_t shift;
		uint8_t bits;
	} red, green, blue;
	uint16_t padding;
};
static_assert(offsetof(struct multiboot2_framebuffer, pitch) == 16, "3.6.12");
static_assert(offsetof(struct multiboot2_framebuffer, type) == 29, "3.6.12");
static_assert(offsetof(struct multiboot2_framebuffer, red) == 32, "3.6.12");
static_assert(offsetof(struct multiboot2_framebuffer, blue) == 36, "3.6.12");
