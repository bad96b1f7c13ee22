/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the processor away in the middle of mm/: its code is built to call this at every branch
 * (-fsanitize-coverage=trace-pc). What must happen within a few instructions of another CPU, which
 * would take days of running, so happens within seconds.
 */
#include <sched.h>
#include <stdint.h>

void __sanitizer_cov_trace_pc(void);

enum { ONE_IN = 256, YIELDS_ONE_IN = 8, PAUSES_MAX = 512 };

void __sanitizer_cov_trace_pc(void)
{
	static _Thread_local uint64_t random;
	uint64_t drawn;

	if (random == 0)
		random = (uintptr_t)&random;
	random = random * 6364136223846793005 + 1442695040888963407;
	drawn = random >> 40;
	if (drawn % ONE_IN != 0)
		return;
	drawn /= ONE_IN;
	if (drawn % YIELDS_ONE_IN == 0)
		sched_yield();
	else
		for (uint64_t i = drawn % PAUSES_MAX; i > 0; i--)
			__builtin_ia32_pause();
}
