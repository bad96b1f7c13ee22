/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/screen.h"

#include <string.h>

/* Larger screens use their upper left part. */
enum { COLUMNS_MAX = 256, ROWS_MAX = 128 };

enum { GLYPH_WIDTH = 8, GLYPH_HEIGHT = 16 };

/* A PSF file of version 1 (console-setup, "man psf"): four bytes of header, then the glyphs. */
enum { PSF_MAGIC0 = 0x36, PSF_MAGIC1 = 0x04, PSF_GLYPH_BYTES = 3, PSF_HEADER = 4 };
extern const uint8_t font_file[], font_file_end[];

/* Light grey on black, as a PC's text attribute and as the level of each colour. */
enum { TEXT_ATTRIBUTE = 0x07, PIXEL_LEVEL = 0xc0 };

static struct framebuffer screen; /* FRAMEBUFFER_NONE: there is no screen */
static uint8_t *memory;
static size_t columns, rows;

/* What stands there, and where the next character goes. */
static char text[ROWS_MAX][COLUMNS_MAX];
static size_t row, column;

static bool font_usable(void)
{
	size_t needed = PSF_HEADER + 128 * GLYPH_HEIGHT;

	return (size_t)(font_file_end - font_file) >= needed && font_file[0] == PSF_MAGIC0 &&
	       font_file[1] == PSF_MAGIC1 && font_file[PSF_GLYPH_BYTES] == GLYPH_HEIGHT;
}

static bool shift_usable(const struct framebuffer *fb, uint8_t shift)
{
	return shift % 8 == 0 && shift < fb->bits_per_pixel;
}

size_t screen_bytes(const struct framebuffer *fb)
{
	uint64_t line;

	switch (fb->type) {
	case FRAMEBUFFER_RGB:
		if ((fb->bits_per_pixel != 24 && fb->bits_per_pixel != 32) ||
		    !shift_usable(fb, fb->red_shift) || !shift_usable(fb, fb->green_shift) ||
		    !shift_usable(fb, fb->blue_shift) || !font_usable())
			return 0;
		line = (uint64_t)fb->width * fb->bits_per_pixel / 8;
		break;
	case FRAMEBUFFER_TEXT:
		line = (uint64_t)fb->width * 2;
		break;
	default:
		return 0;
	}

	uint64_t bytes = (uint64_t)fb->pitch * fb->height;

	/* 256 MiB is an 8K screen twice over. */
	if (line == 0 || fb->pitch < line || bytes == 0 || bytes > 1 << 28)
		return 0;
	return bytes;
}

/* Whole lines of a glyph are written at once: memory behind a bus likes few and large stores. */
static void draw_glyph(size_t at_row, size_t at_column, const uint8_t *glyph)
{
	size_t pixel_bytes = screen.bits_per_pixel / 8;
	uint32_t light = (uint32_t)PIXEL_LEVEL << screen.red_shift |
			 (uint32_t)PIXEL_LEVEL << screen.green_shift |
			 (uint32_t)PIXEL_LEVEL << screen.blue_shift;

	for (size_t y = 0; y < GLYPH_HEIGHT; y++) {
		uint8_t line[GLYPH_WIDTH * sizeof(uint32_t)];
		size_t bytes = 0;

		for (size_t x = 0; x < GLYPH_WIDTH; x++) {
			uint32_t colour = glyph[y] & 0x80 >> x ? light : 0;

			for (size_t byte = 0; byte < pixel_bytes; byte++)
				line[bytes++] = (uint8_t)(colour >> 8 * byte);
		}
		memcpy(memory + (at_row * GLYPH_HEIGHT + y) * screen.pitch + at_column * bytes,
		       line, bytes);
	}
}

/* Puts a character there and shows it, unless it stands there already. */
static void set_cell(size_t at_row, size_t at_column, char c)
{
	if (text[at_row][at_column] == c)
		return;
	text[at_row][at_column] = c;
	if (screen.type == FRAMEBUFFER_RGB) {
		draw_glyph(at_row, at_column, font_file + PSF_HEADER + (size_t)c * GLYPH_HEIGHT);
	} else {
		uint8_t *cell = memory + at_row * screen.pitch + at_column * 2;

		cell[0] = (uint8_t)c;
		cell[1] = TEXT_ATTRIBUTE;
	}
}

static void move_up(size_t by)
{
	for (size_t y = 0; y < rows; y++) {
		for (size_t x = 0; x < columns; x++)
			set_cell(y, x, y + by < rows ? text[y + by][x] : ' ');
	}
	row -= by;
}

static void next_line(void)
{
	column = 0;
	row++;
	if (row >= rows)
		move_up((rows + 1) / 2);
}

void screen_init(const struct framebuffer *fb, void *mapped)
{
	size_t bytes = screen_bytes(fb);

	screen.type = FRAMEBUFFER_NONE;
	if (bytes == 0)
		return;
	memory = mapped;
	columns = fb->type == FRAMEBUFFER_RGB ? fb->width / GLYPH_WIDTH : fb->width;
	rows = fb->type == FRAMEBUFFER_RGB ? fb->height / GLYPH_HEIGHT : fb->height;
	if (columns > COLUMNS_MAX)
		columns = COLUMNS_MAX;
	if (rows > ROWS_MAX)
		rows = ROWS_MAX;
	if (columns == 0 || rows == 0)
		return;

	screen = *fb;
	row = column = 0;
	memset(memory, 0, bytes);
	memset(text, 0, sizeof(text));
	for (size_t y = 0; y < rows; y++) {
		for (size_t x = 0; x < columns; x++)
			set_cell(y, x, ' ');
	}
}

void screen_write(const char *string, size_t length)
{
	if (screen.type == FRAMEBUFFER_NONE)
		return;
	for (size_t i = 0; i < length; i++) {
		char c = string[i];

		if (c == '\n') {
			next_line();
			continue;
		}
		if (column >= columns)
			next_line();
		set_cell(row, column++, c >= ' ' && c <= '~' ? c : '?');
	}
}
