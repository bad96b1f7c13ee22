/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated machine of the hosted tests: a range of this process's address space plays
 * physical memory from address 0 on. What no region has is mapped for no access, so a stray
 * access is a fault here too; a persistent region that is not writable is mapped read-only.
 */
#pragma once

#include "mm/region.h"
#include "mm/types.h"

/* Maps the memory. Ends the process when that fails. */
void machine_create(void);

const struct region *machine_regions(size_t *nr);

/* PAGE_SIZE aligned, zeroed memory for descriptors, outside the simulated memory. */
void *machine_metadata(size_t bytes);
