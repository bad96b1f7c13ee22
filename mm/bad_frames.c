/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/bad_frames.h"

#include <stdatomic.h>

/* Frame numbers plus one, in no order; 0 is an empty place. */
static _Atomic uint64_t places[BAD_FRAMES_MAX];
static atomic_bool overflowed;

void bad_frames_init(void)
{
	for (size_t i = 0; i < BAD_FRAMES_MAX; i++)
		atomic_store(&places[i], 0);
	atomic_store(&overflowed, false);
}

static bool find(pfn_t start, pfn_t end)
{
	for (size_t i = 0; i < BAD_FRAMES_MAX; i++) {
		uint64_t place = atomic_load(&places[i]);

		if (place > start.n && place <= end.n)
			return true;
	}
	return false;
}

bool bad_frames_may_have(pfn_t start, pfn_t end)
{
	return atomic_load(&overflowed) || find(start, end);
}

void bad_frames_add(pfn_t frame)
{
	if (find(frame, pfn_add(frame, 1)))
		return;
	for (size_t i = 0; i < BAD_FRAMES_MAX; i++) {
		uint64_t empty = 0;

		if (atomic_compare_exchange_strong(&places[i], &empty, frame.n + 1))
			return;
	}
	atomic_store(&overflowed, true);
}

void bad_frames_remove(pfn_t frame)
{
	for (size_t i = 0; i < BAD_FRAMES_MAX; i++) {
		uint64_t own = frame.n + 1;

		atomic_compare_exchange_strong(&places[i], &own, 0);
	}
}
