/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of areas in other memory than the map came with, such as the persistent memory that
 * they describe: of each GiB one frame. What uses the map finds them as ever, by the directory.
 *
 *	directory | . | . | . |             before
 *	            |   |   `-> words in DRAM
 *	            |   `-----> words in the frame to[1]
 *	            `---------> words in the frame to[0]
 *
 * The frames in DRAM that become free serve as tables of split areas, and are counted as such. The
 * words are as volatile as in DRAM: nothing of them is flushed, and after a restart they mean
 * nothing.
 *
 * For CPU 0 alone, outside of host_on_each_cpu() and of every operation on the map, and while no
 * block request is in flight, since those keep addresses of words. Machine checks may come at any
 * time, on any CPU: frames that go bad meanwhile are noted, and marked when it is over.
 */
#pragma once

#include "mm/page_map.h"

struct area_move {
	uint64_t gib, nr;         /* the GiBs, in each of which a region has a frame */
	struct area_table *to;    /* so many frames, in managed memory that nobody else uses */
	struct area_move *before; /* the map's: the one before this one */
};

/* The GiBs that have one of the frames [start, start + frames), and their frames: gib, nr. */
struct area_move area_move_of(pfn_t start, uint64_t frames);

/* Moves the words there. *move is the map's until area_move_end(). */
void area_move_begin(struct area_move *move);

/*
 * Moves the words back to where they were before. The last one begun is ended first. For words that
 * go back to DRAM a spare table is taken; that there is none, not even of those that are kept for
 * poisoning, is a panic.
 */
void area_move_end(struct area_move *move);
