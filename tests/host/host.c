/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers of a process on a development machine to mm/host.h, host_virt() apart. */
#include "mm/host.h"

#include "mm/frame_alloc.h"
#include "tests/harness/run.h"
#include "tests/host/cpu_number.h"

#include <pthread.h>
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

/* What a thread that plays a CPU does, and as which one. */
struct part {
	unsigned cpu;
	void (*fn)(void *);
	void *arg;
};

static bool working; /* within host_on_each_cpu() */

static __attribute__((constructor)) void begin(void)
{
	cpu_number_set(0);
}

/* As many as can run at a time; two at least, for what one alone never meets. */
unsigned host_cpus(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 2 ? 2 : online > HOST_CPUS_MAX ? HOST_CPUS_MAX : (unsigned)online;
}

static void *play_cpu(void *arg)
{
	const struct part *part = arg;

	cpu_number_set(part->cpu);
	part->fn(part->arg);
	frame_alloc_flush();
	return NULL;
}

void host_on_each_cpu(void (*fn)(void *), void *arg)
{
	struct part parts[HOST_CPUS_MAX];
	pthread_t threads[HOST_CPUS_MAX];
	unsigned nr = host_cpus();

	if (host_cpu() != 0 || working)
		host_panic("work for all CPUs within such work, or after such was left early");
	working = true;
	for (unsigned cpu = 1; cpu < nr; cpu++) {
		parts[cpu] = (struct part){cpu, fn, arg};
		if (pthread_create(&threads[cpu], NULL, play_cpu, &parts[cpu]) != 0)
			host_panic("no thread for CPU %u", cpu);
	}
	fn(arg);
	for (unsigned cpu = 1; cpu < nr; cpu++)
		pthread_join(threads[cpu], NULL);
	working = false;
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
