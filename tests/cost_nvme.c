/* SPDX-License-Identifier: BSD-2-Clause */
/* What I/O on an NVMe disk costs the CPU. */
#include "tests/cost_nvme.h"

#include "drivers/nvme.h"
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "tests/cost_disk.h"
#include "tests/count.h"
#include "tests/test.h"

static struct nvme *nvme;

struct block_device *cost_nvme_disk(void)
{
	nvme = nvme_next(NULL);
	return nvme && nvme->nr_disks > 0 ? &nvme->disks[0].device : NULL;
}

void cost_nvme_wait(unsigned commands)
{
	struct nvme_pair last = nvme->controller.queues[0].pair;
	uint64_t word;

	for (unsigned i = 1; i < commands; i++)
		nvme_pair_advance(&last);
	while (!nvme_pair_peek(&last, &word))
		__builtin_ia32_pause();
}

static void wait(void)
{
	cost_nvme_wait(count_disk_in_flight());
}

static struct block_device *first_disk(void)
{
	struct block_device *disk = cost_nvme_disk();

	if (!disk)
		skip("the machine has no nvme device");
	return disk;
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
