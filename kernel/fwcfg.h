/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's fw_cfg: files that the command line of QEMU hands to the machine (-fw_cfg name=,file=). */
#pragma once

#include "mm/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Asks a port, but only where CPUID says that a hypervisor answers: hardware is left alone. */
bool fwcfg_present(void);

/*
 * Reads a whole file as text and ends it with a NUL. -ENODEV: there is no fw_cfg. -ENOENT: no such
 * file. -E2BIG: it has `size` bytes or more. -EINVAL: it holds a NUL. `text` is "" after an error.
 */
int fwcfg_read(const char *name, char *text, size_t size) must_check;
