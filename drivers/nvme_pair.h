/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A submission queue and its completion queue: rings that the driver and the controller share
 * (NVMe 1.4, 4.1). The driver's end of both; which commands are in flight is for its user to know.
 *
 *	commands     written at `tail`; the doorbell says up to where
 *	completions  read at `head`, as far as their phase bit says that they are new:
 *	             the controller inverts it each time that it comes round
 *
 * No more than entries - 1 commands may be in flight, so that neither ring overflows.
 */
#pragma once

#include "drivers/nvme_regs.h"
#include "kernel/mmio.h"
#include "mm/compiler.h"

struct nvme_pair {
	struct nvme_command *commands;
	volatile struct nvme_completion *completions;
	volatile uint32_t *sq_doorbell;
	volatile uint32_t *cq_doorbell;
	unsigned number;
	unsigned entries; /* a power of two */
	unsigned mask;    /* ... less 1 */
	unsigned tail;
	unsigned head;
	uint64_t expected; /* number and phase of the next completion, where its word has them */
};

/* Both rings are empty, all zero and as long as `entries`. */
static inline void nvme_pair_reset(struct nvme_pair *pair)
{
	pair->mask = pair->entries - 1;
	pair->tail = 0;
	pair->head = 0;
	pair->expected = (uint64_t)pair->number << NVME_COMPLETION_SQ_SHIFT | NVME_COMPLETION_PHASE;
}

/* Where the next command goes. Its reserved fields are zero already: nobody ever wrote to them. */
static inline struct nvme_command *nvme_pair_next(const struct nvme_pair *pair)
{
	return &pair->commands[pair->tail];
}

/* Goes past that command. The controller learns of it by nvme_pair_ring(), once for many. */
static inline void nvme_pair_push(struct nvme_pair *pair)
{
	pair->tail = (pair->tail + 1) & pair->mask;
}

static inline void nvme_pair_ring(const struct nvme_pair *pair)
{
	mmio_write32(pair->sq_doorbell, pair->tail);
}

/* Both, of a command alone. */
static inline void nvme_pair_submit(struct nvme_pair *pair)
{
	nvme_pair_push(pair);
	nvme_pair_ring(pair);
}

/*
 * Reads the upper half of the next completion, less the number and the phase that it should have:
 * bits of NVME_COMPLETION_PHASE say that there is none yet, of NVME_COMPLETION_SQ that it is not
 * this pair's.
 */
static inline uint64_t nvme_pair_look(const struct nvme_pair *pair)
{
	return pair->completions[pair->head].word ^ pair->expected;
}

/* False: there is none yet. */
static inline bool nvme_pair_peek(const struct nvme_pair *pair, uint64_t *word)
{
	*word = nvme_pair_look(pair);
	return !(*word & NVME_COMPLETION_PHASE);
}

/* Goes past it. The controller learns of that by nvme_pair_acknowledge(), once for many. */
static inline void nvme_pair_advance(struct nvme_pair *pair)
{
	pair->head = (pair->head + 1) & pair->mask;
	if (unlikely(pair->head == 0))
		pair->expected ^= NVME_COMPLETION_PHASE;
}

static inline void nvme_pair_acknowledge(const struct nvme_pair *pair)
{
	mmio_write32(pair->cq_doorbell, pair->head);
}

/* Whether a completion can be one of this pair's: its identifier is for the caller to check. */
static inline bool nvme_pair_owns(const struct nvme_pair *pair, uint64_t word)
{
	return !(word & NVME_COMPLETION_SQ) && nvme_completion_sq_head(word) < pair->entries;
}
