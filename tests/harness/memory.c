/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/memory.h"

#include "mm/host.h"
#include "tests/test.h"

enum { TAKEN_MAX = 16 };

static struct {
	pfn_t start;
	size_t size;
} taken[TAKEN_MAX];
static size_t nr_taken;

static void give_back_all(void *unused)
{
	(void)unused;
	while (nr_taken > 0) {
		nr_taken--;
		expect_eq(frame_free(taken[nr_taken].start, taken[nr_taken].size), 0);
	}
}

pfn_t test_take(enum memory_kind kind, size_t size)
{
	pfn_t start;

	if (nr_taken == TAKEN_MAX)
		host_panic("a test takes more than %d runs of memory", TAKEN_MAX);
	require(frame_alloc(kind, NODE_ANY, size, &start) == 0);
	if (nr_taken == 0)
		test_cleanup(give_back_all, NULL);
	taken[nr_taken].start = start;
	taken[nr_taken].size = size;
	nr_taken++;
	return start;
}

void *test_virt(pfn_t start, size_t offset)
{
	return host_virt(phys_add(pfn_to_phys(start), offset));
}
