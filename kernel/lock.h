/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock that a CPU spins for and that knows which CPU has it. What interrupts a CPU within the
 * lock may so go on instead of waiting for itself: a report of a trap does.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/host.h"

#include <stdatomic.h>
#include <stdbool.h>

struct lock {
	atomic_uint holder; /* number of the CPU, + 1; 0: nobody */
};

static inline bool lock_is_mine(struct lock *lock)
{
	return atomic_load_explicit(&lock->holder, memory_order_relaxed) == host_cpu() + 1;
}

static inline bool lock_try(struct lock *lock)
{
	unsigned nobody = 0;

	return atomic_compare_exchange_strong(&lock->holder, &nobody, host_cpu() + 1);
}

/* False: this CPU has it already, and whoever took it gives it back. */
static inline bool lock_take(struct lock *lock)
{
	if (lock_is_mine(lock))
		return false;
	while (!lock_try(lock))
		__builtin_ia32_pause();
	return true;
}

/* Does nothing when another CPU has seized it. */
static inline void lock_give(struct lock *lock)
{
	unsigned me = host_cpu() + 1;

	atomic_compare_exchange_strong(&lock->holder, &me, 0);
}

/* Takes it from whoever has it: for the end of the run. */
static inline void lock_seize(struct lock *lock)
{
	atomic_store(&lock->holder, host_cpu() + 1);
}
