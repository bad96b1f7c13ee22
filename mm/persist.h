/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores that survive a power failure. The only code that flushes.
 *
 * A store to persistent memory is in the CPU's caches until its line is written back, and on its
 * way until a fence completes; only then is it in the persistence domain of a platform with ADR
 * (Intel SDM vol. 2, CLWB and SFENCE; ACPI 6.5, 5.2.25.9).
 *
 *	persist_copy(record, data, length);
 *	persist_publish(&record->valid, 1);		drains, stores, flushes, drains
 *
 * persist_fence() alone orders; whoever promises that something is durable calls persist_drain().
 *
 * Any CPU, any context, no locks. Addresses need no alignment unless it is said.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/region.h"
#include "mm/types.h"

enum { CACHE_LINE = 64 };

/* From the plainest to the best. */
enum flush_instruction {
	FLUSH_CLFLUSH,    /* every x86-64 CPU; waits for itself */
	FLUSH_CLFLUSHOPT, /* CPUID leaf 7 EBX bit 23 */
	FLUSH_CLWB,       /* CPUID leaf 7 EBX bit 24; may keep the line in the cache */
};

/*
 * What the platform saves when the power fails decides what there is to do. In short: with ADR, and
 * where firmware says nothing, flush and fence; with eADR, fence.
 *
 * - ADR (memory controller): what has left the caches and been accepted by the memory controller,
 *   which a fence waits for.
 * - Unknown: nothing better can be done than for ADR.
 * - eADR (CPU cache): every store that other CPUs can see; lines need no flush. Stores around the
 *   cache, and one that was just made, may be in buffers that are not saved: fence as ever.
 *
 * An NVDIMM with flush hints is told of it in each case: hints reach further than the domain, to
 * its own medium.
 *
 * Unknown until it is said. `weakest` is that of all memory that is written.
 */
void persist_set_domain(enum persistence_domain weakest);
enum persistence_domain persist_domain(void);

/* Chooses the best instruction that the CPU has; before it runs, CLFLUSH is used. */
void persist_init(void);
enum flush_instruction persist_instruction(void);

/* Flushes with this one from now on. False: the CPU does not have it, and nothing changes. */
bool persist_use(enum flush_instruction) must_check;

const char *flush_instruction_name(enum flush_instruction);

/* Starts writing back every line that holds one of these bytes. Durable after persist_drain(). */
void persist_flush(const void *start, size_t bytes);

/*
 * memcpy() and memset() whose bytes are durable after persist_drain(). No overlap. A power failure
 * before that leaves each aligned word of 8 bytes among them old or new, each for itself.
 */
void persist_copy(void *to, const void *from, size_t bytes);
void persist_set(void *to, int byte, size_t bytes);

/* What was flushed or copied before gets its place before all that is stored after. */
void persist_fence(void);

/*
 * All that was flushed or copied before, on the NVDIMMs that hold `where`, is durable when it
 * returns: a fence, and where they have flush hints (mm/flush_hints.h), one of each and another
 * fence.
 */
void persist_drain(const void *where);

/*
 * A device wrote this buffer, and said that it is done: durable when it returns. DMA may have ended
 * in the CPU's caches instead of the memory, so the lines are written back like any other.
 */
void persist_dma(const void *start, size_t bytes);

/*
 * The step that makes earlier stores count: all that was flushed or copied before, on the NVDIMMs
 * that hold the flag, is durable first, then *flag becomes value, and is durable when it returns.
 * `flag` is 8-byte aligned.
 */
void persist_publish(uint64_t *flag, uint64_t value);
