/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/bench/step.h"

#include <signal.h>

#include "tests/bench/bench.h"

/* Of RFLAGS: a trap after each instruction (Intel SDM vol. 3, 17.3.1.4). */
#define TRAP_FLAG 0x100

static volatile uint64_t steps;

static void step(int signal)
{
	(void)signal;
	steps++;
}

static void nothing(void)
{
}

/* Below the red zone, which may be in use. */
static __attribute__((noinline)) uint64_t steps_of(void (*fn)(void))
{
	void (*volatile call)(void) = fn;

	steps = 0;
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq %0, (%%rsp); popfq; "
			 "lea 128(%%rsp), %%rsp"
			 :
			 : "i"(TRAP_FLAG)
			 : "memory", "cc");
	call();
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq %0, (%%rsp); popfq; "
			 "lea 128(%%rsp), %%rsp"
			 :
			 : "i"(~TRAP_FLAG)
			 : "memory", "cc");
	return steps;
}

uint64_t count_instructions(void (*fn)(void))
{
	struct sigaction action = {.sa_handler = step}, before;
	uint64_t all, without;

	bench_require(sigaction(SIGTRAP, &action, &before) == 0, "sigaction() for SIGTRAP");
	without = steps_of(nothing);
	all = steps_of(fn);
	bench_require(sigaction(SIGTRAP, &before, NULL) == 0, "sigaction() for SIGTRAP");
	return all - without;
}
