/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock and the watchdog. */
#include "kernel/time.h"

#include "kernel/watchdog.h"
#include "mm/host.h"
#include "tests/test.h"

#define NANOSECONDS_PER_SECOND 1000000000UL

/* The clock never goes back, and goes on. */
TEST(time, goes_forward)
{
	uint64_t first = time_nanoseconds(), last = first;

	for (int i = 0; i < 100000; i++) {
		uint64_t now = time_nanoseconds();

		require(now >= last);
		last = now;
	}
	expect(last > first);
}

/* Somebody says how fast the TSC counts, and it is a rate that a CPU may have. */
TEST(time, rate_is_known)
{
	expect(time_source() != TIME_ASSUMED);
	expect(time_tsc_hz() >= 100000000UL);
	expect(time_tsc_hz() <= 10 * NANOSECONDS_PER_SECOND);
	measure("tsc", time_tsc_hz(), "Hz");
}

/* A wait lasts at least as long as it should. */
TEST(time, waits_long_enough)
{
	uint64_t start = time_nanoseconds();

	time_wait(2000000);
	expect(time_nanoseconds() - start >= 2000000);
}

/* A test runs under the watchdog, whose tick goes on. */
TEST(time, watchdog_is_awake)
{
	uint64_t start = time_nanoseconds(), ticks = watchdog_ticks();

	expect(watchdog_source() != WATCHDOG_NONE);
	expect(watchdog_armed());
	while (watchdog_ticks() == ticks && time_nanoseconds() - start < NANOSECONDS_PER_SECOND)
		continue;
	expect(watchdog_ticks() > ticks);
}

/* It can be disarmed and armed again. */
TEST(time, watchdog_can_be_disarmed)
{
	host_watch("nothing", 0);
	expect(!watchdog_armed());
	host_watch("time.watchdog_can_be_disarmed", 60);
	expect(watchdog_armed());
}
