/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of PVH's start information. */
#pragma once

#include "boot/boot_info.h"

/* A range of physical memory to read from, or NULL where it cannot be read. */
typedef const void *boot_memory_fn(phys_t start, size_t bytes);

/*
 * Reads the start information, which lies in pieces all over `memory`, into *info, which is zero.
 * -EINVAL: something is not readable, the magic is wrong, or there is no memory map (version 0).
 * -E2BIG: the command line does not fit.
 */
int pvh_parse(phys_t start_info, boot_memory_fn *memory, struct boot_info *info) must_check;
