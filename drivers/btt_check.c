/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt_check.h"

#include "drivers/btt_log.h"
#include "drivers/btt_map.h"
#include "mm/persist.h"

#include <errno.h>
#include <string.h>

/* Entries of the map that are read at a time. */
enum { STRIDE = 128 };

/* What is known of the arena that is looked at. */
struct look {
	const struct btt_check *check;
	struct btt_checked *result;
	const struct btt_arena *arena;
	uint32_t free[BTT_LANES]; /* the block that each lane has */
	unsigned nr_pending;
	struct btt_log_last pending[BTT_LANES];
	bool repaired; /* the fault that is told next */
	int error;     /* the worst so far */
};

static void tell(struct look *look, const struct btt_fault *fault)
{
	uint64_t *found = &look->result->found[fault->kind];

	if (look->check->tell && *found < BTT_CHECK_TOLD)
		look->check->tell(look->check->context, fault);
	++*found;
	if (look->repaired)
		look->result->repaired++;
	else if (fault->kind == BTT_FAULT_UNREADABLE)
		look->error = -EIO;
	else if (fault->kind != BTT_FAULT_LOG_PENDING && !look->error)
		look->error = -EINVAL;
	look->repaired = false;
}

static void tell_at(struct look *look, enum btt_fault_kind kind, uint64_t at, uint64_t found,
		    uint64_t expected)
{
	tell(look, &(struct btt_fault){
			   .kind = kind,
			   .arena = look->arena->number,
			   .at = look->arena->start + at,
			   .found = found,
			   .expected = expected,
		   });
}

/* --- Info blocks. --- */

static void check_info(struct look *look, const struct btt_fault *fault, uint64_t bad,
		       uint64_t good)
{
	const struct btt_medium *memory = &look->check->memory;
	uint64_t start = look->arena->start;
	struct btt_info info;

	if (fault->kind == BTT_FAULT_NONE)
		return;
	if (look->check->access == BTT_READ_WRITE &&
	    !btt_read(memory, start + good, &info, sizeof(info)) &&
	    !btt_write(memory, start + bad, &info, sizeof(info))) {
		persist_drain(host_virt(btt_address(memory, start + bad)));
		look->repaired = true;
	}
	tell(look, fault);
}

/* --- The log. --- */

/* A write that the log has and the map has not. */
static void check_pending(struct look *look, const struct btt_log_last *last)
{
	uint64_t at = btt_map_at(&look->arena->geometry, last->sector);
	struct btt_word map;
	uint32_t entry;

	if (btt_hold(&look->check->memory, look->arena->start + at, &map)) {
		tell_at(look, BTT_FAULT_UNREADABLE, at, 0, 0);
		return;
	}
	if (btt_load(&map, &entry)) {
		tell_at(look, BTT_FAULT_UNREADABLE, at, 0, 0);
	} else if (btt_map_block(entry, last->sector) == last->old_block) {
		if (look->check->access == BTT_READ_WRITE) {
			btt_store(&map, btt_map_entry(last->new_block));
			look->repaired = true;
		} else {
			look->pending[look->nr_pending++] = *last;
		}
		tell_at(look, BTT_FAULT_LOG_PENDING, at, last->old_block, last->new_block);
	}
	btt_release(&map);
}

/* False: what blocks are used for cannot be told. */
static bool check_log(struct look *look)
{
	const struct btt_medium *memory = &look->check->memory;
	struct btt_log_slots slots;
	struct btt_fault fault;
	bool good = true;

	if (btt_log_find_slots(memory, look->arena, &slots, &fault)) {
		tell(look, &fault);
		return false;
	}
	for (uint32_t lane = 0; lane < look->arena->geometry.lanes; lane++) {
		struct btt_log_last last;

		if (btt_log_read_last(memory, look->arena, slots, lane, &last, &fault)) {
			tell(look, &fault);
			good = false;
			continue;
		}
		look->free[lane] = last.old_block;
		if (last.old_block != last.new_block)
			check_pending(look, &last);
	}
	return good;
}

/* --- What blocks are used for. --- */

/* A run of blocks, with a bit for each: somebody names it. */
struct window {
	uint64_t first;
	uint64_t nr;
	uint64_t *bits;
};

