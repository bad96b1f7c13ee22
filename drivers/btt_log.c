/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt_log.h"

#include "drivers/btt_map.h"
#include "mm/persist.h"

#include <errno.h>
#include <string.h>

enum { SEQUENCE_UNUSED = 0, SEQUENCE_FIRST = 1, SEQUENCE_LAST = 3 };

static bool is_empty(const struct btt_log_entry *entry)
{
	return (entry->sector | entry->old_block | entry->new_block | entry->sequence) == 0;
}

bool btt_log_slots_add(struct btt_log_slots_seen *seen, const struct btt_log_group *group)
{
	uint8_t second = 0;

	if (is_empty(&group->slots[0]))
		return false;
	for (uint8_t slot = 1; slot < BTT_LOG_SLOTS; slot++) {
		if (is_empty(&group->slots[slot]))
			continue;
		if (second || slot == BTT_LOG_SLOTS - 1)
			return false;
		second = slot;
	}
	if (second && seen->second && seen->second != second)
		return false;
	if (second)
		seen->second = second;
	return true;
}

struct btt_log_slots btt_log_slots(const struct btt_log_slots_seen *seen)
{
	return (struct btt_log_slots){{0, seen->second ? seen->second : 1}};
}

int btt_log_newer(const struct btt_log_group *group, struct btt_log_slots slots)
{
	uint32_t a = group->slots[slots.slot[0]].sequence;
	uint32_t b = group->slots[slots.slot[1]].sequence;

	if (a == SEQUENCE_UNUSED || a > SEQUENCE_LAST || b > SEQUENCE_LAST)
		return -EINVAL;
	if (b == SEQUENCE_UNUSED) /* only the first write ever can have been the last one */
		return a == SEQUENCE_FIRST ? 0 : -EINVAL;
	if (a == b)
		return -EINVAL;
	return btt_log_next_sequence(a) == b ? 1 : 0;
}

struct btt_log_group btt_log_first_group(uint32_t sectors, uint32_t lane)
{
	return (struct btt_log_group){{{
		.sector = lane % sectors, /* any will do */
		.old_block = sectors + lane,
		.new_block = sectors + lane,
		.sequence = SEQUENCE_FIRST,
	}}};
}

static bool is_fault(enum btt_fault_kind kind, size_t at, uint64_t found, uint64_t expected,
		     struct btt_fault *fault)
{
	*fault = (struct btt_fault){.kind = kind, .at = at, .found = found, .expected = expected};
	return false;
}

bool btt_log_last(const struct btt_log_group *group, struct btt_log_slots slots,
		  const struct btt_geometry *geometry, struct btt_log_last *last,
		  struct btt_fault *fault)
{
	const struct btt_log_entry *entry;
	int newer = btt_log_newer(group, slots);
	size_t at;

	if (newer < 0)
		return is_fault(BTT_FAULT_LOG_SEQUENCE, 0, group->slots[slots.slot[1]].sequence,
				btt_log_next_sequence(group->slots[0].sequence), fault);
	entry = &group->slots[slots.slot[newer]];
	at = slots.slot[newer] * sizeof(*entry);
	*last = (struct btt_log_last){
		.newer = (uint8_t)newer,
		.sector = entry->sector,
		.old_block = entry->old_block & BTT_MAP_BLOCK,
		.new_block = entry->new_block & BTT_MAP_BLOCK,
		.bad = btt_map_is_error(entry->old_block),
		.sequence = entry->sequence,
	};
	if (last->sector >= geometry->sectors)
		return is_fault(BTT_FAULT_LOG_SECTOR, at, last->sector, geometry->sectors, fault);
	if (last->old_block >= geometry->blocks)
		return is_fault(BTT_FAULT_LOG_BLOCK, at + offsetof(struct btt_log_entry, old_block),
				last->old_block, geometry->blocks, fault);
	if (last->new_block >= geometry->blocks)
		return is_fault(BTT_FAULT_LOG_BLOCK, at + offsetof(struct btt_log_entry, new_block),
				last->new_block, geometry->blocks, fault);
	return true;
}

static uint64_t group_at(const struct btt_arena *arena, uint32_t lane)
{
	return arena->start + btt_log_at(&arena->geometry, lane);
}

static int read_group(const struct btt_medium *medium, const struct btt_arena *arena, uint32_t lane,
		      struct btt_log_group *group, struct btt_fault *fault)
{
	if (!btt_read(medium, group_at(arena, lane), group, sizeof(*group)))
		return 0;
	*fault = (struct btt_fault){
		.kind = BTT_FAULT_UNREADABLE, .arena = arena->number, .at = group_at(arena, lane)};
	return -EIO;
}

/* Which slots are in use shows only when all of the log was seen. */
int btt_log_find_slots(const struct btt_medium *medium, const struct btt_arena *arena,
		       struct btt_log_slots *slots, struct btt_fault *fault)
{
	struct btt_log_slots_seen seen = {0};

	for (uint32_t lane = 0; lane < arena->geometry.lanes; lane++) {
		struct btt_log_group group;
		int error = read_group(medium, arena, lane, &group, fault);

		if (error)
			return error;
		if (!btt_log_slots_add(&seen, &group)) {
			*fault = (struct btt_fault){.kind = BTT_FAULT_LOG_LAYOUT,
						    .arena = arena->number,
						    .at = group_at(arena, lane),
						    .found = lane,
						    .expected = seen.second};
			return -EINVAL;
		}
	}
	*slots = btt_log_slots(&seen);
	return 0;
}

int btt_log_read_last(const struct btt_medium *medium, const struct btt_arena *arena,
		      struct btt_log_slots slots, uint32_t lane, struct btt_log_last *last,
		      struct btt_fault *fault)
{
	struct btt_log_group group;
	int error = read_group(medium, arena, lane, &group, fault);

	if (error)
		return error;
	if (btt_log_last(&group, slots, &arena->geometry, last, fault))
		return 0;
	fault->arena = arena->number;
	fault->at += group_at(arena, lane);
	return -EINVAL;
}

void btt_log_put(struct btt_log_entry *at, const struct btt_log_entry *entry)
{
	uint64_t halves[2];
	uint64_t *to = (uint64_t *)at;

	memcpy(halves, entry, sizeof(halves));
	/* Both are in one line, which reaches the medium in the order of the stores. */
	__atomic_store_n(&to[0], halves[0], __ATOMIC_RELAXED);
	persist_publish(&to[1], halves[1]);
}
