/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A barrier: a place where CPUs wait for each other, so that what comes after it begins on all of
 * them at once. They wait busily. It may be used again and again by the same number of CPUs.
 */
#pragma once

#include <stdatomic.h>

struct barrier {
	unsigned cpus; /* that wait for each other */
	atomic_uint arrived;
	atomic_uint rounds; /* that are over */
};

static inline void barrier_init(struct barrier *barrier, unsigned cpus)
{
	barrier->cpus = cpus;
	atomic_init(&barrier->arrived, 0);
	atomic_init(&barrier->rounds, 0);
}

/* Returns when all have called it. What each stored before, all see afterwards. */
static inline void barrier_wait(struct barrier *barrier)
{
	unsigned round = atomic_load(&barrier->rounds);

	if (atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->cpus) {
		/* Before the others may come again. */
		atomic_store(&barrier->arrived, 0);
		atomic_fetch_add(&barrier->rounds, 1);
		return;
	}
	while (atomic_load(&barrier->rounds) == round)
		__builtin_ia32_pause();
}