/* `at` is where it is named. */
static void name_block(struct look *look, const struct window *window, uint32_t block, uint64_t at)
{
	uint64_t number = block - window->first;
	uint64_t bit = 1ull << number % 64;

	if (block < window->first || number >= window->nr)
		return;
	if (window->bits[number / 64] & bit)
		tell_at(look, BTT_FAULT_BLOCK_TWICE, at, block, 0);
	window->bits[number / 64] |= bit;
}

/* The block that a sector has once all writes are finished. */
static uint32_t block_of(const struct look *look, uint32_t entry, uint32_t sector)
{
	for (unsigned i = 0; i < look->nr_pending; i++)
		if (look->pending[i].sector == sector)
			return look->pending[i].new_block;
	return btt_map_block(entry, sector);
}

static void check_entry(struct look *look, const struct window *window, uint32_t entry,
			uint32_t sector)
{
	uint64_t at = btt_map_at(&look->arena->geometry, sector);
	uint32_t block = block_of(look, entry, sector);

	if (block < look->arena->geometry.blocks)
		name_block(look, window, block, at);
	else if (window->first == 0) /* once is enough */
		tell_at(look, BTT_FAULT_MAP_BLOCK, at, block, look->arena->geometry.blocks);
}

static void check_map(struct look *look, const struct window *window)
{
	const struct btt_geometry *geometry = &look->arena->geometry;
	uint32_t entries[STRIDE];

	for (uint32_t sector = 0; sector < geometry->sectors; sector += STRIDE) {
		uint32_t rest = geometry->sectors - sector;
		uint32_t nr = rest < STRIDE ? rest : STRIDE;
		uint64_t at = btt_map_at(geometry, sector);

		if (btt_read(&look->check->memory, look->arena->start + at, entries,
			     nr * sizeof(*entries))) {
			if (window->first == 0)
				tell_at(look, BTT_FAULT_UNREADABLE, at, 0, 0);
			continue;
		}
		for (uint32_t i = 0; i < nr; i++)
			check_entry(look, window, entries[i], sector + i);
	}
}

static void check_window(struct look *look, const struct window *window)
{
	const struct btt_geometry *geometry = &look->arena->geometry;

	memset(window->bits, 0, look->check->bitmap_bytes);
	check_map(look, window);
	for (uint32_t lane = 0; lane < geometry->lanes; lane++)
		name_block(look, window, look->free[lane], btt_log_at(geometry, lane));
	for (uint64_t i = 0; i < window->nr; i++)
		if (!(window->bits[i / 64] & 1ull << i % 64))
			tell_at(look, BTT_FAULT_BLOCK_LOST,
				btt_block_at(geometry, (uint32_t)(window->first + i)),
				window->first + i, 0);
}

static void check_blocks(struct look *look)
{
	uint64_t blocks = look->arena->geometry.blocks;
	struct window window = {.bits = look->check->bitmap,
				.nr = look->check->bitmap_bytes / sizeof(uint64_t) * 64};
	unsigned passes = 0;

	for (; window.first < blocks; window.first += window.nr, passes++) {
		if (window.nr > blocks - window.first)
			window.nr = blocks - window.first;
		check_window(look, &window);
	}
	if (passes > look->result->passes)
		look->result->passes = passes;
}

static int check_arena(const struct btt_check *check, const struct btt_arena *arena,
		       struct btt_checked *result)
{
	struct look look = {.check = check, .result = result, .arena = arena};

	result->arenas++;
	result->sectors += arena->geometry.sectors;
	check_info(&look, &arena->first_fault, 0, arena->geometry.copy);
	check_info(&look, &arena->copy_fault, arena->geometry.copy, 0);
	if (check_log(&look))
		check_blocks(&look);
	return look.error;
}

int btt_check(const struct btt_check *check, struct btt_checked *result)
{
	struct btt_fault fault = {.kind = BTT_FAULT_RANGE};
	struct btt_arena arena;
	int worst = 0, error;

	*result = (struct btt_checked){0};
	if (!btt_medium_region(&check->memory) || check->bitmap_bytes < sizeof(uint64_t))
		return -EINVAL;
	error = btt_first_arena(&check->memory, &arena, &fault);
	if (error == -ENOENT)
		return error;
	while (!error) {
		int broken = check_arena(check, &arena, result);

		if (broken && worst != -EIO)
			worst = broken;
		error = btt_next_arena(&check->memory, &arena, &fault);
	}
	if (error == -ENOENT)
		return worst;
	result->found[fault.kind]++;
	if (check->tell)
		check->tell(check->context, &fault);
	return error;
}
