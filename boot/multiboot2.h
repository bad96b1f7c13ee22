/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of multiboot2's boot information. */
#pragma once

#include "boot/boot_info.h"

/*
 * Reads the information, `length` bytes of it, into *info, which is zero. -EINVAL: a length in it
 * does not fit, the end tag or the memory map is missing. -E2BIG: the command line does not fit.
 */
int multiboot2_parse(const void *information, size_t length, struct boot_info *info) must_check;
