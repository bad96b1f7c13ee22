/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds of samples, medians, and how they are printed. */
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/host.h"
#include "tests/bench/world.h"

enum {
	ROUNDS_MAX = 1001,
	FIGURES_MAX = 64,
	/* How long a quiet moment is waited for on a busy machine. */
	PATIENCE_NANOSECONDS = 100000000,
};

struct bench_options bench_options = {.rounds = 21};

/* What the rounds of one contender came to: the median and the quartiles. */
struct spread {
	double low, middle, high;
};

static struct row {
	const struct figure *figure;
	struct spread value;
	double ours_ns;
	double flat64, flat8; /* in U, or NAN */
	const char *skipped;
} rows[FIGURES_MAX];
static size_t nr_rows;

static double ticks_per_nanosecond;
static unsigned long samples_taken, samples_disturbed, samples_kept_disturbed;

double nanoseconds_each(uint64_t ticks_taken, size_t operations)
{
	return (double)ticks_taken / ticks_per_nanosecond / (double)operations;
}

void bench_require(bool condition, const char *what)
{
	if (!condition)
		host_panic("%s failed", what);
}

uint64_t random_start(void)
{
	static _Atomic uint64_t starts;

	return ++starts * 0x9e3779b97f4a7c15u;
}

void bench_begin(void)
{
	const uint64_t wanted = bench_options.quick ? 10000000 : 200000000;
	uint64_t start = host_nanoseconds();
	uint64_t start_ticks = ticks();
	uint64_t now;

	do
		now = host_nanoseconds();
	while (now - start < wanted);
	ticks_per_nanosecond = (double)(ticks() - start_ticks) / (double)(now - start);
}

/* --- Rounds --- */

double bench_sample(sample_t sample)
{
	uint64_t start = host_nanoseconds();
	double value;

	/* What came before has left other things in the near caches. */
	(void)sample();
	do {
		(void)world_was_disturbed();
		value = sample();
		samples_taken++;
		if (!world_was_disturbed())
			return value;
		samples_disturbed++;
	} while (host_nanoseconds() - start < PATIENCE_NANOSECONDS);
	samples_kept_disturbed++;
	return value;
}

int bench_compare(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return (left > right) - (left < right);
}

static struct spread spread_of(double *values, unsigned nr)
{
	qsort(values, nr, sizeof(*values), bench_compare);
	return (struct spread){values[nr / 4], values[nr / 2], values[nr - 1 - nr / 4]};
}

/* --- Print --- */

static const char *unit_name(enum unit unit)
{
	static const char *const names[] = {
		[UNIT_U] = "U",   [UNIT_RATIO] = "ratio", [UNIT_NS] = "ns",
		[UNIT_MS] = "ms", [UNIT_BYTES] = "bytes", [UNIT_MIB] = "MiB",
	};

	return names[unit];
}

static bool has_goal(const struct figure *figure)
{
	return figure->goal >= 0;
}

/* Every goal is an upper bound, so values are rounded up: three decimals, below 10 at least. */
static double rounded(double value)
{
	double scale = value < 10 ? 1000 : 100;

	return ceil(value * scale - 1e-9) / scale;
}

static int decimals(double value)
{
	return value < 10 ? 3 : 2;
}

static void format_value(char *text, size_t size, double value, enum unit unit)
{
	if (isnan(value))
		snprintf(text, size, "-");
	else if (unit == UNIT_BYTES)
		snprintf(text, size, "%.0f", value);
	else
		snprintf(text, size, "%.*f", decimals(value), rounded(value));
}

static bool is_met(const struct row *row)
{
	return rounded(row->value.middle) <= row->figure->goal;
}

static const char *verdict(const struct row *row)
{
	if (row->skipped)
		return "skipped";
	if (!has_goal(row->figure))
		return "-";
	return is_met(row) ? "met" : "missed";
}

static void print_field(const char *key, double value, enum unit unit)
{
	char text[40];

	if (isnan(value))
		return;
	format_value(text, sizeof(text), value, unit);
	printf(" %s=%s", key, text);
}

static void finish(struct row row)
{
	const struct figure *figure = row.figure;
	char value[40];

	bench_require(nr_rows < FIGURES_MAX, "room for one more figure");
	rows[nr_rows++] = row;
	if (row.skipped) {
		printf("# R name=%s result=skip units=%s\n# %s: %s\n", figure->name,
		       unit_name(figure->unit), figure->name, row.skipped);
		return;
	}
	format_value(value, sizeof(value), row.value.middle, figure->unit);
	printf("# R name=%s value=%s units=%s", figure->name, value, unit_name(figure->unit));
	if (has_goal(figure))
		printf(" goal=%g goal_is=%s", figure->goal, verdict(&row));
	if (figure->ours) {
		print_field("low", row.value.low, figure->unit);
		print_field("high", row.value.high, figure->unit);
		print_field("ns", row.ours_ns, UNIT_NS);
	}
	print_field("flat64_u", row.flat64, UNIT_U);
	print_field("flat8_u", row.flat8, UNIT_U);
	printf("\n");
	fflush(stdout);
}

