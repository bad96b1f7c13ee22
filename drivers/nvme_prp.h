/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical region pages: how a command names memory in pages of 4 KiB (NVMe 1.4, 4.3).
 *
 *	one page        prp1
 *	two pages       prp1, prp2
 *	more            prp1, and prp2 points to a list of the others
 *
 *	   list page 0                list page 1
 *	 | 511 entries | next --|--> | up to 512 entries |
 *
 * Only the first page may begin within a page, and only the last end within one. A page of the list
 * is left by its last entry, if there are more pages to name than it has room for.
 */
#pragma once

#include "drivers/nvme_regs.h"
#include "mm/compiler.h"
#include "mm/segment.h"

enum { NVME_PRPS_PER_PAGE = PAGE_SIZE / sizeof(uint64_t), NVME_PRP_ALIGNMENT = 4 };

/* Memory that a list may need for so many bytes of data, wherever they begin. Whole pages. */
size_t nvme_prp_list_bytes(size_t bytes);

/*
 * The data pointer for segments that meet at multiples of 4 KiB; the first one begins at a multiple
 * of NVME_PRP_ALIGNMENT. `list`, where the device sees it at `at`, has nvme_prp_list_bytes() for
 * their sum.
 */
void nvme_prp_build(const struct segment *segments, size_t nr, uint64_t *list, phys_t at,
		    union nvme_data *data);
