/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical memory that shows on a screen, as firmware describes it: not to be trusted. */
#pragma once

#include "mm/types.h"

enum framebuffer_type {
	FRAMEBUFFER_NONE,
	FRAMEBUFFER_RGB,  /* pixels with 8 bits for each colour */
	FRAMEBUFFER_TEXT, /* characters with attributes, 16 bits each, of old PCs */
};

struct framebuffer {
	enum framebuffer_type type;
	phys_t start;
	uint32_t pitch;         /* bytes from one line to the next */
	uint32_t width, height; /* pixels, or characters for FRAMEBUFFER_TEXT */
	uint8_t bits_per_pixel;
	uint8_t red_shift, green_shift, blue_shift;
};
