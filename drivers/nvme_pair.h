/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A submission queue and its completion queue: rings that the driver and the controller share
 * (NVMe 1.4, 4.1). The driver's end of both; which commands are in flight is for its user to know.
 *
 *	commands     written at `tail`; the doorbell says up to where
 *	completions  read at `head`, as far as their phase bit says that they are new: the
 *controller inverts it each time that it comes round
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
	unsigned entries;
	unsigned tail;
	unsigned head;
	unsigned phase; /* of what is new at `head` */
};

/* Both rings are empty, all zero and as long as `entries`. */
static inline void nvme_pair_reset(struct nvme_pair *pair)
{
	pair->tail = 0;
	pair->head = 0;
	pair->phase = 1;
}

/* Where the next command goes. Its reserved fields are zero already: nobody ever wrote to them. */
static inline struct nvme_command *nvme_pair_next(const struct nvme_pair *pair)
{
	return &pair->commands[pair->tail];
}

/* Hands that command to the controller. */
static inline void nvme_pair_submit(struct nvme_pair *pair)
{
	pair->tail++;
	if (pair->tail == pair->entries)
		pair->tail = 0;
	mmio_write32(pair->sq_doorbell, pair->tail);
}

/* Reads the upper half of the next completion. False: there is none yet. */
static inline bool nvme_pair_peek(const struct nvme_pair *pair, uint64_t *word)
{
	*word = pair->completions[pair->head].word;
	return nvme_completion_phase(*word) == pair->phase;
}

/* Goes past it. The controller learns of that by nvme_pair_acknowledge(), once for many. */
static inline void nvme_pair_advance(struct nvme_pair *pair)
{
	pair->head++;
	if (pair->head == pair->entries) {
		pair->head = 0;
		pair->phase ^= 1;
	}
}

static inline void nvme_pair_acknowledge(const struct nvme_pair *pair)
{
	mmio_write32(pair->cq_doorbell, pair->head);
}

/* Whether a completion can be one of this pair's: its identifier is for the caller to check. */
static inline bool nvme_pair_owns(const struct nvme_pair *pair, uint64_t word)
{
	return nvme_completion_sq(word) == pair->number &&
	       nvme_completion_sq_head(word) < pair->entries;
}
