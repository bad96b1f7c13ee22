/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/both.h"

#include <stdatomic.h>

#include "mm/frame_alloc.h"
#include "mm/host.h"

static atomic_uint arrived;

static struct {
	part_t part;
	size_t operations;
	uint64_t took[HOST_CPUS_MAX];
} run;

/* Each thread has a CPU of its own, so that spinning keeps nobody from coming. */
void both_meet(void)
{
	unsigned cpus = host_cpus();
	unsigned ticket = atomic_fetch_add(&arrived, 1);
	unsigned everybody = ticket - ticket % cpus + cpus;

	while ((int)(atomic_load(&arrived) - everybody) < 0)
		__builtin_ia32_pause();
}

static void run_here(void *unused)
{
	unsigned cpu = host_cpu();

	(void)unused;
	both_meet();
	(void)run.part(cpu, run.operations); /* what it needs comes into this CPU's caches */
	both_meet();
	run.took[cpu] = run.part(cpu, run.operations);
	both_meet();
	frame_alloc_flush();
}

double both_run(part_t part, size_t nr)
{
	uint64_t slowest = 0;

	run.part = part;
	run.operations = nr;
	host_on_each_cpu(run_here, NULL);
	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		if (run.took[cpu] > slowest)
			slowest = run.took[cpu];
	return nanoseconds_each(slowest, nr);
}
