/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For suites whose power fails: what tools/power-cut needs to know of the run that writes, and what
 * it tells the run that recovers and judges.
 *
 * The first says, by instructions that do nothing, where each operation begins and where what it
 * promises holds. It works on one region: all of it but the last page.
 *
 *	power_mark(POWER_PLAN, plan);
 *	power_mark(POWER_START, 0);
 *	power_mark(POWER_BEGUN, 1);
 *	...
 *	power_mark(POWER_DONE, 1);
 *	power_mark(POWER_STOP, 0);
 *
 * The second finds, in each region of the machine, what a power failure left, and in its last page
 * a ticket that says when that was. So one boot judges as many failures as it has regions.
 */
#pragma once

#include "drivers/block.h"
#include "mm/compiler.h"
#include "mm/region.h"
#include "mm/types.h"

enum power_mark {
	POWER_PLAN = 1, /* value: what the operations, and the judge's expectations, follow from */
	POWER_START,    /* failures from here on */
	POWER_BEGUN,    /* value: the operation, numbered from 1 on each CPU */
	POWER_DONE,     /* value: the operation; what it promises holds from here on */
	POWER_USER,     /* value: bytes that the operation wants on the medium */
	POWER_STOP,     /* no failures from here on */
};

/* Markers: see tools/power/instruction.h. The number must be a constant. */
#define power_mark(mark, value)                                                 \
	asm volatile("nopl %c0(%%rax)"                                          \
		     :                                                          \
		     : "i"((int)(0xb1f00000u + (mark))), "a"((uint64_t)(value)) \
		     : "memory")

enum { POWER_CPUS_MAX = 8 };

#define POWER_MAGIC 0x74656b6369546f42 /* "BoTicket" */

/* As tools/bifold/power/images.py writes it. */
struct power_ticket {
	uint64_t magic;
	uint64_t state; /* its number in the sweep */
	uint64_t plan;
	uint64_t begun[POWER_CPUS_MAX]; /* the last operation of each CPU; 0: none */
	uint64_t done[POWER_CPUS_MAX];
};

/* The region that a writing run may use: the first one that may be written. Or skips the test. */
const struct region *power_region(void);

/* The end of what is used of a region. */
pfn_t power_end(const struct region *);

/*
 * Calls judge() for each region with a ticket, and says of each state whether it is sound: it is
 * unless the judge called power_broken(). Regions that may not be written are judged, too, and the
 * judge must look at that if it wants to recover. A run without any ticket fails.
 */
void power_judge(void (*judge)(const struct region *, const struct power_ticket *));

/* The state that is being judged is not what was promised: where, expected, found. */
void power_broken(const char *format, ...) printf_like(1, 2);

/* The recovery of the state that is being judged had so much to do. */
void power_recovered(unsigned count);

/* One bio; a flush has no memory. Its error. */
int power_io(struct block_device *, enum block_operation, unsigned flags, uint64_t sector,
	     const struct bio_piece *memory) must_check;

/* The value number `index` that follows from a plan: the same in both runs. */
uint64_t power_random(uint64_t plan, uint64_t index);
