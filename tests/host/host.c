/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers of a process on a development machine to mm/host.h, host_virt() apart. */
#include "mm/host.h"

#include "tests/harness/run.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *watched;
static unsigned watch_seconds;

unsigned host_cpu(void)
{
	return 0;
}

unsigned host_cpus(void)
{
	return 1;
}

void host_on_each_cpu(void (*fn)(void *), void *arg)
{
	fn(arg);
}

/* One system call for each line: nothing is lost when the process dies. */
void host_print(const char *line)
{
	struct iovec parts[] = {
		{(void *)line, strlen(line)},
		{(void *)"\n", 1},
	};

	if (writev(STDOUT_FILENO, parts, ARRAY_SIZE(parts)) < 0)
		_exit(EXIT_FAILURE);
}

uint64_t host_nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void watch_expired(int unused)
{
	char why[200];

	(void)unused;
	snprintf(why, sizeof(why), "%s made no progress for %u s", watched, watch_seconds);
	run_abort(why);
	_exit(EXIT_FAILURE);
}

void host_watch(const char *what, unsigned seconds)
{
	alarm(0);
	watched = what;
	watch_seconds = seconds;
	signal(SIGALRM, watch_expired);
	alarm(seconds);
}

/* Ends in abort(), for a debugger and for the sanitizers to see. */
void host_panic(const char *format, ...)
{
	char why[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	run_abort(why);
	abort();
}
