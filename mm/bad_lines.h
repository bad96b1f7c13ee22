/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which lines of memory are bad, within frames that are out of use for it.
 *
 *   a frame   64 lines of CACHE_LINE bytes, one bit for each: bit n is line n
 *
 * page_poison() takes a whole frame out of use (mm/page.h). Whoever can do with less, since it only
 * copies, finds here which of the frame's lines it must not touch. A machine check names a line, or
 * as much as a page when it does not know better; a scrub of the medium names ranges.
 *
 * Lines that are added may lie apart, overlap or be there already. There is room for those of at
 * least BAD_FRAMES_MAX frames; when it is used up, bad frames count as bad in whole. So does a
 * frame that page_poison() took out of use without a word here.
 *
 * Any CPU. Adding and looking wait for nothing and may be done from a machine check.
 */
#pragma once

#include "mm/bad_frames.h"
#include "mm/compiler.h"
#include "mm/types.h"

enum { LINES_PER_PAGE = 64 };

/* Runs of 16 lines of which the bad ones are noted. */
enum { BAD_BLOCKS_MAX = 4 * BAD_FRAMES_MAX };

/* A set of lines of one frame. */
typedef uint64_t lines_t;
#define LINES_ALL (~(lines_t)0)

/* Those that hold one of the bytes [offset, offset + bytes) of their frame; not past its end. */
lines_t lines_holding(size_t offset, size_t bytes);

/* Forgets all. */
void bad_lines_init(void);

/*
 * Notes the lines that hold a byte of [start, start + bytes) and takes their frames out of use.
 * -ENOENT: a part of it is in no region; the rest was done.
 */
int bad_lines_add(phys_t start, size_t bytes) must_check;

/*
 * These lines of the frame were repaired. With its last bad line the frame comes into use again.
 * Not from a machine check: waits for another CPU that does the same. 0, -ENOENT, or -ENOSPC there
 * were more bad frames or lines than room for them: then they stay bad.
 */
int bad_lines_remove(pfn_t, lines_t) must_check;

/* The bad lines of a frame, 0 for one that is in use. Without its pin, a snapshot. */
lines_t bad_lines_of(pfn_t);
