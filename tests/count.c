/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/count.h"

#include "kernel/registers.h"
#include "mm/frame_alloc.h"
#include "tests/test.h"

enum { CALLS = 64 };

int count_error;

/* One function for every length: a copy of it might take another step. */
static __attribute__((noinline)) uint64_t ticks_of_turns(uint64_t turns)
{
	uint64_t start, end;

	interrupts_off();
	start = rdtsc();
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
	end = rdtsc();
	interrupts_on();
	return end - start;
}

/*
 * A turn is two instructions. A clock of any other kind has steps or a rate of its own, and cannot
 * agree at each of many lengths.
 */
bool count_has_clock(void)
{
	uint64_t first = ticks_of_turns(1);

	for (uint64_t more = 1; more <= 256; more++)
		if (ticks_of_turns(1 + more) - first != 2 * more)
			return false;
	return true;
}

void count_needs_clock(void)
{
	if (!count_has_clock())
		skip("the time stamp counter does not count instructions");
}

void count_nothing(void)
{
}

static uint64_t ticks_of(void (*function)(void))
{
	/* Volatile: a call of nothing is to be a call, too. */
	void (*volatile operation)(void) = function;
	uint64_t start, end;

	interrupts_off();
	start = rdtsc();
	operation();
	end = rdtsc();
	interrupts_on();
	return end - start;
}

static uint64_t ticks_of_call(const struct figure *figure)
{
	uint64_t ticks;

	if (figure->prepare)
		figure->prepare();
	ticks = ticks_of(figure->operation);
	if (figure->wait)
		figure->wait();
	if (figure->finish)
		ticks += ticks_of(figure->finish);
	if (figure->undo)
		figure->undo();
	return ticks;
}

static uint64_t ticks_of_calls(const struct figure *figure, unsigned calls)
{
	uint64_t sum = 0;

	frame_alloc_flush();
	(void)ticks_of_call(figure);
	for (unsigned i = 0; i < calls; i++)
		sum += ticks_of_call(figure);
	return sum;
}

/* `nothing` is what as many calls of nothing take. A time may be shorter than that. */
static uint64_t ticks_of_figure(const struct figure *figure, unsigned calls, uint64_t nothing)
{
	uint64_t sum = ticks_of_calls(figure, calls);
	uint64_t overhead = nothing * (figure->finish ? 2 : 1);
	uint64_t operations = calls * (figure->times ? figure->times : 1);

	return sum < overhead ? 0 : (sum - overhead + operations - 1) / operations;
}

/* The first figure is nothing. */
void count(const struct figure *figures, size_t nr)
{
	uint64_t nothing = ticks_of_calls(&figures[0], CALLS);

	count_error = 0;
	for (size_t i = 1; i < nr; i++)
		measure(figures[i].name, ticks_of_figure(&figures[i], CALLS, nothing),
			"instructions");
	expect_eq(count_error, 0);
}

uint64_t count_ticks(const struct figure *figure, unsigned calls)
{
	const struct figure nothing = {.operation = count_nothing};

	return ticks_of_figure(figure, calls, ticks_of_calls(&nothing, calls));
}
