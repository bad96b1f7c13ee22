/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's answers to mm/host.h. */
#include "mm/host.h"

#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/fatal.h"
#include "kernel/layout.h"
#include "kernel/percpu.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/watchdog.h"

#include <stdarg.h>
#include <stdio.h>

void *host_virt(phys_t address)
{
	return (void *)(DIRECT_MAP + address.addr);
}

unsigned host_cpus(void)
{
	return percpu_count();
}

void host_on_each_cpu(void (*fn)(void *), void *arg)
{
	smp_run(fn, arg);
}

void host_print(const char *line)
{
	console_line("%s", line);
}

uint64_t host_nanoseconds(void)
{
	return time_nanoseconds();
}

void host_watch(const char *what, unsigned seconds)
{
	watchdog_set(what, seconds);
}

_Noreturn void host_panic(const char *format, ...)
{
	char text[256];
	va_list arguments;
	unsigned depth = fatal_begin();

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	console_line("# BUG: %s, on CPU %u", text, host_cpu());
	if (depth == 1)
		backtrace_here();
	fatal_end(text);
}
