/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes of sectors. */
#include "drivers/btt.h"

#include "drivers/btt_map.h"
#include "drivers/btt_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint8_t zeros[PAGE_SIZE];

/* --- Who waits for whom. --- */

static void lock(atomic_bool *busy)
{
	while (atomic_exchange_explicit(busy, true, memory_order_acquire))
		while (atomic_load_explicit(busy, memory_order_relaxed))
			__builtin_ia32_pause();
}

static void unlock(atomic_bool *busy)
{
	atomic_store_explicit(busy, false, memory_order_release);
}

/* Entries of one cache line have one lock: their CPUs would wait for the line anyway. */
static atomic_bool *map_lock(const struct btt *btt, const struct btt_open_arena *arena,
			     uint32_t sector)
{
	uint32_t line = sector / (CACHE_LINE / BTT_MAP_ENTRY_BYTES) + arena->info.number * 37;

	return &btt->state->map_locks[line % BTT_MAP_LOCKS].busy;
}

static uint64_t reader_block(const struct btt_open_arena *arena, uint32_t block)
{
	return ((uint64_t)arena->info.number << 32 | block) + 1;
}

static void begin_read(struct btt *btt, const struct btt_open_arena *arena, uint32_t block)
{
	__atomic_store_n(&btt->state->readers[host_cpu()].block, reader_block(arena, block),
			 __ATOMIC_SEQ_CST);
}

static void end_read(struct btt *btt)
{
	__atomic_store_n(&btt->state->readers[host_cpu()].block, 0, __ATOMIC_RELEASE);
}

/*
 * A reader says which block it reads, and looks at the map again. A writer that took the block out
 * of the map before that look looks at the reader's word after it: one of the two sees the other.
 */
static void wait_for_readers(const struct btt *btt, const struct btt_open_arena *arena,
			     uint32_t block)
{
	uint64_t mine = reader_block(arena, block);

	for (unsigned cpu = 0; cpu < btt->cpus; cpu++)
		while (__atomic_load_n(&btt->state->readers[cpu].block, __ATOMIC_SEQ_CST) == mine)
			__builtin_ia32_pause();
}

static bool lanes_are_shared(const struct btt *btt, const struct btt_open_arena *arena)
{
	return btt->cpus > arena->info.geometry.lanes;
}

/* A lane that still works; where there are more than CPUs, each CPU has several. NULL: none. */
static struct btt_lane *enter_lane(const struct btt *btt, struct btt_open_arena *arena)
{
	uint32_t nr = arena->info.geometry.lanes;

	if (lanes_are_shared(btt, arena)) {
		struct btt_lane *lane = &arena->lanes[host_cpu() % nr];

		lock(&lane->busy);
		if (!lane->given_up)
			return lane;
		unlock(&lane->busy);
		return NULL;
	}
	for (uint32_t i = host_cpu(); i < nr; i += btt->cpus)
		if (!arena->lanes[i].given_up)
			return &arena->lanes[i];
	return NULL;
}

static void leave_lane(const struct btt *btt, struct btt_open_arena *arena, struct btt_lane *lane)
{
	if (lanes_are_shared(btt, arena))
		unlock(&lane->busy);
}

/* --- The map. --- */

static int hold_map(const struct btt *btt, const struct btt_open_arena *arena, uint32_t sector,
		    struct btt_word *word)
{
	return btt_hold(&btt->memory, arena->info.start + btt_map_at(&arena->info.geometry, sector),
			word);
}

/* What the map says, or will say when a write is made good that a power failure interrupted. */
static int load_map(const struct btt_open_arena *arena, const struct btt_word *word,
		    uint32_t sector, uint32_t *entry)
{
	for (unsigned i = 0; i < arena->nr_pending; i++) {
		if (arena->pending[i].sector != sector)
			continue;
		*entry = btt_map_entry(arena->pending[i].block);
		return 0;
	}
	return btt_load(word, entry);
}

static uint64_t block_at(const struct btt_open_arena *arena, uint32_t block)
{
	return arena->info.start + btt_block_at(&arena->info.geometry, block);
}

/* --- Writing. --- */

