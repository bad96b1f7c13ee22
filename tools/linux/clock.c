/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/linux/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLOCK_TRIES = 5, LONG_TURNS = 1000000 };

/* One function for every length: a copy of it might take another step. */
static __attribute__((noinline)) uint64_t ticks_of_turns(uint64_t turns)
{
	uint64_t start = ticks();

	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
	return ticks() - start;
}

/* A turn is two instructions; an interrupt may come between, so the least of a few tries counts. */
static int64_t least_ticks_of_turns(uint64_t turns)
{
	int64_t least = NO_VALUE;

	for (int i = 0; i < CLOCK_TRIES; i++)
		least = lesser(least, (int64_t)ticks_of_turns(turns));
	return least;
}

static uint64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void check_clock(void)
{
	int64_t first = least_ticks_of_turns(1), took;
	uint64_t start;

	for (int64_t more = 1; more <= 256; more++) {
		took = least_ticks_of_turns((uint64_t)(1 + more)) - first;
		if (took != 2 * more)
			give_up("the time stamp counter does not count instructions: %" PRId64
				" of them take %" PRId64 " ticks",
				2 * more, took);
	}
	start = nanoseconds();
	took = (int64_t)ticks_of_turns(LONG_TURNS);
	start = nanoseconds() - start;
	if (llabs((int64_t)start - took) * 1000 > took)
		give_up("the clock does not count instructions: %" PRId64 " take %" PRIu64
			" nanoseconds",
			took, start);
}

/* For how long the CPU was idle since the boot. */
static uint64_t idle_nanoseconds(void)
{
	FILE *timers = fopen("/proc/timer_list", "r");
	char line[256];
	uint64_t all = 0, part;
	int found = 0;

	if (!timers)
		give_up("/proc/timer_list: %s", strerror(errno));
	while (fgets(line, sizeof(line), timers))
		if (sscanf(line, " .idle_sleeptime : %" SCNu64, &part) == 1 ||
		    sscanf(line, " .iowait_sleeptime : %" SCNu64, &part) == 1) {
			all += part;
			found++;
		}
	fclose(timers);
	if (found != 2)
		give_up("/proc/timer_list has %d times of idleness, expected those of one CPU",
			found);
	return all;
}

static struct {
	uint64_t start, idle;
} watch;

void start_watch(void)
{
	watch.idle = idle_nanoseconds();
	watch.start = nanoseconds();
}

int64_t stop_watch(uint64_t *idle)
{
	uint64_t end = nanoseconds();
	uint64_t was_idle = idle_nanoseconds() - watch.idle;

	if (idle)
		*idle = was_idle;
	return (int64_t)(end - watch.start - was_idle);
}
