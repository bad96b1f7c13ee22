/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* the names of registers in a signal's context, for those who look at it */
#include "tests/host/single_step.h"

#include <signal.h>

#include "mm/host.h"

static void (*after_each)(const ucontext_t *);

static void trap(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	after_each(context);
}

void single_step(void (*fn)(void *), void *arg, void (*after)(const ucontext_t *))
{
	struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO}, old;

	after_each = after;
	if (sigaction(SIGTRAP, &action, &old))
		host_panic("no handler for single steps");
	/* The trap flag; below the red zone, which may be in use. */
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; "
			 "lea 128(%%rsp), %%rsp"
			 :
			 :
			 : "memory", "cc");
	fn(arg);
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; "
			 "lea 128(%%rsp), %%rsp"
			 :
			 :
			 : "memory", "cc");
	if (sigaction(SIGTRAP, &old, NULL))
		host_panic("no handler after single steps");
}
