/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/interleave_set.h"
#include "drivers/fletcher64.h"
#include "drivers/heap_sort.h"

#include <string.h>

/* What the sums run over, one record for each member. */
struct record_v1_1 {
	uint64_t region_offset;
	uint32_t serial;
	uint32_t reserved;
};

struct record_v1_2 {
	uint64_t region_offset;
	uint32_t serial;
	uint16_t vendor;
	uint16_t manufacturing_date;
	uint8_t manufacturing_location;
	uint8_t reserved[31];
};

_Static_assert(sizeof(struct record_v1_1) == 16, "record of a version 1.1 cookie");
_Static_assert(sizeof(struct record_v1_2) == 48, "record of a version 1.2 cookie");

static int by_offset(const void *left, const void *right)
{
	const struct interleave_member *a = left, *b = right;

	return (a->region_offset > b->region_offset) - (a->region_offset < b->region_offset);
}

static int by_offset_bytes(const void *left, const void *right)
{
	const struct interleave_member *a = left, *b = right;

	return memcmp(&a->region_offset, &b->region_offset, sizeof(a->region_offset));
}

uint64_t interleave_cookie(enum interleave_cookie kind, struct interleave_member *members,
			   size_t nr)
{
	struct fletcher64 sum = {0};

	heap_sort(members, nr, sizeof(*members),
		  kind == COOKIE_V1_1_BYTE_ORDER ? by_offset_bytes : by_offset);
	for (size_t i = 0; i < nr; i++) {
		const struct interleave_member *member = &members[i];

		if (kind == COOKIE_V1_2) {
			struct record_v1_2 record = {
				.region_offset = member->region_offset,
				.serial = member->serial,
				.vendor = member->vendor,
				.manufacturing_date = member->manufacturing_date,
				.manufacturing_location = member->manufacturing_location,
			};
			fletcher64_add(&sum, &record, sizeof(record));
		} else {
			struct record_v1_1 record = {member->region_offset, member->serial, 0};

			fletcher64_add(&sum, &record, sizeof(record));
		}
	}
	return fletcher64_value(&sum);
}
