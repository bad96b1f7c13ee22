/* SPDX-License-Identifier: BSD-2-Clause */
/* From the medium to a block device, and what a power failure left made good. */
#include "drivers/btt.h"

#include "drivers/btt_map.h"
#include "drivers/btt_state.h"
#include "mm/frame_alloc.h"
#include "mm/persist.h"

#include <errno.h>
#include <string.h>

static int say(struct btt_fault *fault, const struct btt_open_arena *arena,
	       enum btt_fault_kind kind, uint64_t at, uint64_t found, uint64_t expected)
{
	*fault = (struct btt_fault){
		.kind = kind,
		.arena = arena->info.number,
		.at = arena->info.start + at,
		.found = found,
		.expected = expected,
	};
	return kind == BTT_FAULT_UNREADABLE ? -EIO : -EINVAL;
}

static int read_group(const struct btt *btt, const struct btt_open_arena *arena, uint32_t lane,
		      struct btt_log_group *group, struct btt_fault *fault)
{
	uint64_t at = btt_log_at(&arena->info.geometry, lane);

	if (btt_read(&btt->memory, arena->info.start + at, group, sizeof(*group)))
		return say(fault, arena, BTT_FAULT_UNREADABLE, at, 0, 0);
	return 0;
}

/* Which slots the log uses shows only when all of it was seen. */
static int find_slots(const struct btt *btt, struct btt_open_arena *arena, struct btt_fault *fault)
{
	struct btt_log_slots_seen seen = {0};

	for (uint32_t lane = 0; lane < arena->info.geometry.lanes; lane++) {
		struct btt_log_group group;
		int error = read_group(btt, arena, lane, &group, fault);

		if (error)
			return error;
		if (!btt_log_slots_add(&seen, &group))
			return say(fault, arena, BTT_FAULT_LOG_LAYOUT,
				   btt_log_at(&arena->info.geometry, lane), lane, seen.second);
	}
	arena->slots = btt_log_slots(&seen);
	return 0;
}

/* Makes the map say what the log says, or keeps it in mind where nothing may be written. */
static int finish_write(struct btt *btt, struct btt_open_arena *arena,
			const struct btt_log_entry *entry, struct btt_fault *fault)
{
	uint64_t at = btt_map_at(&arena->info.geometry, entry->sector);
	uint32_t old = entry->old_block & BTT_MAP_BLOCK;
	uint32_t new = entry->new_block &BTT_MAP_BLOCK;
	struct btt_word map;

	if (btt_hold(&btt->memory, arena->info.start + at, &map))
		return say(fault, arena, BTT_FAULT_UNREADABLE, at, 0, 0);
	if (btt_map_block(btt_load(&map), entry->sector) == old) {
		if (btt->access == BTT_READ_WRITE) {
			__atomic_store_n((uint32_t *)map.at, btt_map_entry(new), __ATOMIC_SEQ_CST);
			persist_flush(map.at, BTT_MAP_ENTRY_BYTES);
			persist_drain(map.at);
		} else {
			arena->pending[arena->nr_pending++] =
				(struct btt_pending){entry->sector, new};
		}
		btt->recovered++;
	}
	btt_release(&map);
	return 0;
}

static int open_lane(struct btt *btt, struct btt_open_arena *arena, uint32_t number,
		     struct btt_fault *fault)
{
	const struct btt_geometry *geometry = &arena->info.geometry;
	uint64_t at = btt_log_at(geometry, number);
	struct btt_lane *lane = &arena->lanes[number];
	const struct btt_log_entry *entry;
	struct btt_log_group group;
	uint32_t old, new;
	int newer = read_group(btt, arena, number, &group, fault);

	if (newer < 0)
		return newer;
	newer = btt_log_newer(&group, arena->slots);
	if (newer < 0)
		return say(fault, arena, BTT_FAULT_LOG_SEQUENCE, at,
			   group.slots[arena->slots.slot[1]].sequence,
			   btt_log_next_sequence(group.slots[0].sequence));
	entry = &group.slots[arena->slots.slot[newer]];
	at += arena->slots.slot[newer] * sizeof(*entry);
	old = entry->old_block & BTT_MAP_BLOCK;
	new = entry->new_block &BTT_MAP_BLOCK;
	if (entry->sector >= geometry->sectors)
		return say(fault, arena, BTT_FAULT_LOG_SECTOR, at, entry->sector,
			   geometry->sectors);
	if (old >= geometry->blocks || new >= geometry->blocks)
		return say(fault, arena, BTT_FAULT_LOG_BLOCK, at, old > new ? old : new,
			   geometry->blocks);
	lane->block = old;
	lane->bad = btt_map_is_error(entry->old_block);
	lane->next = (uint8_t)(1 - newer);
	lane->sequence = btt_log_next_sequence(entry->sequence);
	return old == new ? 0 : finish_write(btt, arena, entry, fault);
}

