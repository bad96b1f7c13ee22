/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it took to describe the machine's memory at boot, in ticks of the time stamp counter: to
 * clear the metadata and to make it. main.c measures it, and it stays.
 */
#pragma once

#include <stdint.h>

struct bring_up {
	uint64_t page_map, allocator;
};

extern struct bring_up bring_up;
