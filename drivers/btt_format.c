/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt.h"

#include "drivers/btt_log.h"
#include "mm/persist.h"

#include <errno.h>
#include <string.h>

static const uint8_t zeros[PAGE_SIZE];

static void drain(const struct btt_medium *memory)
{
	persist_drain(host_virt(btt_address(memory, 0)));
}

static int unwritable(struct btt_fault *fault, unsigned arena, uint64_t at)
{
	*fault = (struct btt_fault){.kind = BTT_FAULT_UNREADABLE, .arena = arena, .at = at};
	return -EIO;
}

/* Takes an info block's signature away, by one store: it is there or it is not. */
static int forget_info(const struct btt_medium *memory, uint64_t at, struct btt_fault *fault)
{
	char signature[sizeof(BTT_SIGNATURE)];
	int error = btt_read(memory, at, signature, sizeof(signature));

	if (!error && memcmp(signature, BTT_SIGNATURE, sizeof(signature)) != 0)
		return 0;
	if (btt_write(memory, at, zeros, error ? BTT_INFO_BYTES : sizeof(uint64_t)))
		return unwritable(fault, 0, at);
	return 0;
}

/* The places in which the copy of the info block at `start` is looked for; 0: none. */
static void find_copies(const struct btt_medium *memory, uint64_t start, uint64_t copies[2])
{
	uint64_t room = btt_medium_bytes(memory) - start;
	uint64_t max = btt_arena_max(memory);
	struct btt_info info;

	copies[0] = start + (room < max ? room : max) - BTT_INFO_BYTES;
	copies[1] = 0;
	if (btt_read(memory, start, &info, sizeof(info)) == 0 && info.copy % BTT_INFO_BYTES == 0 &&
	    info.copy != 0 && info.copy < room)
		copies[1] = start + info.copy;
}

/*
 * What of the medium says that there is a BTT already, of either version. The copies go first:
 * while there is one, it serves in place of a first info block that is gone.
 */
static int forget_infos(const struct btt_medium *memory, struct btt_fault *fault)
{
	int error = 0;

	for (uint64_t at = 0; at <= BTT_VERSION_1_1_START; at += BTT_VERSION_1_1_START) {
		uint64_t copies[2];
		char byte;

		find_copies(memory, at, copies);
		for (unsigned i = 0; i < ARRAY_SIZE(copies) && !error; i++)
			/* A copy that cannot be read serves nobody. */
			if (copies[i] && btt_read(memory, copies[i], &byte, sizeof(byte)) == 0)
				error = forget_info(memory, copies[i], fault);
	}
	drain(memory);
	for (uint64_t at = 0; at <= BTT_VERSION_1_1_START && !error; at += BTT_VERSION_1_1_START)
		error = forget_info(memory, at, fault);
	drain(memory);
	return error;
}

/*
 * Every sector is in the block of its own number, and every lane has one of the others. Durable
 * before either info block is there, for each of them makes a BTT of it.
 */
static int write_map_and_log(const struct btt_medium *memory, const struct btt_arena *arena,
			     struct btt_fault *fault)
{
	const struct btt_geometry *geometry = &arena->geometry;

	for (uint64_t at = geometry->map; at < geometry->log; at += sizeof(zeros))
		if (btt_write(memory, arena->start + at, zeros, sizeof(zeros)))
			return unwritable(fault, arena->number, arena->start + at);
	for (uint32_t lane = 0; lane < geometry->lanes; lane++) {
		struct btt_log_group group = btt_log_first_group(geometry->sectors, lane);
		uint64_t at = arena->start + btt_log_at(geometry, lane);

		if (btt_write(memory, at, &group, sizeof(group)))
			return unwritable(fault, arena->number, at);
	}
	drain(memory);
	return 0;
}

/*
 * The first word comes last: words arrive in any order, and before what an older BTT left in the
 * block a new signature alone would make that one count again.
 */
