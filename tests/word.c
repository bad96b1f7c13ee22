/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transitions of a page's word, each alone: what it changes, what it leaves, what it refuses.
 * They are tried on every set of flags, with pins and owners at the ends of their ranges.
 */
#include "mm/page_word.h"

#include "mm/page.h"
#include "tests/test.h"

/* Every word worth trying: all flags that exist, by pins, by owners. */
enum { FLAG_SETS = 512, PIN_COUNTS = 5, OWNERS = 3 };
enum { WORDS = FLAG_SETS * PIN_COUNTS * OWNERS };

static word_t nth_word(size_t n)
{
	static const word_t pins[PIN_COUNTS] = {0, 1, 2, PAGE_PINS_MAX,
						WORD_PINS >> WORD_PIN_SHIFT};
	static const word_t owners[OWNERS] = {0, 1, UINT32_MAX};

	return (n % FLAG_SETS) | pins[n / FLAG_SETS % PIN_COUNTS] << WORD_PIN_SHIFT |
	       owners[n / FLAG_SETS / PIN_COUNTS] << WORD_OWNER_SHIFT;
}

/* A whole area or a page, as against a split area. */
static bool describes(word_t word)
{
	return !(word & WORD_SPLIT);
}

static bool has(word_t word, enum word_flag flag)
{
	return word & (word_t)flag;
}

static bool out_of_use(word_t word)
{
	return has(word, WORD_POISONED) || has(word, WORD_HEALING);
}

/* The flags, the pins and the owner share the word and nothing else. */
TEST(word, fields_are_apart)
{
	word_t word = word_with_owner(WORD_PINS | WORD_DIRTY, 0x12345678);

	expect_eq(word_pins(word), (1u << 20) - 1);
	expect_eq(word_owner(word), 0x12345678);
	expect_eq(word & WORD_FLAGS, WORD_DIRTY);
	expect_eq(FLAG_SETS, WORD_HEALING << 1);
}

/* A pin adds one and changes nothing else; what is absent, poisoned or full refuses it. */
TEST(word, pin_adds_one)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		int error = word_pin(word, &next);
		bool can = describes(word) && !has(word, WORD_ABSENT) && !out_of_use(word) &&
			   word_pins(word) < PAGE_PINS_MAX;

		expect_eq(error == 0, can);
		if (can)
			expect_eq(next, word + WORD_ONE_PIN);
		if (!describes(word))
			expect_eq(error, -EAGAIN);
	}
}

/* What a pin did, an unpin takes back; there is no pin below zero. */
TEST(word, unpin_undoes_pin)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), pinned, back = 0;

		if (word_pin(word, &pinned) == 0)
			expect(word_unpin(pinned, &back) == 0 && back == word);
		if (word_pins(word) == 0)
			expect_eq(word_unpin(word, &back), -EINVAL);
	}
}

/* Only a pinned page can be locked, by one at a time, and unlocking restores it. */
TEST(word, lock_needs_a_pin)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), locked = 0, back = 0;
		int error = word_lock(word, &locked);

		expect_eq(error == 0, word_pins(word) > 0 && !has(word, WORD_LOCKED));
		if (!error)
			expect(word_unlock(locked, &back) == 0 && back == word);
	}
}

/* A new owner replaces the old one and nothing else. */
TEST(word, owner_is_replaced_alone)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = word_with_owner(word, 0xcafe);

		expect_eq(word_owner(next), 0xcafe);
		expect_eq((uint32_t)next, (uint32_t)word);
	}
}

/* Only what nobody else uses can be allocated, and it starts clean and without an owner. */
TEST(word, allocate_takes_what_is_free)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		bool used = word & WORD_FLAGS & ~(word_t)WORD_DIRTY;

		for (uint32_t pins = 0; pins <= 1; pins++) {
			bool can = !used && word_pins(word) == pins;

			expect_eq(word_allocate(word, pins, &next) == 0, can);
			if (can)
				expect_eq(next, WORD_ALLOCATED);
		}
	}
}

/* The pin of whoever wants to allocate goes to free pages only, and is a pin like any other. */
TEST(word, pin_of_a_free_page_disturbs_no_user)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		int error = word_pin_free(word, &next);

		expect_eq(error == 0, word_is_free(word));
		if (!error)
			expect_eq(next, word + WORD_ONE_PIN);
		if (!describes(word))
			expect_eq(error, -EAGAIN);
	}
}