/* What a round makes of its samples. */
static double value_of(enum unit unit, double ours, double against, double u)
{
	switch (unit) {
	case UNIT_U:
		return ours / u;
	case UNIT_RATIO:
		return ours / against;
	case UNIT_MS:
		return ours / 1e6;
	default:
		return ours;
	}
}

static bool is_asked_for(const struct figure *figure)
{
	return !bench_options.only || strstr(figure->name, bench_options.only);
}

void bench_measure(const struct figure *figure)
{
	static double value[ROUNDS_MAX], ns[ROUNDS_MAX], flat64[ROUNDS_MAX], flat8[ROUNDS_MAX];
	unsigned rounds = bench_options.rounds;

	if (!is_asked_for(figure))
		return;
	bench_require(rounds <= ROUNDS_MAX, "few enough rounds");
	for (unsigned i = 0; i < rounds; i++) {
		double u = bench_sample(bench_sample_u);
		double against = figure->against ? bench_sample(figure->against) : NAN;

		ns[i] = bench_sample(figure->ours);
		value[i] = value_of(figure->unit, ns[i], against, u);
		flat64[i] = figure->flat64 ? bench_sample(figure->flat64) / u : NAN;
		flat8[i] = figure->flat8 ? bench_sample(figure->flat8) / u : NAN;
	}
	finish((struct row){
		.figure = figure,
		.value = spread_of(value, rounds),
		.ours_ns = spread_of(ns, rounds).middle,
		.flat64 = figure->flat64 ? spread_of(flat64, rounds).middle : NAN,
		.flat8 = figure->flat8 ? spread_of(flat8, rounds).middle : NAN,
	});
}

void bench_count(const struct figure *figure, double value)
{
	if (is_asked_for(figure))
		finish((struct row){
			.figure = figure,
			.value = {value, value, value},
			.ours_ns = NAN,
			.flat64 = NAN,
			.flat8 = NAN,
		});
}

void bench_measure_2cpu(const struct figure *figure)
{
	if (host_cpus() > 1)
		bench_measure(figure);
	else if (is_asked_for(figure))
		finish((struct row){.figure = figure, .skipped = "only one CPU can be used"});
}

static void print_row(const struct row *row)
{
	const struct figure *figure = row->figure;
	char value[40] = "-", range[90] = "", low[40], high[40], flat64[40], flat8[40], ns[40];
	char goal[40] = "-";

	if (!row->skipped)
		format_value(value, sizeof(value), row->value.middle, figure->unit);
	if (!row->skipped && figure->ours) {
		format_value(low, sizeof(low), row->value.low, figure->unit);
		format_value(high, sizeof(high), row->value.high, figure->unit);
		snprintf(range, sizeof(range), "%s..%s", low, high);
	}
	if (has_goal(figure))
		snprintf(goal, sizeof(goal), "%g", figure->goal);
	format_value(ns, sizeof(ns), row->skipped ? NAN : row->ours_ns, UNIT_NS);
	format_value(flat64, sizeof(flat64), row->skipped ? NAN : row->flat64, UNIT_U);
	format_value(flat8, sizeof(flat8), row->skipped ? NAN : row->flat8, UNIT_U);
	printf("%-36s %10s %-5s %7s %-7s %17s %10s %8s %8s  %s\n", figure->name, value,
	       unit_name(figure->unit), goal, verdict(row), range, ns, flat64, flat8, figure->what);
}

void bench_table(void)
{
	unsigned missed = 0, goals = 0;
	size_t all, huge = world_huge_bytes(&all);

	printf("\n%-36s %10s %-5s %7s %-7s %17s %10s %8s %8s\n", "figure", "median", "", "goal", "",
	       "quartiles", "ns", "flat64/U", "flat8/U");
	for (size_t i = 0; i < nr_rows; i++) {
		print_row(&rows[i]);
		if (has_goal(rows[i].figure) && !rows[i].skipped) {
			goals++;
			missed += !is_met(&rows[i]);
		}
	}
	printf("\n%u of %u goals met, %u missed; medians of %u rounds; %lu of %lu samples were "
	       "disturbed, %lu of them kept; %zu of %zu MiB in pages of 2 MiB\n",
	       goals - missed, goals, missed, bench_options.rounds, samples_disturbed,
	       samples_taken, samples_kept_disturbed, huge >> 20, all >> 20);
}
