/* SPDX-License-Identifier: BSD-2-Clause */
/* What I/O on an NVMe disk costs the CPU. */
#include "drivers/nvme.h"
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "tests/cost_disk.h"
#include "tests/count.h"
#include "tests/test.h"

static struct nvme *nvme;

/* Until there is a completion for each bio. */
static void wait(void)
{
	struct nvme_pair last = nvme->controller.queues[0].pair;
	uint64_t word;

	for (unsigned i = 1; i < count_disk_in_flight(); i++)
		nvme_pair_advance(&last);
	while (!nvme_pair_peek(&last, &word))
		__builtin_ia32_pause();
}

static struct block_device *first_disk(void)
{
	nvme = nvme_next(NULL);
	if (!nvme || nvme->nr_disks == 0)
		skip("the machine has no nvme device");
	return &nvme->disks[0].device;
}

TEST(cost, nvme)
{
	count_disk(first_disk(), wait);
}

static void reopen(bool sgl)
{
	require(nvme_reopen(nvme, (struct nvme_choice){.memory = MEMORY_DRAM, .sgl = sgl}) == 0);
}

static void reopen_as_usual(void *unused)
{
	(void)unused;
	reopen(true);
}

/* Without SGLs: 2 MiB are a list of 511 pages. */
TEST(cost, nvme_prp)
{
	struct block_device *disk = first_disk();

	count_needs_clock();
	test_cleanup(reopen_as_usual, NULL);
	reopen(false);
	count_disk_2m(disk, wait);
}

/* Beside Linux, which tools/compare-linux has read the same disk. */
TEST(peer, nvme)
{
	count_disk_reads(first_disk(), wait);
}
