/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/time.h"

#include "kernel/cpu.h"
#include "kernel/pit.h"
#include "kernel/registers.h"

#define NANOSECONDS_PER_SECOND 1000000000UL

enum { FRACTION_BITS = 32 };

static enum time_source source = TIME_ASSUMED;
static uint64_t tsc_hz;
static uint64_t tsc_start;
static uint64_t nanoseconds_per_tick; /* fixed point, with FRACTION_BITS; 0 before time_init() */

/* The TSC's rate, or 0: the PIT does not count. */
static uint64_t measure_tsc_hz(void)
{
	const unsigned count = PIT_HZ / 100;
	uint64_t least = 0;

	/* Whatever interrupts a measurement, firmware or a hypervisor, makes it longer. */
	for (int i = 0; i < 3; i++) {
		uint64_t ticks = pit_measure_tsc((uint16_t)count);

		if (ticks == 0)
			return 0;
		if (least == 0 || ticks < least)
			least = ticks;
	}
	return least * PIT_HZ / count;
}

void time_init(void)
{
	source = TIME_CPUID;
	tsc_hz = cpu_features()->tsc_hz;
	if (tsc_hz == 0) {
		source = TIME_PIT;
		tsc_hz = measure_tsc_hz();
	}
	if (tsc_hz == 0) {
		source = TIME_ASSUMED;
		tsc_hz = NANOSECONDS_PER_SECOND;
	}
	tsc_start = rdtsc();
	nanoseconds_per_tick = (NANOSECONDS_PER_SECOND << FRACTION_BITS) / tsc_hz;
}

enum time_source time_source(void)
{
	return source;
}

const char *time_source_name(enum time_source which)
{
	switch (which) {
	case TIME_CPUID:
		return "cpuid";
	case TIME_PIT:
		return "pit";
	case TIME_ASSUMED:
		break;
	}
	return "assumed";
}

uint64_t time_tsc_hz(void)
{
	return tsc_hz;
}

uint64_t time_nanoseconds(void)
{
	unsigned __int128 ticks = rdtsc() - tsc_start;

	return (uint64_t)(ticks * nanoseconds_per_tick >> FRACTION_BITS);
}

void time_wait(uint64_t nanoseconds)
{
	uint64_t start = time_nanoseconds();

	while (time_nanoseconds() - start < nanoseconds)
		__builtin_ia32_pause();
}
