/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/schemes/slots.h"

/* Slots that come from the stack or go there at a time. */
enum { SLOTS_AT_ONCE = SLOTS_AT_HAND / 2 };

#define TOP_SLOT       UINT32_MAX
#define TOP_ONE_CHANGE ((uint64_t)1 << 32)

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

/* A slot that another CPU takes meanwhile leads anywhere, but then the top has changed. */
static bool pop(struct slots *slots, uint32_t *slot)
{
	uint64_t old = atomic_load(&slots->top);
	uint64_t next;

	do {
		if (!(old & TOP_SLOT))
			return false;
		*slot = (uint32_t)(old & TOP_SLOT) - 1;
		next = atomic_load_explicit(&slots->next[*slot], memory_order_relaxed);
	} while (!atomic_compare_exchange_weak(
		&slots->top, &old, ((old & ~(uint64_t)TOP_SLOT) + TOP_ONE_CHANGE) | next));
	return true;
}

static void push(struct slots *slots, uint32_t slot)
{
	uint64_t old = atomic_load(&slots->top);

	do
		atomic_store_explicit(&slots->next[slot], (uint32_t)(old & TOP_SLOT),
				      memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&slots->top, &old,
					     ((old & ~(uint64_t)TOP_SLOT) + TOP_ONE_CHANGE) |
						     ((uint64_t)slot + 1)));
}

bool slots_refill(struct slots *slots, struct slots_hand *hand)
{
	while (hand->nr < SLOTS_AT_ONCE && pop(slots, &hand->slots[hand->nr]))
		hand->nr++;
	return hand->nr > 0;
}

void slots_spill(struct slots *slots, struct slots_hand *hand)
{
	while (hand->nr > SLOTS_AT_HAND - SLOTS_AT_ONCE)
		push(slots, hand->slots[--hand->nr]);
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
