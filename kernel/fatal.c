/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/fatal.h"

#include "kernel/console.h"
#include "kernel/registers.h"
#include "kernel/smp.h"
#include "mm/host.h"

#include <stdatomic.h>
#include <stddef.h>

static void (*report_end)(const char *why);
static enum exit_mode exit_mode = EXIT_AUTO;
static unsigned depth;
static atomic_uint ending; /* number of the CPU that ends the run, + 1; 0: none */

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
	unsigned nobody = 0, me = host_cpu() + 1;

	interrupts_off();
	if (!atomic_compare_exchange_strong(&ending, &nobody, me) && nobody != me)
		halt();
	depth++;
	if (depth > 2)
		power_exit(exit_mode, RUN_FAILED);
	if (depth == 1) {
		console_seize();
		smp_stop_others();
	}
	return depth;
}

unsigned fatal_depth(void)
{
	return depth;
}

bool fatal_elsewhere(void)
{
	unsigned cpu = atomic_load(&ending);

	return cpu != 0 && cpu != host_cpu() + 1;
}

_Noreturn void fatal_end(const char *why)
{
	if (report_end && depth == 1)
		report_end(why);
	else
		console_line("Bail out! %s", why);
	power_exit(exit_mode, RUN_FAILED);
}
