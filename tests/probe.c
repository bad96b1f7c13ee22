/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/probe.h"

#include "kernel/trap_report.h"
#include "kernel/traps.h"
#include "tests/test.h"

static enum probe probe(void (*touch)(void *), const void *address, uint64_t access)
{
	struct trap trap;
	char text[160];

	if (!trap_catch(touch, (void *)(uintptr_t)address, &trap))
		return PROBE_WORKED;
	if (trap.vector == TRAP_PAGE_FAULT && trap.address == (uint64_t)address) {
		if (!(trap.error & FAULT_PRESENT))
			return PROBE_UNMAPPED;
		if (trap.error == (FAULT_PRESENT | access))
			return PROBE_FORBIDDEN;
	}
	trap_explain(&trap, text, sizeof(text));
	fail("probing %p: %s", address, text);
	return PROBE_TRAPPED;
}

static void load(void *address)
{
	(void)*(volatile uint8_t *)address;
}

/* One instruction that reads and writes. Where it may read, it faults as a write. */
static void store(void *address)
{
	__asm__ volatile("orb $0, (%0)" : : "r"(address) : "memory");
}

static void call(void *address)
{
	__asm__ volatile("call *%0" : : "r"(address) : "memory");
}

enum probe probe_load(const void *address)
{
	return probe(load, address, 0);
}

enum probe probe_store(const void *address)
{
	return probe(store, address, FAULT_WRITE);
}

enum probe probe_call(const void *address)
{
	return probe(call, address, FAULT_EXECUTE);
}
