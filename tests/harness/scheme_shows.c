/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/scheme_shows.h"

#include <errno.h>

static bool serialises(struct scheme *scheme, struct scheme_page *one, struct scheme_page *other)
{
	bool excluded;

	if (scheme_trylock(scheme, one))
		return false;
	excluded = scheme_trylock(scheme, other) == -EBUSY;
	scheme_unlock(scheme, one);
	return excluded && scheme_trylock(scheme, other) == 0 && scheme_unlock(scheme, other) == 0;
}

static bool notes_dirty(struct scheme *scheme, pfn_t frame)
{
	struct scheme_page *page;
	int first, second;

	if (scheme_pin(scheme, frame, &page))
		return false;
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
	if (scheme_pin(scheme, frame, &page))
		return false;
	first = scheme_clear_dirty(scheme, page);
	second = scheme_clear_dirty(scheme, page);
	scheme_unpin(scheme, page, SCHEME_CLEAN);
	return first == 1 && second == 0;
}

static bool tells_owners(struct scheme *scheme, pfn_t frame)
{
	const struct scheme_owner owners[2] = {{1, 10}, {2, 20}};
	struct scheme_page *pages[2];
	bool told = true;
	size_t nr = 0;

	while (nr < 2 && scheme_pin_as(scheme, frame, owners[nr], &pages[nr]) == 0)
		nr++;
	for (size_t i = 0; i < nr; i++) {
		struct scheme_owner found = {0, 0};

		told &= scheme_owner(scheme, pages[i], &found) == 0 &&
			found.mapping == owners[i].mapping && found.index == owners[i].index;
	}
	for (size_t i = 0; i < nr; i++)
		scheme_unpin(scheme, pages[i], SCHEME_CLEAN);
	return nr == 2 && told;
}

static void show_pair(struct scheme *scheme, struct scheme_shows *shows)
{
	struct scheme_page *one, *other;

	if (scheme_pin(scheme, scheme->start, &one))
		return;
	if (scheme_pin(scheme, scheme->start, &other) == 0) {
		shows->counts = scheme_pins(scheme, scheme->start) == 2;
		shows->serialises = serialises(scheme, one, other);
		scheme_unpin(scheme, other, SCHEME_CLEAN);
	}
	scheme_unpin(scheme, one, SCHEME_CLEAN);
}

static void use_up(struct scheme *scheme, struct scheme_shows *shows)
{
	struct scheme_page *pages[SCHEME_SHOWS_FRAMES];
	uint64_t most = scheme->frames < SCHEME_SHOWS_FRAMES ? scheme->frames : SCHEME_SHOWS_FRAMES;
	uint64_t nr = 0;

	while (nr < most && !shows->refused) {
		shows->refused = scheme_pin(scheme, pfn_add(scheme->start, nr), &pages[nr]);
		nr += !shows->refused;
	}
	shows->pinned = nr;
	if (shows->refused && nr > 0) {
		scheme_unpin(scheme, pages[nr - 1], SCHEME_CLEAN);
		shows->goes_on =
			scheme_pin(scheme, pfn_add(scheme->start, nr), &pages[nr - 1]) == 0;
		nr -= !shows->goes_on;
	}
	while (nr > 0)
		scheme_unpin(scheme, pages[--nr], SCHEME_CLEAN);
}

struct scheme_shows scheme_show(struct scheme *scheme)
{
	struct scheme_shows shows = {0};

	show_pair(scheme, &shows);
	shows.dirty = notes_dirty(scheme, scheme->start);
	shows.owners = tells_owners(scheme, scheme->start);
	use_up(scheme, &shows);
	return shows;
}
