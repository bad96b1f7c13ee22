/* SPDX-License-Identifier: BSD-2-Clause */
/* Scatter gather lists: what a controller reads of them. */
#include "drivers/nvme_sgl.h"
#include "tests/test.h"

#include <string.h>

#define LIST_AT 0x7000001000ULL

static struct nvme_sgl_descriptor list[BLOCK_SEGMENTS_MAX + 1];

/* One segment needs no list, however long it is. */
TEST(nvme_sgl, one_segment_is_in_the_command)
{
	const struct segment segment = {phys(0x123456789004), 4 * AREA_SIZE};
	union nvme_data data;

	nvme_sgl_build(&segment, 1, list, phys(LIST_AT), &data);
	expect(data.sgl.address == 0x123456789004);
	expect_eq(data.sgl.length, 4 * AREA_SIZE);
	expect_eq(data.sgl.type, 0);
	expect_eq(data.sgl.reserved[0] | data.sgl.reserved[1] | data.sgl.reserved[2], 0);
}

/* More are a list, and the command says where it is and how long. */
TEST(nvme_sgl, list_has_one_descriptor_for_each_segment)
{
	struct segment segments[BLOCK_SEGMENTS_MAX];
	union nvme_data data;

	for (size_t i = 0; i < ARRAY_SIZE(segments); i++)
		segments[i] = (struct segment){phys(0x1000000 + i * 0x10004), 512 * (i + 1)};
	for (size_t nr = 2; nr <= ARRAY_SIZE(segments); nr++) {
		memset(list, 0xa5, sizeof(list));
		nvme_sgl_build(segments, nr, list, phys(LIST_AT), &data);
		expect(data.sgl.address == LIST_AT);
		expect_eq(data.sgl.length, nr * 16);
		expect_eq(data.sgl.type, 0x30);
		for (size_t i = 0; i < nr; i++) {
			expect_eq(list[i].address, segments[i].start.addr);
			expect_eq(list[i].length, segments[i].length);
			expect_eq(list[i].type, 0);
			expect_eq(list[i].reserved[0] | list[i].reserved[1] | list[i].reserved[2],
				  0);
		}
		expect_eq(list[nr].length, 0xa5a5a5a5);
	}
}
