/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flush hints: addresses of which a store tells an NVDIMM to take over what is on the way to it
 * (ACPI 6.5, 5.2.25.8). What is stored does not matter, nor to which of an NVDIMM's addresses:
 * there are several so that CPUs need not meet at one.
 *
 * The table is handed in once, before anybody promises that something is durable, and stays the
 * caller's. persist_drain() is the one user.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* Of one NVDIMM, mapped uncached. `nr` is a power of two. */
struct flush_hints {
	volatile uint64_t *const *addresses;
	uint32_t nr;
};

/* Memory, as the CPU sees it, and those of its NVDIMMs that have hints. */
struct flush_range {
	uintptr_t start, end;
	const struct flush_hints *nvdimms;
	size_t nr_nvdimms;
};

/* `ranges` is sorted by address, without overlaps, and without ranges that no NVDIMM is told of. */
void flush_hints_use(const struct flush_range *ranges, size_t nr);

/* The range that holds an address. NULL: nobody there wants to be told. */
const struct flush_range *flush_hints_of(const void *where);

/* Tells each NVDIMM of a range, by the address that is this CPU's. Orders nothing. */
void flush_hints_store(const struct flush_range *);
