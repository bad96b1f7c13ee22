/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers 0 ... n - 1, each of which one user has at a time. A CPU keeps some of those that are
 * free at hand, which it takes and gives back without a locked instruction, and meets the others in
 * one stack when it has none or too many, where half a hand comes or goes by one compare-and-swap.
 * Takes no lock and never waits.
 */
#pragma once

#include <stdatomic.h>

#include "mm/compiler.h"
#include "mm/host.h"
#include "mm/types.h"

enum { SLOTS_AT_HAND = 63 };

/* What a CPU has at hand. */
struct slots_hand {
	uint32_t nr;
	uint32_t slots[SLOTS_AT_HAND];
} __attribute__((aligned(64)));

struct slots {
	_Atomic uint64_t top;   /* a slot + 1, or 0; above it a count of changes */
	_Atomic uint32_t *next; /* of each slot that is in the stack: the one below it + 1, or 0 */
	struct slots_hand *hands;
	uint32_t nr;
};

/* Bytes that slots_begin() needs for so many. */
size_t slots_bytes(uint32_t nr);

/* All are free. `memory` is 64-byte aligned, zeroed, and the slots' from now on. */
void slots_begin(struct slots *, uint32_t nr, void *memory);

/* What the CPU that asks has at hand; it may take from there and put there what is its own. */
static inline struct slots_hand *slots_hand(struct slots *slots)
{
	return &slots->hands[host_cpu()];
}

/* Fills the hand of this CPU, if it is empty. False: there is none in the stack either; other CPUs
 * may have up to SLOTS_AT_HAND each. */
bool slots_refill(struct slots *) must_check;

/* Gives one back where the hand is full. */
void slots_spill(struct slots *, uint32_t slot);

/* Takes a free one. False: as slots_refill(). */
must_check static inline bool slots_take(struct slots *slots, uint32_t *slot)
{
	struct slots_hand *hand = slots_hand(slots);

	if (unlikely(hand->nr == 0) && !slots_refill(slots))
		return false;
	*slot = hand->slots[--hand->nr];
	return true;
}

/* Gives one back, on any CPU, whose hand this is. */
static inline void slots_give(struct slots *slots, struct slots_hand *hand, uint32_t slot)
{
	if (likely(hand->nr < SLOTS_AT_HAND))
		hand->slots[hand->nr++] = slot;
	else
		slots_spill(slots, slot);
}

/* How many are free, while nobody takes or gives any. */
uint32_t slots_free(const struct slots *);