static int write_info(const struct btt_medium *memory, const struct btt_arena *arena,
		      uint64_t offset, struct btt_fault *fault)
{
	static const char signature[] = BTT_SIGNATURE;
	uint64_t at = arena->start + offset;
	struct btt_info info;

	btt_info_make(arena, &info);
	memset(info.signature, 0, sizeof(uint64_t));
	if (btt_write(memory, at, &info, sizeof(info)))
		return unwritable(fault, arena->number, at);
	drain(memory);
	if (btt_write(memory, at, signature, sizeof(uint64_t)))
		return unwritable(fault, arena->number, at);
	drain(memory);
	return 0;
}

/*
 * The arena that begins at arena->start. Nothing is made of what is left after the last one and is
 * smaller than an arena can be.
 */
static int place_arena(const struct btt_medium *memory, struct btt_arena *arena,
		       struct btt_fault *fault)
{
	uint64_t max = btt_arena_max(memory);
	uint64_t min = max < BTT_ARENA_MIN ? max : BTT_ARENA_MIN;
	uint64_t bytes = btt_medium_bytes(memory) - arena->start;

	*fault = (struct btt_fault){.kind = BTT_FAULT_RANGE,
				    .arena = arena->number,
				    .at = arena->start,
				    .found = bytes,
				    .expected = min};
	if (bytes < min)
		return -EINVAL;
	arena->next = bytes >= max && bytes - max >= min ? max : 0;
	return btt_geometry_make(bytes < max ? bytes : max, arena->identity.sector_bytes,
				 &arena->geometry);
}

static uint64_t first_start(const struct btt_identity *identity)
{
	return identity->version == BTT_VERSION_1_1 ? (uint64_t)BTT_VERSION_1_1_START : 0;
}

/* The last arenas come first: while the first one has no info block there is no BTT. */
static int write_arenas(const struct btt_medium *memory, struct btt_arena *arena, unsigned number,
			struct btt_fault *fault)
{
	uint64_t start = first_start(&arena->identity);
	int error;

	arena->number = number;
	arena->start = start + number * btt_arena_max(memory);
	error = place_arena(memory, arena, fault);
	if (!error)
		error = write_map_and_log(memory, arena, fault);
	if (!error)
		error = write_info(memory, arena, arena->geometry.copy, fault);
	if (!error)
		error = write_info(memory, arena, 0, fault);
	return error;
}

static unsigned count_arenas(const struct btt_medium *memory, struct btt_arena *arena,
			     struct btt_fault *fault, int *error)
{
	unsigned nr = 0;

	arena->start = first_start(&arena->identity);
	do {
		arena->number = nr++;
		*error = place_arena(memory, arena, fault);
		arena->start += arena->next;
	} while (!*error && arena->next);
	return nr;
}

int btt_format(const struct btt_medium *memory, const struct btt_identity *identity,
	       struct btt_fault *fault)
{
	const struct region *region = btt_medium_region(memory);
	struct btt_arena arena = {.identity = *identity};
	unsigned nr;
	int error;

	*fault = (struct btt_fault){.kind = BTT_FAULT_RANGE, .found = btt_medium_bytes(memory)};
	if (!region)
		return -EINVAL;
	if (!region->writable) {
		fault->kind = BTT_FAULT_READ_ONLY;
		return -EROFS;
	}
	if (identity->version != BTT_VERSION_1_1 && identity->version != BTT_VERSION_2_0) {
		*fault = (struct btt_fault){.kind = BTT_FAULT_INFO_VERSION,
					    .found = identity->version,
					    .expected = BTT_VERSION_1_1};
		return -EINVAL;
	}
	nr = count_arenas(memory, &arena, fault, &error);
	if (error)
		return error;
	error = forget_infos(memory, fault);
	while (nr-- > 0 && !error)
		error = write_arenas(memory, &arena, nr, fault);
	if (!error)
		*fault = (struct btt_fault){0};
	return error;
}
