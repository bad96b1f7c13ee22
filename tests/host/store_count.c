/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* the names of registers in a signal's context */
#include "tests/host/store_count.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/test.h"

enum { TRAP_FLAG = 0x100 };

static struct {
	char *start;
	size_t bytes;
	uint64_t stores;
	struct sigaction old_fault;
} watched;

static void protect(int protection)
{
	if (mprotect(watched.start, watched.bytes, protection) != 0)
		test_abort(__FILE__, __LINE__, "the watched pages cannot be protected");
}

/* Lets one instruction store. */
static void fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	if ((char *)info->si_addr < watched.start ||
	    (char *)info->si_addr >= watched.start + watched.bytes) {
		/* Not of ours: it happens again. */
		sigaction(signal, &watched.old_fault, NULL);
		return;
	}
	watched.stores++;
	protect(PROT_READ | PROT_WRITE);
	interrupted->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void stored(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)signal;
	(void)info;
	protect(PROT_READ);
	interrupted->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

uint64_t stores_to(void *start, size_t bytes, void (*fn)(void *), void *arg)
{
	struct sigaction on_fault = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
	struct sigaction on_trap = {.sa_sigaction = stored, .sa_flags = SA_SIGINFO};
	struct sigaction old_trap;

	watched.start = start;
	watched.bytes = bytes;
	watched.stores = 0;
	require(sigaction(SIGSEGV, &on_fault, &watched.old_fault) == 0);
	require(sigaction(SIGTRAP, &on_trap, &old_trap) == 0);
	protect(PROT_READ);
	fn(arg);
	protect(PROT_READ | PROT_WRITE);
	require(sigaction(SIGTRAP, &old_trap, NULL) == 0);
	require(sigaction(SIGSEGV, &watched.old_fault, NULL) == 0);
	return watched.stores;
}
