/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/fatal.h"

#include "kernel/console.h"
#include "kernel/registers.h"

#include <stddef.h>

static void (*report_end)(const char *why);
static enum exit_mode exit_mode = EXIT_AUTO;
static unsigned depth;

void fatal_set_report(void (*report)(const char *why))
{
	report_end = report;
}

void fatal_set_exit(enum exit_mode mode)
{
	exit_mode = mode;
}

unsigned fatal_begin(void)
{
	interrupts_off();
	depth++;
	if (depth > 2)
		power_exit(exit_mode, RUN_FAILED);
	return depth;
}

unsigned fatal_depth(void)
{
	return depth;
}

_Noreturn void fatal_end(const char *why)
{
	if (report_end && depth == 1)
		report_end(why);
	else
		console_line("Bail out! %s", why);
	power_exit(exit_mode, RUN_FAILED);
}
