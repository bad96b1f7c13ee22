/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the processor away in the middle of mm/: its code is built to call this at every branch
 * (-fsanitize-coverage=trace-pc). What must happen within a few instructions of another CPU, which
 * would take days of running, so happens within seconds.
 */
#include <stdbool.h>
#include <stdint.h>

void __sanitizer_cov_trace_pc(void);

enum { FAST_MAX = 1 << 14, SLOW_MAX = 128, PAUSES_MAX = 1024 };

/*
 * Delays come in bunches: what goes wrong only if one CPU loses the processor twice within an
 * operation is not much rarer then than what takes one loss.
 */
void __sanitizer_cov_trace_pc(void)
{
	static _Thread_local uint64_t random;
	static _Thread_local unsigned left; /* calls until the pace changes */
	static _Thread_local bool slow;
	uint64_t drawn;

	if (left > 0 && !slow) {
		left--;
		return;
	}
	if (random == 0)
		random = (uintptr_t)&random;
	random = random * 6364136223846793005 + 1442695040888963407;
	drawn = random >> 40;
	if (left == 0) {
		slow = !slow;
		left = (unsigned)(drawn % (slow ? SLOW_MAX : FAST_MAX));
		return;
	}
	left--;
	if (drawn % 8 == 0)
		for (uint64_t i = drawn / 8 % PAUSES_MAX; i > 0; i--)
			__builtin_ia32_pause();
}
