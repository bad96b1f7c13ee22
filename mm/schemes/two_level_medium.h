/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two levels (two_level.h) with the permanent descriptors inside the persistent memory itself, at
 * its start, as altmap.h has its array. They take 4 KiB of each GiB of it and no DRAM; those of
 * 4 KiB, which exist while somebody works in 4 KiB, stay in DRAM.
 *
 *	| words of areas, a frame per GiB | data .......................... |
 *	 start                             scheme.start
 *
 * It is the same page map: begin() moves the words of each GiB that the run has a part in, those of
 * other memory in the same GiB among them, and end() moves them back (mm/area_move.h). The frames
 * in DRAM that the words had are tables for split areas meanwhile. The words mean nothing after a
 * restart and are never flushed; but sooner or later caches write them back.
 *
 * Each pin of a whole area is a store to the medium, and is counted, in DRAM, by each CPU for
 * itself; so are locks, notes that a page was written, and poison. Pins of 4 KiB store nothing
 * there. To count takes no part in what the scheme does, and is all that it costs more than
 * two_level.h.
 *
 * The count is of what goes through this instance. It does not have what others do to areas of the
 * same GiBs: pin them by mm/page.h, split them (1 store, and up to 16 for the first pins of parts
 * of a free area), collapse them (2). A split that poison has to leave to the last unpin is counted
 * with the poison. Where CPUs meet in one page it may be off by a store for each time that one of
 * them marks the page as written while another takes the mark away.
 *
 * begin() wants memory that may be written, of a single region, whose reserved frames are good.
 * An instance that shares a GiB with one that began before it has to end before that one.
 */
#pragma once

#include "mm/schemes/scheme.h"

extern const struct scheme_ops two_level_medium_scheme;
