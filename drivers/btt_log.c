/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt_log.h"

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

void btt_log_put(struct btt_log_entry *at, const struct btt_log_entry *entry)
{
	uint64_t halves[2];
	uint64_t *to = (uint64_t *)at;

	memcpy(halves, entry, sizeof(halves));
	__atomic_store_n(&to[0], halves[0], __ATOMIC_RELAXED);
	persist_flush(&to[0], sizeof(to[0]));
	persist_publish(&to[1], halves[1]);
}
