/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/bad_frames.h"

#include <stdatomic.h>

/* Frame numbers plus one, in no order; 0 is an empty place. */
static _Atomic uint64_t places[BAD_FRAMES_MAX];
static atomic_size_t used; /* no place from here on was ever */
static atomic_bool overflowed;

void bad_frames_init(void)
{
	for (size_t i = 0; i < BAD_FRAMES_MAX; i++)
		atomic_store(&places[i], 0);
	atomic_store(&used, 0);
	atomic_store(&overflowed, false);
}

static bool find(pfn_t start, pfn_t end)
{
	for (size_t i = 0, nr = atomic_load(&used); i < nr; i++) {
		uint64_t place = atomic_load(&places[i]);

		if (place > start.n && place <= end.n)
			return true;
	}
	return false;
}

bool bad_frames_overflowed(void)
{
	return atomic_load(&overflowed);
}

bool bad_frames_may_have(pfn_t start, pfn_t end)
{
	return bad_frames_overflowed() || find(start, end);
}

void bad_frames_each(void (*fn)(pfn_t))
{
	for (size_t i = 0, nr = atomic_load(&used); i < nr; i++) {
		uint64_t place = atomic_load(&places[i]);

		if (place)
			fn(pfn(place - 1));
	}
}

/* Before a place is filled, so that whoever looks later finds it. */
static void use(size_t place)
{
	size_t nr = atomic_load(&used);

	while (nr <= place && !atomic_compare_exchange_weak(&used, &nr, place + 1))
		;
}

void bad_frames_add(pfn_t frame)
{
	if (find(frame, pfn_add(frame, 1)))
		return;
	for (size_t i = 0; i < BAD_FRAMES_MAX; i++) {
		uint64_t empty = 0;

		use(i);
		if (atomic_compare_exchange_strong(&places[i], &empty, frame.n + 1))
			return;
	}
	atomic_store(&overflowed, true);
}

void bad_frames_remove(pfn_t frame)
{
	for (size_t i = 0, nr = atomic_load(&used); i < nr; i++) {
		uint64_t own = frame.n + 1;

		atomic_compare_exchange_strong(&places[i], &own, 0);
	}
}
