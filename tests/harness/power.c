/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/power.h"

#include <stdarg.h>
#include <stdio.h>

#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

static unsigned broken, recovered;
static char first_broken[200];

const struct region *power_region(void)
{
	return next_writable(NULL);
}

pfn_t power_end(const struct region *region)
{
	return pfn_add(region->start, pfn_distance(region->start, region->end) - 1);
}

static void judge_region(const struct region *region,
			 void (*judge)(const struct region *, const struct power_ticket *))
{
	const struct power_ticket *ticket = host_virt(pfn_to_phys(power_end(region)));

	broken = recovered = 0;
	judge(region, ticket);
	if (broken > 0) {
		fail("%u violations in the state below", broken);
		note("state %llu is broken: %s", (unsigned long long)ticket->state, first_broken);
	} else if (recovered > 0) {
		note("state %llu is sound, after %u recoveries", (unsigned long long)ticket->state,
		     recovered);
	} else {
		note("state %llu is sound", (unsigned long long)ticket->state);
	}
}

void power_judge(void (*judge)(const struct region *, const struct power_ticket *))
{
	const struct region *region = NULL;
	unsigned judged = 0;

	while ((region = next_region(region, MEMORY_PERSISTENT))) {
		const struct power_ticket *ticket = host_virt(pfn_to_phys(power_end(region)));

		if (ticket->magic != POWER_MAGIC)
			continue;
		judge_region(region, judge);
		judged++;
	}
	if (judged == 0)
		fail("no region has a ticket in its last page; tools/power-cut writes them");
}

void power_broken(const char *format, ...)
{
	va_list arguments;

	if (broken++ > 0)
		return;
	va_start(arguments, format);
	vsnprintf(first_broken, sizeof(first_broken), format, arguments);
	va_end(arguments);
}

void power_recovered(unsigned count)
{
	recovered += count;
}

int power_io(struct block_device *device, enum block_operation operation, unsigned flags,
	     uint64_t sector, const struct bio_piece *memory)
{
	struct bio bio = {.operation = operation,
			  .flags = flags,
			  .sector = sector,
			  .pieces = memory,
			  .nr_pieces = memory ? 1 : 0};

	return block_execute(device, &bio);
}

/* SplitMix64, by Steele, Lea and Flood, "Fast splittable pseudorandom number generators". */
uint64_t power_random(uint64_t plan, uint64_t index)
{
	uint64_t z = plan + (index + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}
