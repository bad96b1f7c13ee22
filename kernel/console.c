/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/console.h"

#include "kernel/lock.h"
#include "kernel/screen.h"
#include "kernel/serial.h"
#include "kernel/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text of 512 characters takes 44 ms at 115200 baud, and a screen that scrolls takes its time. */
#define SEIZE_NANOSECONDS 1000000000UL

static struct lock lock;

/* What the screen shows when it arrives. */
static char replay[CONSOLE_REPLAY_MAX];
static size_t replay_bytes;
static bool has_screen;

/* Something was written since the last newline; an interrupt handler wants to know. */
static volatile bool in_line;

void console_init(void)
{
	serial_init();
}

void console_add_screen(const struct framebuffer *framebuffer, void *mapped)
{
	bool taken = lock_take(&lock);

	screen_init(framebuffer, mapped);
	has_screen = true;
	screen_write(replay, replay_bytes);
	if (taken)
		lock_give(&lock);
}

static void write_to_screen(const char *text, size_t length)
{
	if (has_screen) {
		screen_write(text, length);
		return;
	}
	if (length > sizeof(replay) - replay_bytes)
		length = sizeof(replay) - replay_bytes;
	memcpy(replay + replay_bytes, text, length);
	replay_bytes += length;
}

static void write_text(const char *text, size_t length)
{
	write_to_screen(text, length);
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		size_t line = newline ? (size_t)(newline - text) : length;

		in_line = true;
		serial_write(text, line);
		if (!newline)
			return;
		serial_write("\r\n", 2);
		in_line = false;
		text += line + 1;
		length -= line + 1;
	}
}

void console_write(const char *text, size_t length)
{
	bool taken = lock_take(&lock);

	write_text(text, length);
	if (taken)
		lock_give(&lock);
}

void console_line(const char *format, ...)
{
	char line[CONSOLE_LINE_MAX + 2];
	va_list arguments;
	bool taken;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);

	size_t length = strnlen(line, CONSOLE_LINE_MAX);

	line[length] = '\n';
	taken = lock_take(&lock);
	if (in_line)
		write_text("\n", 1);
	write_text(line, length + 1);
	if (taken)
		lock_give(&lock);
}

void console_seize(void)
{
	uint64_t start = time_nanoseconds();

	while (!lock_is_mine(&lock) && !lock_try(&lock) &&
	       time_nanoseconds() - start < SEIZE_NANOSECONDS)
		__builtin_ia32_pause();
	lock_seize(&lock);
}
