/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proposal of Rik van Riel, Michael Tsirkin and Boaz Harrosh, as mm/page.h has it: a permanent
 * descriptor for 2 MiB, in DRAM, and descriptors of 4 KiB while somebody works in 4 KiB.
 *
 * An instance is a window on the page map (window.h). What its use takes is what the map takes,
 * whole.
 */
#pragma once

#include "mm/schemes/scheme.h"

extern const struct scheme_ops two_level_scheme;
