/* SPDX-License-Identifier: BSD-2-Clause */
/* What I/O on an NVMe disk costs the CPU. */
#include "drivers/nvme.h"
#include "kernel/time.h"
#include "tests/cost_disk.h"
#include "tests/test.h"

/* Far more than a device needs whose medium takes no time; a bio that is not over then fails the
 * test.
 */
enum { DEVICE_NANOSECONDS = 50000 };

static void wait(void)
{
	time_wait(count_disk_in_flight() * (uint64_t)DEVICE_NANOSECONDS);
}

TEST(cost, nvme)
{
	struct nvme *nvme = nvme_next(NULL);

	if (!nvme || nvme->nr_disks == 0)
		skip("the machine has no nvme device");
	count_disk(&nvme->disks[0].device, wait);
}
