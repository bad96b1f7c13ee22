/* SPDX-License-Identifier: BSD-2-Clause */
/* The PVH start information in memory (Xen, public/arch-x86/hvm/start_info.h). */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define PVH_START_MAGIC 0x336ec578u

struct pvh_start_info {
	uint32_t magic;
	uint32_t version; /* 1 and later: the memory map is there */
	uint32_t flags;
	uint32_t modules;
	uint64_t module_list;
	uint64_t cmdline; /* physical addresses; 0: none */
	uint64_t rsdp;
	uint64_t memory_map;
	uint32_t memory_map_entries;
	uint32_t reserved;
};
static_assert(offsetof(struct pvh_start_info, cmdline) == 24, "start_info.h");
static_assert(offsetof(struct pvh_start_info, rsdp) == 32, "start_info.h");
static_assert(offsetof(struct pvh_start_info, memory_map) == 40, "start_info.h: end of version 0");
static_assert(offsetof(struct pvh_start_info, memory_map_entries) == 48, "start_info.h");
static_assert(sizeof(struct pvh_start_info) == 56, "start_info.h");

struct pvh_memory {
	uint64_t start;
	uint64_t length;
	uint32_t type;
	uint32_t reserved;
};
static_assert(sizeof(struct pvh_memory) == 24, "start_info.h");