/* Whoever gives a page back holds its only pin; it becomes free, or stays poisoned. */
TEST(word, release_needs_the_only_pin)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		bool can = has(word, WORD_ALLOCATED) && !has(word, WORD_LOCKED) &&
			   word_pins(word) == 1;

		expect_eq(word_release(word, &next) == 0, can);
		if (can)
			expect_eq(next, word & WORD_OUT_OF_USE);
	}
}

/* Only a page that is allocated and that nobody holds is kept at hand, and not a poisoned one. */
TEST(word, reuse_needs_a_page_that_nobody_holds)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		bool can = describes(word) && has(word, WORD_ALLOCATED) &&
			   !has(word, WORD_LOCKED) && !out_of_use(word) && word_pins(word) == 0;

		expect_eq(word_reuse(word, &next) == 0, can);
		if (can)
			expect_eq(next, WORD_ALLOCATED);
	}
}

/* A page that was kept at hand becomes free under whoever holds it, and stays out of use. */
TEST(word, disowned_is_free_but_for_its_holders)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = word_disowned(word);

		expect_eq(word_pins(next), word_pins(word));
		expect_eq(next & ~WORD_PINS, word & (WORD_OUT_OF_USE | WORD_LOCKED));
	}
}

/* Holding a page to change it works when it is out of use or has all pins of users, too. */
TEST(word, hold_is_for_every_page)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		int error = word_hold(word, &next);

		expect_eq(error == 0, describes(word) && !has(word, WORD_ABSENT) &&
					      (word & WORD_PINS) != WORD_PINS);
		if (!error)
			expect_eq(next, word + WORD_ONE_PIN);
		if (!describes(word))
			expect_eq(error, -EAGAIN);
	}
}

/* Healing begins where nobody heals, and keeps the page out of use. */
TEST(word, healing_begins_once)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		int error = word_heal_begin(word, &next);

		expect_eq(error, has(word, WORD_HEALING)     ? -EBUSY
				 : !has(word, WORD_POISONED) ? -EALREADY
							     : 0);
		if (!error)
			expect_eq(next, word ^ (WORD_POISONED | WORD_HEALING));
	}
}

/* It ends when nobody marked the page meanwhile, and then the page is in use or poisoned. */
TEST(word, healing_ends_unmarked)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), sound = word & ~(word_t)WORD_HEALING;
		word_t used = 0, kept = 0;
		int error = word_heal_end(word, false, &used);

		expect_eq(error, has(word, WORD_POISONED) ? -EAGAIN : 0);
		expect_eq(word_heal_end(word, true, &kept), error);
		if (error)
			continue;
		expect_eq(used, sound);
		expect_eq(kept, sound | WORD_POISONED);
	}
}

/*
 * An area that nobody holds can be split; its word is then the table's address, keeps poison, and
 * says of all parts that they are touched, or of none where there is nothing to inherit.
 */
TEST(word, split_names_the_table)
{
	const uintptr_t table = 0xffff800012345000;

	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n), next = 0;
		bool can = !has(word, WORD_ABSENT) && !has(word, WORD_SPLIT) &&
			   !has(word, WORD_LOCKED) && word_pins(word) == 0;

		expect_eq(word_split(word, table, &next) == 0, can);
		if (!can)
			continue;
		expect_eq(word_table(next), table);
		expect(has(next, WORD_SPLIT));
		expect_eq(next & WORD_POISONED, word & WORD_POISONED);
		expect_eq(next & WORD_TOUCHED, word_inherited(word) ? WORD_TOUCHED : 0);
	}
}

/* A page joins others only when it is idle and of one kind with the first of its table. */
TEST(word, idle_kin_can_join)
{
	for (size_t n = 0; n < WORDS; n++) {
		word_t word = nth_word(n);
		bool idle = word_pins(word) == 0 && !has(word, WORD_LOCKED) && !out_of_use(word);

		expect_eq(word_can_join(word, word ^ WORD_DIRTY) == 0, idle);
		expect(word_can_join(word, word ^ WORD_ALLOCATED) != 0);
		expect(word_can_join(word, word_with_owner(word, 77)) != 0);
	}
}
