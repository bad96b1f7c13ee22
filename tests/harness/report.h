/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of the report. `depth` is the KTAP level: 0 for the run, 1 inside a suite; a level is two
 * blanks. A line that is too long is cut and ends in "...". From any context; allocates nothing.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

#include <stdarg.h>

/* A line that the harness itself words. */
void report_line(unsigned depth, const char *format, ...) printf_like(2, 3);

/* A line of explanation, "# text". The text may come from anywhere. */
void report_text(unsigned depth, const char *format, ...) printf_like(2, 3);
void report_vtext(unsigned depth, const char *format, va_list) printf_like(2, 0);
