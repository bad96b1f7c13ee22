/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the report goes: the serial port, and the screen once it is there. Both may be missing,
 * and then the text is lost. In any context; no memory is allocated. Lines of different CPUs do not
 * mix.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/framebuffer.h"

#include <stddef.h>

/* Finds the serial port. */
void console_init(void);

/*
 * From now on on the screen as well, beginning with the first CONSOLE_REPLAY_MAX characters that
 * were written before. `mapped` is where the CPU sees screen_bytes() of the framebuffer.
 */
enum { CONSOLE_REPLAY_MAX = 8192 };
void console_add_screen(const struct framebuffer *, void *mapped);

/* Text as it stands; "\n" ends a line. */
void console_write(const char *text, size_t length);

/*
 * One line, without its newline; cut at CONSOLE_LINE_MAX characters. If it interrupts another line,
 * it ends that one first.
 */
enum { CONSOLE_LINE_MAX = 512 };
void console_line(const char *format, ...) printf_like(1, 2);

/*
 * From now on only this CPU writes; others wait for ever. The line that another one is writing may
 * come to its end, if that takes no longer than a second.
 */
void console_seize(void);
