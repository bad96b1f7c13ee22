/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/inject.h"

#include "kernel/console.h"
#include "kernel/copy.h"
#include "kernel/fwcfg.h"
#include "kernel/machine_check.h"
#include "kernel/percpu.h"
#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#define LATE_NANOSECONDS 20000000000ull

/* A bank that firmware and emulators leave to memory controllers. */
enum { BANK = 9 };

enum { CODE_SCRUB = 0xcf, CODE_DATA_READ = 0x134 };

#define WITH_ADDRESS (BANK_VALID | BANK_ENABLED | BANK_HAS_ADDRESS | BANK_HAS_MISC)
#define LOST         (WITH_ADDRESS | BANK_UNCORRECTED)
#define RAISED       (MCG_STATUS_RESTART | MCG_STATUS_BUSY)

static const struct {
	enum machine_severity severity;
	uint64_t status;
	uint64_t global_status;
} kinds[] = {
	[INJECT_CORRECTED] = {MACHINE_CORRECTED, WITH_ADDRESS | CODE_SCRUB, 0},
	[INJECT_SCRUBBED] = {MACHINE_OPTIONAL, LOST | BANK_SIGNALLED | CODE_SCRUB, RAISED},
	[INJECT_SCRUBBED_FOR_ALL] = {MACHINE_OPTIONAL, LOST | BANK_SIGNALLED | CODE_SCRUB, RAISED},
	[INJECT_READ] = {MACHINE_REQUIRED, LOST | BANK_SIGNALLED | BANK_ACTION | CODE_DATA_READ,
			 RAISED | MCG_STATUS_ITS_CODE},
	[INJECT_CORRUPT] = {MACHINE_FATAL, LOST | BANK_CORRUPT | CODE_DATA_READ,
			    RAISED | MCG_STATUS_ITS_CODE},
};

void need_injection(void)
{
	char text[40];

	if (fwcfg_read("opt/org.bifold/errors", text, sizeof(text)))
		skip("nobody injects memory errors here");
}

void inject_at(enum injection kind, uint64_t rip, unsigned cpu, phys_t address, size_t bytes)
{
	uint64_t misc = BANK_MISC_PHYSICAL | (unsigned)__builtin_ctzll(bytes);

	console_line("# inject-error cpu=%u bank=%d status=0x%llx global=0x%llx address=0x%llx "
		     "misc=0x%llx broadcast=%s at=0x%llx",
		     (unsigned)percpu_get(cpu)->apic_id, BANK,
		     (unsigned long long)kinds[kind].status,
		     (unsigned long long)kinds[kind].global_status,
		     (unsigned long long)address.addr, (unsigned long long)misc,
		     kind == INJECT_SCRUBBED_FOR_ALL ? "yes" : "no", (unsigned long long)rip);
}

void inject(enum injection kind, unsigned cpu, phys_t address, size_t bytes)
{
	inject_at(kind, kind == INJECT_READ ? copy_fixups[0].rip : 0, cpu, address, bytes);
}

bool injection_is_late(uint64_t start)
{
	return host_nanoseconds() - start > LATE_NANOSECONDS;
}

static void look_into_banks(void *unused)
{
	(void)unused;
	machine_check_poll();
}

void inject_and_wait(enum injection kind, unsigned cpu, phys_t address, size_t bytes)
{
	enum machine_severity severity = kinds[kind].severity;
	uint64_t before = machine_check_count(severity), start = host_nanoseconds();

	inject(kind, cpu, address, bytes);
	while (machine_check_count(severity) == before) {
		if (injection_is_late(start)) {
			fail("no %s error came to CPU %u", machine_severity_name(severity), cpu);
			return;
		}
		if (kind == INJECT_CORRECTED)
			host_on_each_cpu(look_into_banks, NULL);
	}
}

static pfn_t lost_area;

void repair_area(pfn_t area)
{
	for (size_t i = 0; i < PAGES_PER_AREA; i++)
		expect_eq(bad_lines_remove(pfn_add(area, i), LINES_ALL), 0);
	expect_eq(page_collapse(area), 0);
}

static void repair_lost_area(void *unused)
{
	(void)unused;
	repair_area(lost_area);
}

pfn_t take_area_to_lose(enum memory_kind kind)
{
	need_injection();
	lost_area = test_take(kind, AREA_SIZE);
	test_cleanup(repair_lost_area, NULL);
	return lost_area;
}

phys_t random_line(pfn_t area)
{
	return phys_add(pfn_to_phys(area), align_down(test_random_below(AREA_SIZE), CACHE_LINE));
}

bool can_be_pinned(pfn_t frame)
{
	struct page *page = page_pin(frame);

	if (page)
		page_unpin(page);
	return page != NULL;
}
