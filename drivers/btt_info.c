/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt_info.h"

#include "drivers/fletcher64.h"

#include <errno.h>
#include <string.h>

/* Arenas and their blocks begin at multiples of this. */
enum { STEP = 4096 };

uint64_t btt_info_checksum(const struct btt_info *info)
{
	static const uint64_t zero;
	struct fletcher64 sum = {0};

	fletcher64_add(&sum, info, offsetof(struct btt_info, checksum));
	fletcher64_add(&sum, &zero, sizeof(zero));
	return fletcher64_value(&sum);
}

void btt_info_make(const struct btt_arena *arena, struct btt_info *info)
{
	const struct btt_geometry *geometry = &arena->geometry;

	*info = (struct btt_info){
		.signature = BTT_SIGNATURE,
		.flags = arena->flags,
		.major = (uint16_t)(arena->identity.version >> 16),
		.minor = (uint16_t)arena->identity.version,
		.sector_bytes = geometry->sector_bytes,
		.sectors = geometry->sectors,
		.block_bytes = geometry->block_bytes,
		.blocks = geometry->blocks,
		.lanes = geometry->lanes,
		.info_bytes = BTT_INFO_BYTES,
		.next_arena = arena->next,
		.data = geometry->data,
		.map = geometry->map,
		.log = geometry->log,
		.copy = geometry->copy,
	};
	memcpy(info->uuid, arena->identity.uuid, sizeof(info->uuid));
	memcpy(info->parent_uuid, arena->identity.parent_uuid, sizeof(info->parent_uuid));
	info->checksum = btt_info_checksum(info);
}

static bool wrong(enum btt_fault_kind kind, const char *field, uint64_t found, uint64_t expected,
		  struct btt_fault *fault)
{
	*fault = (struct btt_fault){
		.kind = kind, .field = field, .found = found, .expected = expected};
	return false;
}

bool btt_info_read(const struct btt_info *info, uint64_t room, struct btt_arena *arena,
		   struct btt_fault *fault)
{
	uint64_t checksum = btt_info_checksum(info);
	uint32_t version = (uint32_t)info->major << 16 | info->minor;
	struct btt_misfit misfit;

	if (memcmp(info->signature, BTT_SIGNATURE, sizeof(info->signature)) != 0)
		return wrong(BTT_FAULT_INFO_SIGNATURE, NULL, 0, 0, fault);
	if (info->checksum != checksum)
		return wrong(BTT_FAULT_INFO_CHECKSUM, NULL, info->checksum, checksum, fault);
	if (version != BTT_VERSION_1_1 && version != BTT_VERSION_2_0)
		return wrong(BTT_FAULT_INFO_VERSION, NULL, version, BTT_VERSION_1_1, fault);
	if (info->info_bytes != BTT_INFO_BYTES)
		return wrong(BTT_FAULT_INFO_FIELD, "info_bytes", info->info_bytes, BTT_INFO_BYTES,
			     fault);
	arena->identity.version = (enum btt_version)version;
	arena->identity.sector_bytes = info->sector_bytes;
	memcpy(arena->identity.uuid, info->uuid, sizeof(info->uuid));
	memcpy(arena->identity.parent_uuid, info->parent_uuid, sizeof(info->parent_uuid));
	arena->flags = info->flags;
	arena->next = info->next_arena;
	arena->geometry = (struct btt_geometry){
		.sector_bytes = info->sector_bytes,
		.sectors = info->sectors,
		.block_bytes = info->block_bytes,
		.blocks = info->blocks,
		.lanes = info->lanes,
		.data = info->data,
		.map = info->map,
		.log = info->log,
		.copy = info->copy,
	};
	if (!btt_geometry_fits(&arena->geometry, room, &misfit))
		return wrong(BTT_FAULT_INFO_FIELD, misfit.field, misfit.found, misfit.limit, fault);
	arena->geometry.bytes = info->copy + BTT_INFO_BYTES;
	if (arena->next == 0)
		return true;
	if (arena->next < arena->geometry.bytes || arena->next % STEP != 0)
		return wrong(BTT_FAULT_INFO_FIELD, "next_arena", arena->next, arena->geometry.bytes,
			     fault);
	if (arena->next > room - BTT_INFO_BYTES)
		return wrong(BTT_FAULT_INFO_FIELD, "next_arena", arena->next, room, fault);
	return true;
}

/* The block `at` bytes into the arena, and what the arena is like by it. */
static bool read_block(const struct btt_medium *medium, uint64_t at, struct btt_info *info,
		       struct btt_arena *arena, struct btt_fault *fault)
{
	uint64_t room = btt_medium_bytes(medium) - arena->start;
	bool good;

	if (btt_read(medium, arena->start + at, info, sizeof(*info))) {
		memset(info, 0, sizeof(*info));
		good = wrong(BTT_FAULT_UNREADABLE, NULL, 0, 0, fault);
	} else {
		good = btt_info_read(info, room, arena, fault);
	}
	fault->arena = arena->number;
	fault->at = arena->start + at;
	return good;
}

/*
 * A block that is only good as the copy in this place, of this arena. The first block of the next
 * arena of version 2.0 is where the copy of one of version 1.1 would be, and looks alike.
 */
