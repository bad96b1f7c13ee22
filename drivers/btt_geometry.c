/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/btt_geometry.h"

#include <errno.h>

enum {
	PAGE = 4096,     /* what everything in an arena is a multiple of */
	BLOCK_UNIT = 64, /* blocks are multiples of this */
	METADATA_MAX = 128,
};

#define BLOCKS_MAX (BTT_MAP_BLOCK + 1ull)

uint32_t btt_data_bytes(uint32_t sector_bytes)
{
	switch (sector_bytes) {
	case 512:
	case 520:
	case 528:
		return 512;
	case 4096:
	case 4104:
	case 4160:
	case 4224:
		return 4096;
	}
	return 0;
}

/* What two info blocks and the log leave is divided between data and map. */
int btt_geometry_make(uint64_t bytes, uint32_t sector_bytes, struct btt_geometry *geometry)
{
	uint64_t log_bytes = align_up(BTT_LANES * sizeof(struct btt_log_group), (uint64_t)PAGE);
	uint64_t fixed = 2 * BTT_INFO_BYTES + log_bytes;
	uint32_t block_bytes = align_up(sector_bytes, BLOCK_UNIT);
	uint64_t room, blocks, map_bytes;

	bytes = align_down(bytes, (uint64_t)PAGE);
	if (btt_data_bytes(sector_bytes) == 0 || bytes < fixed + PAGE)
		return -EINVAL;
	room = bytes - fixed;
	blocks = (room - PAGE) / (block_bytes + BTT_MAP_ENTRY_BYTES);
	if (blocks <= BTT_LANES || blocks > BLOCKS_MAX)
		return -EINVAL;
	map_bytes = align_up((blocks - BTT_LANES) * BTT_MAP_ENTRY_BYTES, (uint64_t)PAGE);
	*geometry = (struct btt_geometry){
		.bytes = bytes,
		.sector_bytes = sector_bytes,
		.sectors = (uint32_t)(blocks - BTT_LANES),
		.block_bytes = block_bytes,
		.blocks = (uint32_t)blocks,
		.lanes = BTT_LANES,
		.data = BTT_INFO_BYTES,
		.map = BTT_INFO_BYTES + room - map_bytes,
		.log = BTT_INFO_BYTES + room,
		.copy = BTT_INFO_BYTES + room + log_bytes,
	};
	return 0;
}

/* Notes the field if something is wrong with it. */
static bool misfit_if(bool wrong, const char *field, uint64_t found, uint64_t limit,
		      struct btt_misfit *misfit)
{
	if (wrong)
		*misfit = (struct btt_misfit){field, found, limit};
	return wrong;
}

/* Numbers first, since where one part ends is computed with them. */
static bool numbers_fit(const struct btt_geometry *g, struct btt_misfit *misfit)
{
	return !(misfit_if(btt_data_bytes(g->sector_bytes) == 0, "sector_bytes", g->sector_bytes,
			   512, misfit) ||
		 misfit_if(g->block_bytes < g->sector_bytes, "block_bytes", g->block_bytes,
			   g->sector_bytes, misfit) ||
		 misfit_if(g->lanes == 0 || g->lanes > BTT_LANES, "lanes", g->lanes, BTT_LANES,
			   misfit) ||
		 misfit_if(g->sectors == 0 || g->sectors > BLOCKS_MAX - g->lanes, "sectors",
			   g->sectors, BLOCKS_MAX - g->lanes, misfit) ||
		 misfit_if(g->blocks != g->sectors + g->lanes, "blocks", g->blocks,
			   (uint64_t)g->sectors + g->lanes, misfit));
}

/* A part that begins at `at`, not before `previous_end` and not past `room`. */
static bool part_fits(const char *field, uint64_t at, uint64_t previous_end, uint64_t room,
		      struct btt_misfit *misfit)
{
	return !(misfit_if(at < previous_end, field, at, previous_end, misfit) ||
		 misfit_if(at >= room, field, at, room, misfit) ||
		 misfit_if(at % PAGE != 0, field, at, align_up(at, (uint64_t)PAGE), misfit));
}

bool btt_geometry_fits(const struct btt_geometry *g, uint64_t room, struct btt_misfit *misfit)
{
	/* None of the sums overflows: `at` is below `room`, products are below 2^63. */
	return numbers_fit(g, misfit) && part_fits("data", g->data, BTT_INFO_BYTES, room, misfit) &&
	       part_fits("map", g->map, btt_block_at(g, g->blocks), room, misfit) &&
	       part_fits("log", g->log, btt_map_at(g, g->sectors), room, misfit) &&
	       part_fits("copy", g->copy, btt_log_at(g, g->lanes), room, misfit) &&
	       !misfit_if(room - g->copy < BTT_INFO_BYTES, "copy", g->copy, room, misfit);
}
