/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scatter gather lists: how a command names memory in segments of any length (NVMe 1.4, 4.4). One
 * segment is named by the command itself; more are a list, which the command points to.
 */
#pragma once

#include "drivers/block.h"
#include "drivers/nvme_regs.h"
#include "mm/segment.h"

/* A list of as many segments as a request has. Within one page. */
enum { NVME_SGL_LIST_BYTES = BLOCK_SEGMENTS_MAX * sizeof(struct nvme_sgl_descriptor) };

_Static_assert(NVME_SGL_LIST_BYTES <= PAGE_SIZE, "a list is in one piece");

/*
 * The data pointer for 1 ... BLOCK_SEGMENTS_MAX segments of less than 4 GiB, with a list of them at
 * `list`, where the device sees it at `at`. The command is flagged NVME_COMMAND_SGL.
 */
static inline void nvme_sgl_build(const struct segment *segments, size_t nr,
				  struct nvme_sgl_descriptor *list, phys_t at,
				  union nvme_data *data)
{
	if (nr == 1) {
		data->sgl = (struct nvme_sgl_descriptor){
			.address = segments[0].start.addr,
			.length = (uint32_t)segments[0].length,
			.type = NVME_SGL_DATA,
		};
		return;
	}
	for (size_t i = 0; i < nr; i++)
		list[i] = (struct nvme_sgl_descriptor){
			.address = segments[i].start.addr,
			.length = (uint32_t)segments[i].length,
			.type = NVME_SGL_DATA,
		};
	data->sgl = (struct nvme_sgl_descriptor){
		.address = at.addr,
		.length = (uint32_t)(nr * sizeof(list[0])),
		.type = NVME_SGL_LAST_SEGMENT,
	};
}
