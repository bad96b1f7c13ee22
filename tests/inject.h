/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory errors that whoever runs the machine raises on request: tools/bifold/errors.py by QEMU's
 * monitor. The request is a line of the report, "# inject-error ...".
 *
 * QEMU damages nothing: the CPU is told of an error, and memory holds what it held.
 */
#pragma once

#include "mm/region.h"
#include "mm/types.h"

enum injection {
	INJECT_CORRECTED,        /* no #MC */
	INJECT_SCRUBBED,         /* action optional */
	INJECT_SCRUBBED_FOR_ALL, /* ... and every CPU is told */
	INJECT_READ,             /* action required */
	INJECT_CORRUPT,          /* fatal: the CPU's state is lost */
};

/* Skips the test where nobody answers requests. */
void need_injection(void);

/*
 * Asks for an error of `bytes` at the address, CACHE_LINE ... PAGE_SIZE, a power of two, in the
 * machine-check banks of this CPU. It comes soon: INJECT_READ while the CPU copies words in
 * host_read(), the others at whatever it does.
 */
void inject(enum injection, unsigned cpu, phys_t address, size_t bytes);

/* The same when the CPU is about to run the instruction at `rip`. */
void inject_at(enum injection, uint64_t rip, unsigned cpu, phys_t address, size_t bytes);

/* inject(), and until the kernel noted it; a failure if that does not come. Not INJECT_CORRUPT. */
void inject_and_wait(enum injection, unsigned cpu, phys_t address, size_t bytes);

/* Whether what was asked for at `start` is not to be expected any more, however busy the host. */
bool injection_is_late(uint64_t start);

/*
 * An area that is to go bad, repaired and whole again when the test is over. Skips it where there
 * are no errors to be had.
 */
pfn_t take_area_to_lose(enum memory_kind);
void repair_area(pfn_t area);

/* The start of one of its lines. */
phys_t random_line(pfn_t area);

bool can_be_pinned(pfn_t);
