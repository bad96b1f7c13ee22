/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/slots.h"

/* Slots that come from the stack or go there at a time. */
enum { SLOTS_AT_ONCE = SLOTS_AT_HAND / 2 };

#define TOP_SLOT       UINT32_MAX
#define TOP_ONE_CHANGE ((uint64_t)1 << 32)

/* The top after a change: a slot + 1, or 0. */
static uint64_t changed(uint64_t top, uint32_t link)
{
	return ((top & ~(uint64_t)TOP_SLOT) + TOP_ONE_CHANGE) | link;
}

size_t slots_bytes(uint32_t nr)
{
	return host_cpus() * sizeof(struct slots_hand) + nr * sizeof(uint32_t);
}

void slots_begin(struct slots *slots, uint32_t nr, void *memory)
{
	*slots = (struct slots){
		.next = (_Atomic uint32_t *)((struct slots_hand *)memory + host_cpus()),
		.hands = memory,
		.nr = nr,
	};
	for (uint32_t i = 0; i < nr; i++)
		atomic_store_explicit(&slots->next[i], i + 1 < nr ? i + 2 : 0,
				      memory_order_relaxed);
	atomic_store(&slots->top, nr > 0);
}

/*
 * Moves what is on the stack into an empty hand. A slot that another CPU takes meanwhile leads
 * anywhere, but then the top has changed, even if it is the same slot again.
 */
static void pop(struct slots *slots, struct slots_hand *hand)
{
	uint64_t old = atomic_load(&slots->top);
	uint32_t link, nr;

	do {
		link = (uint32_t)(old & TOP_SLOT);
		for (nr = 0; link && nr < SLOTS_AT_ONCE; nr++) {
			hand->slots[nr] = link - 1;
			link = atomic_load_explicit(&slots->next[link - 1], memory_order_relaxed);
		}
	} while (nr > 0 && !atomic_compare_exchange_weak(&slots->top, &old, changed(old, link)));
	hand->nr = nr;
}

/* Moves the upper half of a full hand onto the stack. */
static void push(struct slots *slots, struct slots_hand *hand)
{
	uint64_t old = atomic_load(&slots->top);
	uint32_t nr = SLOTS_AT_HAND - 1, link = hand->slots[nr] + 1;
	_Atomic uint32_t *last = &slots->next[link - 1];

	while (nr > SLOTS_AT_HAND - SLOTS_AT_ONCE) {
		uint32_t slot = hand->slots[--nr];

		atomic_store_explicit(&slots->next[slot], link, memory_order_relaxed);
		link = slot + 1;
	}
	do
		atomic_store_explicit(last, (uint32_t)(old & TOP_SLOT), memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&slots->top, &old, changed(old, link)));
	hand->nr = nr;
}

bool slots_refill(struct slots *slots)
{
	struct slots_hand *hand = slots_hand(slots);

	if (hand->nr == 0)
		pop(slots, hand);
	return hand->nr > 0;
}

void slots_spill(struct slots *slots, uint32_t slot)
{
	struct slots_hand *hand = slots_hand(slots);

	push(slots, hand);
	hand->slots[hand->nr++] = slot;
}

uint32_t slots_free(const struct slots *slots)
{
	uint32_t link = (uint32_t)(atomic_load(&slots->top) & TOP_SLOT);
	uint32_t nr = 0;

	for (unsigned cpu = 0; cpu < host_cpus(); cpu++)
		nr += slots->hands[cpu].nr;
	for (; link && nr <= slots->nr; nr++)
		link = atomic_load(&slots->next[link - 1]);
	return nr;
}
