/* SPDX-License-Identifier: BSD-2-Clause */
/* What an entry of a BTT's map says, and what says it. Pure functions. */
#pragma once

#include "drivers/btt_layout.h"
#include "mm/types.h"

/* The block that the sector has, whatever it reads as. */
static inline uint32_t btt_map_block(uint32_t entry, uint32_t sector)
{
	return entry & BTT_MAP_MARKS ? entry & BTT_MAP_BLOCK : sector;
}

static inline bool btt_map_is_zero(uint32_t entry)
{
	return (entry & BTT_MAP_MARKS) == BTT_MAP_ZERO;
}

static inline bool btt_map_is_error(uint32_t entry)
{
	return (entry & BTT_MAP_MARKS) == BTT_MAP_ERROR;
}

static inline uint32_t btt_map_entry(uint32_t block)
{
	return block | BTT_MAP_MARKS;
}

static inline uint32_t btt_map_error(uint32_t block)
{
	return block | BTT_MAP_ERROR;
}
