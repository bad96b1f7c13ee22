/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/inject.h"

#include "kernel/console.h"
#include "kernel/copy.h"
#include "kernel/fwcfg.h"
#include "kernel/percpu.h"
#include "tests/test.h"

/* A bank that firmware and emulators leave to memory controllers. */
enum { BANK = 9 };

enum { CODE_SCRUB = 0xcf, CODE_DATA_READ = 0x134 };

#define WITH_ADDRESS (BANK_VALID | BANK_ENABLED | BANK_HAS_ADDRESS | BANK_HAS_MISC)
#define LOST         (WITH_ADDRESS | BANK_UNCORRECTED)
#define RAISED       (MCG_STATUS_RESTART | MCG_STATUS_BUSY)

static const struct {
	uint64_t status;
	uint64_t global_status;
} kinds[] = {
	[INJECT_CORRECTED] = {WITH_ADDRESS | CODE_SCRUB, 0},
	[INJECT_SCRUBBED] = {LOST | BANK_SIGNALLED | CODE_SCRUB, RAISED},
	[INJECT_SCRUBBED_FOR_ALL] = {LOST | BANK_SIGNALLED | CODE_SCRUB, RAISED},
	[INJECT_READ] = {LOST | BANK_SIGNALLED | BANK_ACTION | CODE_DATA_READ,
			 RAISED | MCG_STATUS_ITS_CODE},
	[INJECT_CORRUPT] = {LOST | BANK_CORRUPT | CODE_DATA_READ, RAISED | MCG_STATUS_ITS_CODE},
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