static int write_zeros(const struct btt *btt, uint64_t at, uint64_t bytes)
{
	int error = 0;

	for (uint64_t done = 0; done < bytes && !error; done += sizeof(zeros)) {
		uint64_t rest = bytes - done;

		error = btt_write(&btt->memory, at + done, zeros,
				  rest < sizeof(zeros) ? rest : sizeof(zeros));
	}
	return error;
}

/* A bad block may end within what the medium can only repair as a whole, so all of it is written.
 */
static int fill_block(const struct btt *btt, const struct btt_open_arena *arena,
		      const struct btt_lane *lane, const void *data)
{
	uint32_t sector_bytes = arena->info.geometry.sector_bytes;
	uint32_t data_bytes = (uint32_t)btt->device.block_size;
	uint64_t at = block_at(arena, lane->block);
	int error = 0;

	if (lane->bad)
		error = write_zeros(btt, at, arena->info.geometry.block_bytes);
	if (!error)
		error = btt_write(&btt->memory, at, data, data_bytes);
	if (!error && sector_bytes > data_bytes)
		error = write_zeros(btt, at + data_bytes, sector_bytes - data_bytes);
	return error;
}

/* The entry of the log that is the lane's next one. */
static int hold_log(const struct btt *btt, const struct btt_open_arena *arena,
		    const struct btt_lane *lane, struct btt_word *word)
{
	uint32_t number = (uint32_t)(lane - arena->lanes);
	uint64_t group = arena->info.start + btt_log_at(&arena->info.geometry, number);

	return btt_hold(&btt->memory,
			group + arena->slots.slot[lane->next] * sizeof(struct btt_log_entry), word);
}

/* The steps that make the lane's block the sector's. Both words are held: nothing can fail. */
static int exchange(const struct btt *btt, const struct btt_open_arena *arena,
		    struct btt_lane *lane, uint32_t sector, const struct btt_word *map,
		    const struct btt_word *log)
{
	atomic_bool *map_busy = map_lock(btt, arena, sector);
	uint32_t before = 0, old;
	int error;

	lock(map_busy);
	error = btt_load(map, &before);
	old = btt_map_block(before, sector);
	if (error || old >= arena->info.geometry.blocks) {
		unlock(map_busy);
		return -EIO;
	}
	btt_log_put(log->at,
		    &(struct btt_log_entry){
			    .sector = sector,
			    .old_block = btt_map_is_error(before) ? btt_map_error(old) : old,
			    .new_block = lane->block,
			    .sequence = lane->sequence,
		    });
	btt_store(map, btt_map_entry(lane->block));
	unlock(map_busy);
	lane->block = old;
	lane->bad = btt_map_is_error(before);
	lane->sequence = btt_log_next_sequence(lane->sequence);
	lane->next ^= 1;
	return 0;
}

/* -EAGAIN: the lane does not work; -EFAULT: the data cannot be read. Nothing came of it then. */
static int write_in_lane(struct btt *btt, const struct btt_open_arena *arena, struct btt_lane *lane,
			 uint32_t sector, const void *data)
{
	struct btt_word map, log;
	int error = hold_map(btt, arena, sector, &map);

	if (error)
		return error;
	wait_for_readers(btt, arena, lane->block);
	error = fill_block(btt, arena, lane, data);
	if (error == -EFAULT) {
		btt_release(&map);
		return error;
	}
	if (error || hold_log(btt, arena, lane, &log)) {
		lane->given_up = true;
		error = -EAGAIN;
	} else {
		error = exchange(btt, arena, lane, sector, &map, &log);
		btt_release(&log);
	}
	btt_release(&map);
	return error;
}

static int write_sector(struct btt *btt, struct btt_open_arena *arena, uint32_t sector, void *data)
{
	int error;

	do {
		struct btt_lane *lane = enter_lane(btt, arena);

		if (!lane)
			return -EIO;
		error = write_in_lane(btt, arena, lane, sector, data);
		leave_lane(btt, arena, lane);
	} while (error == -EAGAIN);
	return error;
}

/* --- Reading. --- */

/* Notes that a sector cannot be read, unless somebody wrote it meanwhile. */
static void mark_error(const struct btt *btt, const struct btt_open_arena *arena, uint32_t sector,
		       const struct btt_word *map, uint32_t entry)
{
	atomic_bool *map_busy = map_lock(btt, arena, sector);
	uint32_t now;

	if (btt->access != BTT_READ_WRITE)
		return;
	lock(map_busy);
	if (btt_load(map, &now) == 0 && now == entry)
		btt_store(map, btt_map_error(btt_map_block(entry, sector)));
	unlock(map_busy);
}

