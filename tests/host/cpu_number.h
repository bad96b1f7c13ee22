/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a thread of a process keeps the number that host_cpu() loads: the GS base is the thread's
 * own, and nothing else in a process on x86-64 uses it.
 */
#pragma once

#include "mm/host.h"

#include <asm/prctl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The thread that calls plays this CPU from now on. */
static inline void cpu_number_set(unsigned number)
{
	static _Thread_local struct {
		uint64_t unused;
		unsigned number;
	} own;

	_Static_assert(offsetof(typeof(own), number) == HOST_CPU_AT, "host_cpu() loads the number");
	own.number = number;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, &own) != 0)
		abort();
}
