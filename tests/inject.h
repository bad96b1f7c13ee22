/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory errors that whoever runs the machine raises on request: tools/bifold/errors.py by QEMU's
 * monitor. The request is a line of the report, "# inject-error ...".
 *
 * QEMU damages nothing: the CPU is told of an error, and memory holds what it held.
 */
#pragma once

#include "mm/machine_error.h"
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
