/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/nfit_claims.h"

#include "drivers/nfit.h"
#include "drivers/span.h"

#include <errno.h>

struct search {
	const struct memory_range *map;
	size_t nr_map;
	struct memory_range *claims;
	size_t *nr;
	size_t max;
	int error;
};

static bool is_persistent(const struct nfit_range *range)
{
	switch (nfit_range_type(range->guid)) {
	case NFIT_PERSISTENT:
	case NFIT_PERSISTENT_DISK:
	case NFIT_PERSISTENT_CD:
		return true;
	default:
		return false;
	}
}

static bool touches_ram(const struct search *search, struct span claim)
{
	for (size_t i = 0; i < search->nr_map; i++) {
		struct span ram;

		if (search->map[i].type == MEMORY_TYPE_RAM &&
		    span_of(search->map[i].start, search->map[i].length, &ram) &&
		    ram.start < claim.end && claim.start < ram.end)
			return true;
	}
	return false;
}

static void note_range(void *context, const struct nfit_range *range)
{
	struct search *search = context;
	struct span claim;

	if (!is_persistent(range) || !span_of(phys(range->start), range->length, &claim) ||
	    !touches_ram(search, claim))
		return;
	if (*search->nr == search->max) {
		search->error = -ENOSPC;
		return;
	}
	search->claims[(*search->nr)++] = (struct memory_range){
		.start = phys(claim.start),
		.length = claim.end - claim.start,
		.type = MEMORY_TYPE_PMEM,
	};
}

int nfit_claims(struct acpi_bytes nfit, const struct memory_range *map, size_t nr_map,
		struct memory_range *claims, size_t *nr, size_t max)
{
	struct search search = {map, nr_map, claims, nr, max, 0};
	struct nfit_visitor visitor = {.range = note_range, .context = &search};

	/* What is not well formed is reported by the inventory, which reads it again. */
	if (nfit.bytes && nfit_parse(nfit.bytes, nfit.length, &visitor))
		return 0;
	return search.error;
}
