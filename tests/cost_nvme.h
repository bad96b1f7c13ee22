/* SPDX-License-Identifier: BSD-2-Clause */
/* The NVMe disk whose I/O is measured, and the wait for it, which is not. */
#pragma once

#include "drivers/block.h"

/* The first disk of the first controller, or NULL. */
struct block_device *cost_nvme_disk(void);

/* Until it has completed this many commands of CPU 0, and nobody has polled yet. */
void cost_nvme_wait(unsigned commands);
