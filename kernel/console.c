/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/console.h"

#include "kernel/serial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void console_init(void)
{
	serial_init();
}

void console_write(const char *text, size_t length)
{
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		size_t line = newline ? (size_t)(newline - text) : length;

		serial_write(text, line);
		if (!newline)
			return;
		serial_write("\r\n", 2);
		text += line + 1;
		length -= line + 1;
	}
}

void console_line(const char *format, ...)
{
	char line[CONSOLE_LINE_MAX + 1];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	console_write(line, strlen(line));
	console_write("\n", 1);
}
