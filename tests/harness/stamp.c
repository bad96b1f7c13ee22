/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/stamp.h"

#include <stdio.h>
#include <string.h>

#define STAMP_MAGIC 0x504d415453464942ull /* "BIFSTAMP" */

struct stamp {
	uint64_t magic;
	struct stamp_id id;
	uint64_t fill[60]; /* made from the id, so that a piece of another write shows */
	uint64_t checksum;
};

_Static_assert(sizeof(struct stamp) == STAMP_SIZE, "a stamp fills its sector");

static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 32) * 0xd6e8feb86659fd93;
	return value ^ value >> 32;
}

static uint64_t fill_word(struct stamp_id id, size_t index)
{
	uint64_t key = mix(id.sector) + ((uint64_t)id.device << 32 | id.generation);

	return mix(key + index * 0x9e3779b97f4a7c15);
}

static uint64_t checksum(const struct stamp *stamp)
{
	uint64_t sum = mix(stamp->magic) + mix(stamp->id.sector);

	sum = mix(sum + ((uint64_t)stamp->id.device << 32 | stamp->id.generation));
	for (size_t i = 0; i < ARRAY_SIZE(stamp->fill); i++)
		sum = mix(sum + stamp->fill[i]);
	return sum;
}

void stamp_write(void *sector, struct stamp_id id)
{
	struct stamp *stamp = sector;

	stamp->magic = STAMP_MAGIC;
	stamp->id = id;
	for (size_t i = 0; i < ARRAY_SIZE(stamp->fill); i++)
		stamp->fill[i] = fill_word(id, i);
	stamp->checksum = checksum(stamp);
}

/* The first byte that is not what the sector's own head makes one expect. */
static size_t torn_at(const struct stamp *stamp)
{
	for (size_t i = 0; i < ARRAY_SIZE(stamp->fill); i++)
		if (stamp->fill[i] != fill_word(stamp->id, i))
			return offsetof(struct stamp, fill) + i * sizeof(stamp->fill[0]);
	return offsetof(struct stamp, checksum);
}

const char *stamp_check(const void *sector, struct stamp_id id)
{
	static char text[200];
	struct stamp found;

	memcpy(&found, sector, sizeof(found));
	if (found.magic == STAMP_MAGIC && found.checksum == checksum(&found) &&
	    found.id.device == id.device && found.id.sector == id.sector &&
	    found.id.generation == id.generation)
		return NULL;
	if (found.magic != STAMP_MAGIC)
		snprintf(text, sizeof(text), "sector %llu of device %u: unwritten, begins %#llx",
			 (unsigned long long)id.sector, id.device, (unsigned long long)found.magic);
	else if (found.checksum != checksum(&found))
		snprintf(text, sizeof(text),
			 "sector %llu of device %u: torn at byte %zu, begins as sector %llu of "
			 "device %u, generation %u",
			 (unsigned long long)id.sector, id.device, torn_at(&found),
			 (unsigned long long)found.id.sector, found.id.device, found.id.generation);
	else if (found.id.sector != id.sector || found.id.device != id.device)
		snprintf(text, sizeof(text),
			 "sector %llu of device %u: misplaced, is sector %llu of device %u",
			 (unsigned long long)id.sector, id.device,
			 (unsigned long long)found.id.sector, found.id.device);
	else
		snprintf(text, sizeof(text),
			 "sector %llu of device %u: stale, expected generation %u, found %u",
			 (unsigned long long)id.sector, id.device, id.generation,
			 found.id.generation);
	return text;
}
