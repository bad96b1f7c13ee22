/* SPDX-License-Identifier: BSD-2-Clause */
/* What I/O on an NVMe disk costs the CPU. */
#include "drivers/nvme.h"
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "tests/cost_disk.h"
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

TEST(cost, nvme)
{
	nvme = nvme_next(NULL);
	if (!nvme || nvme->nr_disks == 0)
		skip("the machine has no nvme device");
	count_disk(&nvme->disks[0].device, wait);
}
