/* SPDX-License-Identifier: BSD-2-Clause */
/* Two CPUs take and give slots at the same time, and meet at every point. */
#include "mm/schemes/slots.h"

#include <string.h>

#include "tests/harness/memory.h"
#include "tests/host/cpu_number.h"
#include "tests/host/step/step.h"
#include "tests/test.h"

enum { SLOTS = 8 * SLOTS_AT_HAND, CPUS = 2 };

static struct slots slots;
static uint32_t taken[CPUS];
static bool has_taken[CPUS];

static void take(unsigned cpu)
{
	has_taken[cpu] = slots_take(&slots, &taken[cpu]);
}

static void take_first(void)
{
	take(0);
}

static void take_second(void)
{
	take(1);
}

static void give_first(void)
{
	slots_give(&slots, slots_hand(&slots), taken[0]);
	has_taken[0] = false;
}

static void give_second(void)
{
	slots_give(&slots, slots_hand(&slots), taken[1]);
	has_taken[1] = false;
}

/* Fills the hand of a CPU. Returns how many slots that took besides. */
static unsigned fill_hand(unsigned cpu)
{
	uint32_t mine[SLOTS_AT_HAND];
	unsigned nr = 0;

	cpu_number_set(cpu);
	while (nr < SLOTS_AT_HAND)
		require(slots_take(&slots, &mine[nr++]));
	while (slots.hands[cpu].nr < SLOTS_AT_HAND)
		slots_give(&slots, slots_hand(&slots), mine[--nr]);
	cpu_number_set(0);
	return nr;
}

/* From empty hands, or from full ones and a slot for each. */
static unsigned meet_with_slots(void *memory, bool full, void (*first)(void), void (*second)(void))
{
	bool met = true;
	unsigned at = 0;

	for (; met; at++) {
		unsigned kept = 0;

		memset(memory, 0, slots_bytes(SLOTS));
		slots_begin(&slots, SLOTS, memory);
		if (full) {
			take(0);
			take(1);
			kept = fill_hand(1) + fill_hand(0);
		}
		met = step_between(first, second, at);
		if (!met) {
			cpu_number_set(1);
			second();
			cpu_number_set(0);
		}
		expect_eq(slots_free(&slots), SLOTS - kept - has_taken[0] - has_taken[1]);
		expect(!has_taken[0] || !has_taken[1] || taken[0] != taken[1]);
		has_taken[0] = has_taken[1] = false;
	}
	return at;
}

/* Empty hands are filled and full ones emptied at the same time, and no slot is lost or doubled. */
TEST(step, slots_meet)
{
	void *memory = test_virt(test_take(MEMORY_DRAM, AREA_SIZE), 0);

	require(slots_bytes(SLOTS) <= AREA_SIZE);
	note("%u points", meet_with_slots(memory, false, take_first, take_second) +
				  meet_with_slots(memory, true, give_first, give_second));
}

/* --- What is the top again --- */

/* The upper part of a full hand, which is what a hand takes and gives at a time. */
enum { HALF = SLOTS_AT_HAND / 2 };

/* What the second CPU took: four such parts, each from its lowest slot in the stack to its top. */
static uint32_t parts[4][HALF];

/*
 * Gives the first part back to the stack as it was there, so that the top is the same slot again,
 * and keeps the second, which was below it.
 */
static void bring_the_top_back(void)
{
	uint32_t top = (uint32_t)atomic_load(&slots.top);
	unsigned part, i;

	for (part = 0; part < ARRAY_SIZE(parts); part++)
		for (i = 0; i < HALF; i++)
			expect(slots_take(&slots, &parts[part][i]));
	for (i = 0; i < HALF; i++)
		slots_give(&slots, slots_hand(&slots), parts[3][i]);
	slots_give(&slots, slots_hand(&slots), parts[2][0]);
	for (i = HALF; i-- > 0;)
		slots_give(&slots, slots_hand(&slots), parts[0][i]);
	/* One more than fits. */
	slots_give(&slots, slots_hand(&slots), parts[2][1]);
	expect_eq((uint32_t)atomic_load(&slots.top), top);
}

/* Takes all that the first CPU can have. None is one of those that the second CPU keeps. */
static void expect_the_rest(void)
{
	static bool has_user[SLOTS];
	uint32_t slot;
	unsigned nr = 0;

	memset(has_user, 0, sizeof(has_user));
	for (unsigned i = 0; i < HALF; i++)
		has_user[parts[1][i]] = true;
	for (unsigned i = 2; i < HALF; i++)
		has_user[parts[2][i]] = true;
	has_user[taken[0]] = true;
	while (nr < SLOTS && slots_take(&slots, &slot)) {
		expect(!has_user[slot]);
		has_user[slot] = true;
		nr++;
	}
	expect_eq(nr, SLOTS - 1 - (2 * HALF - 2) - slots.hands[1].nr);
}

/* A CPU that is about to take what is on the stack sees that it changed, though the top is what it
 * was: what was below may be somebody's. */
TEST(step, same_top_is_another_stack)
{
	void *memory = test_virt(test_take(MEMORY_DRAM, AREA_SIZE), 0);
	bool met = true;
	unsigned at = 0;

	while (met) {
		memset(memory, 0, slots_bytes(SLOTS));
		slots_begin(&slots, SLOTS, memory);
		met = step_between(take_first, bring_the_top_back, at++);
		require(has_taken[0]);
		if (met)
			expect_the_rest();
		has_taken[0] = false;
	}
	note("%u points", at);
}
