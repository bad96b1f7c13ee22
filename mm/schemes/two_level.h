/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proposal of Rik van Riel, Michael Tsirkin and Boaz Harrosh, as mm/page.h has it: a permanent
 * descriptor for 2 MiB, in DRAM, and descriptors of 4 KiB while somebody works in 4 KiB.
 *
 * The page map describes all memory of the machine, so an instance is a window on a part of it that
 * a single region holds: it has no descriptors of its own, and its pins are the map's. What its use
 * takes is what the map takes, whole.
 */
#pragma once

#include "mm/schemes/scheme.h"

extern const struct scheme_ops two_level_scheme;