static bool read_copy(const struct btt_medium *medium, uint64_t at, enum btt_version version,
		      struct btt_arena *arena)
{
	struct btt_arena found = *arena;
	struct btt_info info;
	struct btt_fault fault;

	if (at % STEP != 0 || at < STEP ||
	    at > btt_medium_bytes(medium) - arena->start - BTT_INFO_BYTES ||
	    !read_block(medium, at, &info, &found, &fault) || found.geometry.copy != at ||
	    found.identity.version != version)
		return false;
	*arena = found;
	return true;
}

/* Where the last whole block of an arena of the usual size is, if there is room for two. */
static uint64_t usual_copy(const struct btt_medium *medium, uint64_t start)
{
	uint64_t room = btt_medium_bytes(medium) - start;

	if (room > btt_arena_max(medium))
		room = btt_arena_max(medium);
	return room - BTT_INFO_BYTES;
}

/* Compares the copy with the first block, which is good. */
static void look_at_copy(const struct btt_medium *medium, const struct btt_info *first,
			 struct btt_arena *arena)
{
	struct btt_arena found = *arena;
	struct btt_info copy;
	const uint8_t *a = (const uint8_t *)first, *b = (const uint8_t *)&copy;
	uint64_t at = arena->geometry.copy;

	if (!read_block(medium, at, &copy, &found, &arena->copy_fault))
		return;
	arena->copy_fault = (struct btt_fault){0};
	for (size_t i = 0; i < sizeof(copy); i++) {
		if (a[i] == b[i])
			continue;
		arena->copy_fault = (struct btt_fault){
			.kind = BTT_FAULT_INFO_DIFFERS,
			.arena = arena->number,
			.at = arena->start + at + i,
			.found = b[i],
			.expected = a[i],
		};
		return;
	}
}

/* The arena of arena->number at arena->start. */
static int read_arena(const struct btt_medium *medium, enum btt_version version,
		      struct btt_arena *arena, struct btt_fault *fault)
{
	struct btt_info info;

	arena->first_fault = arena->copy_fault = (struct btt_fault){0};
	if (read_block(medium, 0, &info, arena, fault)) {
		look_at_copy(medium, &info, arena);
		return 0;
	}
	arena->first_fault = *fault;
	if (read_copy(medium, info.copy, version, arena) ||
	    read_copy(medium, usual_copy(medium, arena->start), version, arena))
		return 0;
	return fault->kind == BTT_FAULT_UNREADABLE ? -EIO : -EINVAL;
}

/* The first arena of a BTT of this version. */
static int read_version(const struct btt_medium *medium, enum btt_version version,
			struct btt_arena *arena, struct btt_fault *fault)
{
	int error;

	*arena = (struct btt_arena){
		.start = version == BTT_VERSION_1_1 ? (uint64_t)BTT_VERSION_1_1_START : 0};
	if (btt_medium_bytes(medium) < arena->start + 2 * BTT_INFO_BYTES) {
		wrong(BTT_FAULT_RANGE, NULL, btt_medium_bytes(medium),
		      arena->start + 2 * BTT_INFO_BYTES, fault);
		return -ENOENT;
	}
	error = read_arena(medium, version, arena, fault);
	if (!error && arena->identity.version != version) {
		wrong(BTT_FAULT_INFO_VERSION, NULL, arena->identity.version, version, fault);
		fault->at = arena->start;
		error = -EINVAL;
	}
	return error;
}

/*
 * What lies where the other version would begin is the user's data, or left of an older BTT: in
 * doubt the one counts of which both blocks are good.
 */
int btt_first_arena(const struct btt_medium *medium, struct btt_arena *arena,
		    struct btt_fault *fault)
{
	struct btt_arena other;
	struct btt_fault other_fault;
	int error = read_version(medium, BTT_VERSION_2_0, arena, fault);
	int other_error = read_version(medium, BTT_VERSION_1_1, &other, &other_fault);

	if (!other_error && (error || (arena->copy_fault.kind && !other.copy_fault.kind))) {
		*arena = other;
		return 0;
	}
	if (!error)
		return 0;
	if (fault->kind == BTT_FAULT_INFO_SIGNATURE) {
		*fault = other_fault;
		error = other_error;
	}
	return fault->kind == BTT_FAULT_INFO_SIGNATURE ? -ENOENT : error;
}

int btt_next_arena(const struct btt_medium *medium, struct btt_arena *arena,
		   struct btt_fault *fault)
{
	const struct btt_identity before = arena->identity;
	const struct btt_identity *now = &arena->identity;
	int error;

	if (arena->next == 0)
		return -ENOENT;
	arena->number++;
	arena->start += arena->next;
	error = read_arena(medium, before.version, arena, fault);
	if (error)
		return error;
	if (memcmp(now->uuid, before.uuid, sizeof(before.uuid)) != 0)
		wrong(BTT_FAULT_INFO_FOREIGN, "uuid", now->uuid[0], before.uuid[0], fault);
	else if (now->version != before.version)
		wrong(BTT_FAULT_INFO_FOREIGN, "version", now->version, before.version, fault);
	else if (now->sector_bytes != before.sector_bytes)
		wrong(BTT_FAULT_INFO_FOREIGN, "sector_bytes", now->sector_bytes,
		      before.sector_bytes, fault);
	else
		return 0;
	fault->arena = arena->number;
	fault->at = arena->start;
	return -EINVAL;
}
