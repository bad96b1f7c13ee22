/* SPDX-License-Identifier: BSD-2-Clause */
/* From the medium to a block device, and what a power failure left made good. */
#include "drivers/btt.h"

#include "drivers/btt_map.h"
#include "drivers/btt_state.h"
#include "mm/frame_alloc.h"

#include <errno.h>
#include <string.h>

static int unreadable(struct btt_fault *fault, const struct btt_open_arena *arena, uint64_t at)
{
	*fault = (struct btt_fault){
		.kind = BTT_FAULT_UNREADABLE, .arena = arena->info.number, .at = at};
	return -EIO;
}

/*
 * A write is finished unless the map still names the old block. Then its last step is made up for,
 * or kept in mind where nothing may be written.
 */
static int finish_write(struct btt *btt, struct btt_open_arena *arena,
			const struct btt_log_last *last, struct btt_fault *fault)
{
	uint64_t at = arena->info.start + btt_map_at(&arena->info.geometry, last->sector);
	struct btt_word map;
	uint32_t entry;
	int error;

	if (btt_hold(&btt->memory, at, &map))
		return unreadable(fault, arena, at);
	error = btt_load(&map, &entry);
	if (!error && btt_map_block(entry, last->sector) == last->old_block) {
		if (btt->access == BTT_READ_WRITE)
			btt_store(&map, btt_map_entry(last->new_block));
		else
			arena->pending[arena->nr_pending++] =
				(struct btt_pending){last->sector, last->new_block};
		btt->recovered++;
	}
	btt_release(&map);
	return error ? unreadable(fault, arena, at) : 0;
}

static int open_lane(struct btt *btt, struct btt_open_arena *arena, uint32_t number,
		     struct btt_fault *fault)
{
	struct btt_lane *lane = &arena->lanes[number];
	struct btt_log_last last;
	int error =
		btt_log_read_last(&btt->memory, &arena->info, arena->slots, number, &last, fault);

	if (error)
		return error;
	lane->block = last.old_block;
	lane->bad = last.bad;
	lane->next = last.newer ^ 1;
	lane->sequence = btt_log_next_sequence(last.sequence);
	return last.old_block == last.new_block ? 0 : finish_write(btt, arena, &last, fault);
}

static int open_arena(struct btt *btt, struct btt_open_arena *arena, struct btt_fault *fault)
{
	int error = btt_log_find_slots(&btt->memory, &arena->info, &arena->slots, fault);

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
