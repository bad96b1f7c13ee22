/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/both.h"

#include <sched.h>
#include <stdatomic.h>

#include "mm/frame_alloc.h"
#include "mm/host.h"

static atomic_uint arrived;

static struct {
	part_t part;
	size_t operations;
	uint64_t took[HOST_CPUS_MAX];
} run;

void both_meet(void)
{
	enum { PATIENCE = 100000 };
	unsigned cpus = host_cpus();
	unsigned ticket = atomic_fetch_add(&arrived, 1);
	unsigned everybody = ticket - ticket % cpus + cpus;

	for (unsigned waited = 0; (int)(atomic_load(&arrived) - everybody) < 0; waited++) {
		__builtin_ia32_pause();
		/* The other one may wait for this very CPU, if the system put it there. */
		if (waited > PATIENCE)
			sched_yield();
	}
}

static void run_here(void *unused)
{
	unsigned cpu = host_cpu();

	(void)unused;
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
