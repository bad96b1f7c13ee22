/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the report goes: the serial port, and the screen once it is there. Both may be missing,
 * and then the text is lost. On any CPU, in any context; no memory is allocated.
 */
#pragma once

#include "mm/compiler.h"

#include <stddef.h>

/* Finds the serial port. The screen follows with console_screen(). */
void console_init(void);

/* Text as it stands; "\n" ends a line. */
void console_write(const char *text, size_t length);

/* One line, without its newline; cut at CONSOLE_LINE_MAX characters. */
enum { CONSOLE_LINE_MAX = 512 };
void console_line(const char *format, ...) printf_like(1, 2);
