/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stores that survive a power failure. The only code that flushes.
 *
 * A store to persistent memory is in the CPU's caches until its line is written back, and on its
 * way until a fence completes; only then is it in the persistence domain of a platform with ADR
 * (Intel SDM vol. 1, 12.1.1 and vol. 2, CLWB, SFENCE; ACPI 6.5, 5.2.25.9). With eADR, and with a
 * domain that firmware does not state, the same steps are taken: they are right in either.
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
#include "mm/types.h"

enum { CACHE_LINE = 64 };

/* From the plainest to the best. */
enum flush_instruction {
	FLUSH_CLFLUSH,    /* every x86-64 CPU; waits for itself */
	FLUSH_CLFLUSHOPT, /* CPUID leaf 7 EBX bit 23 */
	FLUSH_CLWB,       /* CPUID leaf 7 EBX bit 24; may keep the line in the cache */
};

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

/* All that was flushed or copied before, on the NVDIMMs that hold `where`, is durable when it
 * returns. */
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