static int read_mapped(struct btt *btt, const struct btt_open_arena *arena, uint32_t sector,
		       const struct btt_word *map, void *data)
{
	uint32_t entry;
	int error = load_map(arena, map, sector, &entry);

	while (!error && !btt_map_is_zero(entry)) {
		uint32_t block = btt_map_block(entry, sector);
		uint32_t again;

		if (btt_map_is_error(entry) || block >= arena->info.geometry.blocks)
			return -EIO;
		begin_read(btt, arena, block);
		error = load_map(arena, map, sector, &again);
		if (error || again != entry) {
			entry = again;
			continue;
		}
		error = btt_read(&btt->memory, block_at(arena, block), data,
				 btt->device.block_size);
		if (error)
			mark_error(btt, arena, sector, map, entry);
		return error;
	}
	if (!error)
		memset(data, 0, btt->device.block_size);
	return error;
}

static int read_sector(struct btt *btt, struct btt_open_arena *arena, uint32_t sector, void *data)
{
	struct btt_word map;
	int error = hold_map(btt, arena, sector, &map);

	if (error)
		return error;
	error = read_mapped(btt, arena, sector, &map, data);
	end_read(btt);
	btt_release(&map);
	return error;
}

/* --- Requests. --- */

static struct btt_open_arena *arena_of(const struct btt *btt, uint64_t sector)
{
	struct btt_open_arena *arena = &btt->state->arenas[btt->nr_arenas - 1];

	while (sector < arena->first_sector)
		arena--;
	return arena;
}

static const char *why(enum block_operation operation, int error)
{
	if (error == -EFAULT)
		return "the data is in bad memory";
	if (operation == BLOCK_WRITE)
		return "its map entry is bad or no lane works any more: check the BTT";
	return "its block is bad or its map entry says so: writing it may repair that";
}

static void say_what_failed(const struct btt *btt, enum block_operation operation, uint64_t sector,
			    const struct btt_open_arena *arena, int error)
{
	char line[200];

	snprintf(line, sizeof(line), "# %s: %s error at sector %llu: arena %u at 0x%llx, %s",
		 btt->device.name, operation == BLOCK_WRITE ? "write" : "read",
		 (unsigned long long)(sector * (btt->device.block_size / SECTOR_SIZE)),
		 (unsigned)(arena - btt->state->arenas),
		 (unsigned long long)btt_address(&btt->memory, arena->info.start).addr,
		 why(operation, error));
	host_print(line);
}

/* The sectors from `sector` on, to or from one run of memory. */
static int transfer(struct btt *btt, enum block_operation operation, uint64_t sector,
		    struct segment memory)
{
	size_t step = btt->device.block_size;
	int error = 0;

	for (size_t at = 0; at < memory.length && !error; at += step, sector++) {
		struct btt_open_arena *arena = arena_of(btt, sector);
		uint32_t number = (uint32_t)(sector - arena->first_sector);
		void *data = host_virt(phys_add(memory.start, at));

		error = operation == BLOCK_WRITE ? write_sector(btt, arena, number, data)
						 : read_sector(btt, arena, number, data);
		if (error)
			say_what_failed(btt, operation, sector, arena, error);
	}
	return error;
}

/* Every write is durable when it is done. */
static int btt_submit(struct block_device *device, struct block_queue *queue,
		      struct block_request *request)
{
	struct btt *btt = (struct btt *)device;
	const struct segment own = {pfn_to_phys(btt->memory.start), btt_medium_bytes(&btt->memory)};
	uint64_t sector = request->sector / (device->block_size / SECTOR_SIZE);
	int error = 0;

	(void)queue;
	for (size_t i = 0; i < request->nr_segments; i++)
		if (segments_overlap(request->segments[i], own))
			return -EINVAL;
	for (size_t i = 0; i < request->nr_segments && !error; i++) {
		error = transfer(btt, request->operation, sector, request->segments[i]);
		sector += request->segments[i].length / device->block_size;
	}
	return error ? -EIO : 0;
}

const struct block_ops btt_ops = {.submit = btt_submit};
