/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/report.h"

#include "mm/host.h"
#include "tests/harness/text.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 512, DEPTH_BLANKS = 2 };

static const char cut_mark[] = "...";

/* A line that grows on the caller's stack. */
struct line {
	char text[LINE_MAX_BYTES];
	size_t length;
};

static void line_add(struct line *line, const char *format, va_list arguments) printf_like(2, 0);

static void line_start(struct line *line, unsigned depth)
{
	line->length = (size_t)depth * DEPTH_BLANKS;
	memset(line->text, ' ', line->length);
	line->text[line->length] = '\0';
}

static void line_add(struct line *line, const char *format, va_list arguments)
{
	size_t room = sizeof(line->text) - line->length;
	int wanted = vsnprintf(line->text + line->length, room, format, arguments);

	if (wanted >= 0 && (size_t)wanted >= room)
		memcpy(line->text + sizeof(line->text) - sizeof(cut_mark), cut_mark,
		       sizeof(cut_mark));
}

void report_line(unsigned depth, const char *format, ...)
{
	struct line line;
	va_list arguments;

	line_start(&line, depth);
	va_start(arguments, format);
	line_add(&line, format, arguments);
	va_end(arguments);
	host_print(line.text);
}

void report_vtext(unsigned depth, const char *format, va_list arguments)
{
	struct line line;

	line_start(&line, depth);
	line.text[line.length++] = '#';
	line.text[line.length++] = ' ';
	line_add(&line, format, arguments);
	text_clean(line.text + line.length);
	host_print(line.text);
}

void report_text(unsigned depth, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_vtext(depth, format, arguments);
	va_end(arguments);
}
