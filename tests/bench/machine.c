/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's own figures, which bound the others. */
#include <stdatomic.h>

#include "tests/bench/bench.h"
#include "tests/bench/both.h"
#include "tests/bench/world.h"

enum { OPERATIONS = 20000, CPUS = 2 };

static uint64_t u_word __attribute__((aligned(64)));

#define PAIR "lock incq %0\n\tlock decq %0\n\t"

/* A pair, four times in a row, so that the loop is no part of it. */
double bench_sample_u(void)
{
	size_t n = operations(OPERATIONS);
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i += 4) {
		__asm__ volatile(PAIR PAIR PAIR PAIR : "+m"(u_word) : : "cc");
	}
	return nanoseconds_each(ticks() - start, n);
}

/* The same on random words of as much memory as the areas of 64 GiB take: no pin can cost less. */
static double sample_floor(void)
{
	enum { WORDS_BITS = 15 };
	static uint64_t words[1 << WORDS_BITS] __attribute__((aligned(64)));
	size_t n = operations(OPERATIONS);
	uint64_t state = random_start();
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		uint64_t *word = &words[random_bits(&state, WORDS_BITS)];

		__asm__ volatile(PAIR : "+m"(*word) : : "cc");
	}
	return nanoseconds_each(ticks() - start, n);
}

/* A loop that does nothing with a random frame number. */
static double sample_loop(void)
{
	size_t n = operations(OPERATIONS);
	uint64_t state = 1;
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++)
		keep(random_bits(&state, 24));
	return nanoseconds_each(ticks() - start, n);
}

static double sample_clock(void)
{
	enum { READINGS = 1000 };
	uint64_t start = ticks();

	for (size_t i = 1; i < READINGS; i++)
		keep(ticks());
	return nanoseconds_each(ticks() - start, READINGS);
}

/*
 * Each CPU has words of its own, and nothing that is measured has a part in it: what two CPUs of
 * this machine have in common by themselves, if they are threads of one core.
 */
static uint64_t private_words(unsigned cpu, size_t n)
{
	enum { WORDS_BITS = 14 };
	static uint64_t words[CPUS][1 << WORDS_BITS] __attribute__((aligned(64)));
	uint64_t state = random_start();
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		uint64_t *word = &words[cpu][random_bits(&state, WORDS_BITS)];

		__asm__ volatile("lock incq %0\n\tlock decq %0" : "+m"(*word) : : "cc");
	}
	return ticks() - start;
}

static double private_alone(void)
{
	return nanoseconds_each(private_words(0, operations(OPERATIONS)), operations(OPERATIONS));
}

static double private_each(void)
{
	return both_run(private_words, operations(OPERATIONS));
}

/* Told apart by it: two threads of one core, or two cores. */
static uint64_t line(unsigned cpu, size_t n)
{
	static _Atomic uint64_t turn __attribute__((aligned(64)));
	uint64_t start = ticks();

	for (size_t i = 0; i < n; i++) {
		while (atomic_load_explicit(&turn, memory_order_acquire) % CPUS != cpu)
			;
		atomic_fetch_add_explicit(&turn, 1, memory_order_release);
	}
	return ticks() - start;
}

static double line_there_and_back(void)
{
	return both_run(line, operations(OPERATIONS / 10));
}

void bench_machine(void)
{
	static const struct figure u = {.name = "bench.u",
					.what = "U: lock inc + lock dec",
					.unit = UNIT_NS,
					.goal = NO_GOAL,
					.ours = bench_sample_u};
	static const struct figure random = {.name = "bench.u_random",
					     .what = "U on random words of 256 KiB: least of a pin",
					     .unit = UNIT_U,
					     .goal = NO_GOAL,
					     .ours = sample_floor};
	static const struct figure loop = {.name = "bench.loop",
					   .what = "random number and loop, in every figure",
					   .unit = UNIT_NS,
					   .goal = NO_GOAL,
					   .ours = sample_loop};
	static const struct figure clock = {.name = "bench.clock",
					    .what = "reading the clock",
					    .unit = UNIT_NS,
					    .goal = NO_GOAL,
					    .ours = sample_clock};

	static const struct figure u_2cpu = {.name = "bench.u_2cpu_ratio",
					     .what = "bench.u_random on two CPUs against one",
					     .unit = UNIT_RATIO,
					     .goal = NO_GOAL,
					     .ours = private_each,
					     .against = private_alone};
	static const struct figure line_2cpu = {.name = "bench.line_2cpu",
						.what = "a line to the other CPU and back",
						.unit = UNIT_NS,
						.goal = NO_GOAL,
						.ours = line_there_and_back};

	world_begin_usual(); /* both_run() flushes the allocator's caches */
	bench_measure(&u);
	bench_measure(&random);
	bench_measure(&loop);
	bench_measure(&clock);
	bench_measure_2cpu(&u_2cpu);
	bench_measure_2cpu(&line_2cpu);
}
