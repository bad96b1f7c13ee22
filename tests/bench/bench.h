/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The benchmark of the core: what descriptors, pins, splits and allocations cost, beside two flat
 * arrays that do the same. docs/performance.md explains every figure.
 *
 * A sample runs some thousand operations and says how long one took. A figure is the median of at
 * least BENCH_ROUNDS_MIN rounds; each round takes one sample of every contender and one of U, the
 * time of an uncontended `lock inc` and `lock dec` on a cached line, so that what slows the machine
 * down for a while slows down all of them. A sample during which the kernel gave the CPU to
 * somebody else is taken again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/compiler.h"

enum { BENCH_ROUNDS_MIN = 11 };

/* Nanoseconds for one operation. */
typedef double (*sample_t)(void);

enum unit {
	UNIT_U,     /* ours / U */
	UNIT_RATIO, /* ours / against */
	UNIT_NS,
	UNIT_MS,
	UNIT_BYTES,
	UNIT_MIB,
};

#define NO_GOAL (-1.0)

struct figure {
	const char *name;
	const char *what; /* for the table */
	enum unit unit;
	double goal; /* at most, in the unit, or NO_GOAL */
	sample_t ours;
	sample_t against;       /* UNIT_RATIO */
	sample_t flat64, flat8; /* the same by the references; NULL: they have no such thing */
};

/* Takes the samples of a figure that was asked for, and prints its line. */
void bench_measure(const struct figure *);

/* Prints a figure that was counted and not timed. */
void bench_count(const struct figure *, double value);

/* bench_measure() of a figure that needs two CPUs: where there is only one, it says so. */
void bench_measure_2cpu(const struct figure *);

/* The table of all that was printed, and how many goals were met. */
void bench_table(void);

/* Finds out how fast the time stamp counter is. Before anything is measured. */
void bench_begin(void);

/* U. */
double bench_sample_u(void);

/* The figures by topic; the first are the machine's own. */
void bench_machine(void);
void bench_bytes(void);
void bench_lookup(void);
void bench_pin(void);
void bench_resize(void);
void bench_alloc(void);

/* The other answers beside it (mm/schemes/): all figures of all schemes, and their table. */
void bench_schemes(void);

struct bench_options {
	unsigned rounds;
	bool quick;       /* to see that it works: little memory, few operations */
	const char *only; /* a part of the names, or NULL */
};

extern struct bench_options bench_options;

/* --- For those who take samples --- */

/* One sample that nobody disturbed, after one that does not count. */
double bench_sample(sample_t);

/* For qsort(): doubles. */
int bench_compare(const void *, const void *);

/* --- For those who write samples --- */

/* Operations of one sample. */
static inline size_t operations(size_t usual)
{
	return bench_options.quick ? usual / 16 : usual;
}

/* The time stamp counter, after all that was begun has ended. */
static inline uint64_t ticks(void)
{
	uint64_t now;

	__builtin_ia32_lfence();
	now = __builtin_ia32_rdtsc();
	__builtin_ia32_lfence();
	return now;
}

double nanoseconds_each(uint64_t ticks_taken, size_t operations);

/* Where a sample begins its random numbers: elsewhere than any other, for it would find in the
 * cache what that left. */
uint64_t random_start(void);

/* Numbers without a pattern, of `bits` bits: the high ones of a linear congruence (Knuth's). */
static inline uint64_t random_bits(uint64_t *state, unsigned bits)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> (64 - bits);
}

/* Zero, which the CPU knows only after it knows the value: makes the next step wait for it. */
static inline uint64_t zero_after(uint64_t value)
{
	__asm__ volatile("and $0, %0" : "+r"(value) : : "cc");
	return value;
}

/* Keeps the compiler from dropping or joining what made the value. */
static inline uint64_t keep(uint64_t value)
{
	__asm__ volatile("" : "+r"(value));
	return value;
}

/* Ends the run: the code that is measured did not do what it should. */
void bench_require(bool condition, const char *what);