static int open_arena(struct btt *btt, struct btt_open_arena *arena, struct btt_fault *fault)
{
	int error = find_slots(btt, arena, fault);

	for (uint32_t lane = 0; lane < arena->info.geometry.lanes && !error; lane++)
		error = open_lane(btt, arena, lane, fault);
	return error;
}

/* Finds all arenas before anything is written to any. */
static int find_arenas(struct btt *btt, struct btt_fault *fault)
{
	struct btt_open_arena *arenas = btt->state->arenas;
	uint64_t sectors = 0;
	struct btt_arena arena;
	int error = btt_first_arena(&btt->memory, &arena, fault);

	while (!error) {
		if (btt->nr_arenas == BTT_ARENAS_MAX) {
			*fault = (struct btt_fault){.kind = BTT_FAULT_TOO_MANY_ARENAS,
						    .arena = arena.number,
						    .at = arena.start,
						    .found = arena.number + 1,
						    .expected = BTT_ARENAS_MAX};
			return -EFBIG;
		}
		arenas[btt->nr_arenas].info = arena;
		arenas[btt->nr_arenas].first_sector = sectors;
		sectors += arena.geometry.sectors;
		btt->info_faults += arena.first_fault.kind != BTT_FAULT_NONE;
		btt->info_faults += arena.copy_fault.kind != BTT_FAULT_NONE;
		btt->failed = btt->failed || (arena.flags & BTT_INFO_ERROR);
		btt->nr_arenas++;
		error = btt_next_arena(&btt->memory, &arena, fault);
	}
	if (btt->nr_arenas == 0 || error != -ENOENT)
		return error;
	btt->identity = arenas[0].info.identity;
	btt->device.block_size = btt_data_bytes(btt->identity.sector_bytes);
	btt->device.sectors = sectors * (btt->device.block_size / SECTOR_SIZE);
	return 0;
}

static int open_device(struct btt *btt, struct btt_fault *fault)
{
	int error = find_arenas(btt, fault);

	if (btt->failed)
		btt->access = BTT_READ_ONLY;
	for (unsigned i = 0; i < btt->nr_arenas && !error; i++)
		error = open_arena(btt, &btt->state->arenas[i], fault);
	if (error)
		return error;
	btt->log_slot = btt->state->arenas[0].slots.slot[1];
	btt->device.read_only = btt->access == BTT_READ_ONLY;
	return block_device_init(&btt->device);
}

int btt_open(struct btt *btt, const char *name, const struct btt_medium *memory,
	     enum btt_access access, struct btt_fault *fault)
{
	pfn_t area;
	int error;

	*fault = (struct btt_fault){.kind = BTT_FAULT_RANGE, .found = btt_medium_bytes(memory)};
	if (!btt_medium_region(memory))
		return -EINVAL;
	error = frame_alloc(MEMORY_DRAM, NODE_ANY, AREA_SIZE, &area);
	if (error)
		return error;
	*btt = (struct btt){
		.device =
			{
				.name = name,
				.ops = &btt_ops,
				.fua = true,
				.dma_alignment = 1,
				.max_segments = BLOCK_SEGMENTS_MAX,
				.max_bytes = AREA_SIZE,
			},
		.memory = *memory,
		.access = access,
		.cpus = host_cpus(),
		.state = host_virt(pfn_to_phys(area)),
		.state_memory = area,
	};
	memset(btt->state, 0, sizeof(*btt->state));
	error = open_device(btt, fault);
	if (error)
		btt_close(btt);
	else
		*fault = (struct btt_fault){0};
	return error;
}

void btt_close(struct btt *btt)
{
	if (frame_free(btt->state_memory, AREA_SIZE))
		host_panic("%s: its memory at %#llx is pinned by somebody else", btt->device.name,
			   (unsigned long long)pfn_to_phys(btt->state_memory).addr);
}
