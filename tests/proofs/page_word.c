/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each transition of mm/page_word.h promises, for Frama-C to prove of that file as it is:
 * which words it refuses and with which error, that *next is then left alone, and otherwise the
 * fields of the next word, all of them. `make prove` checks it; docs/proofs.md says what that
 * means.
 */
#include "tests/proofs/word_fields.h"

/* Frama-C does not know it; the compilers do. */
#define _Static_assert(...)

#include "mm/page_word.h"

/* --- What can be read in a word --------------------------------------------------------------- */

/*@ assigns \nothing;
    ensures \result == pins_of(word); */
static inline uint32_t word_pins(word_t word);

/*@ assigns \nothing;
    ensures \result == owner_of(word); */
static inline uint32_t word_owner(word_t word);

/*@ requires index < 512;
    assigns \nothing;
    ensures flags_of(\result) == 0 && table_of(\result) == 0;
    ensures touched_of(\result) == 1 << (index / 32); */
static inline word_t word_touched(size_t index);

/*@ assigns \nothing;
    ensures \result == canonical(table_of(word)); */
static inline uintptr_t word_table(word_t word);

/*@ assigns \nothing;
    ensures \result <==> pins_of(word) == 0 && without(flags_of(word), WORD_DIRTY) == 0; */
static inline bool word_is_free(word_t word);

/* --- Pins ------------------------------------------------------------------------------------- */

/*@ requires \valid(next);
    assigns *next;
    behavior split:
      assumes has(word, WORD_SPLIT);
      ensures unchanged(next);
      ensures \result == -EAGAIN;
    behavior absent:
      assumes !has(word, WORD_SPLIT) && has(word, WORD_ABSENT);
      ensures unchanged(next);
      ensures \result == -ENOENT;
    behavior poisoned:
      assumes !has(word, WORD_SPLIT) && !has(word, WORD_ABSENT) && has(word, OUT_OF_USE);
      ensures unchanged(next);
      ensures \result == -EIO;
    behavior full:
      assumes !has(word, WORD_SPLIT) && !has(word, WORD_ABSENT) && !has(word, OUT_OF_USE);
      assumes pins_of(word) >= USER_PINS_MAX;
      ensures unchanged(next);
      ensures \result == -EOVERFLOW;
    behavior pinned:
      assumes !has(word, WORD_SPLIT) && !has(word, WORD_ABSENT) && !has(word, OUT_OF_USE);
      assumes pins_of(word) < USER_PINS_MAX;
      ensures \result == 0;
      ensures is(*next, flags_of(word), pins_of(word) + 1, owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_pin(word_t word, word_t *next);

/*@ requires \valid(next);
    assigns *next;
    behavior no_pin:
      assumes has(word, WORD_SPLIT | WORD_ABSENT) || pins_of(word) == 0;
      ensures unchanged(next);
      ensures \result == -EINVAL;
    behavior unpinned:
      assumes !has(word, WORD_SPLIT | WORD_ABSENT) && pins_of(word) > 0;
      ensures \result == 0;
      ensures is(*next, flags_of(word), pins_of(word) - 1, owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_unpin(word_t word, word_t *next);

/*@ requires \valid(next);
    assigns *next;
    behavior split:
      assumes has(word, WORD_SPLIT);
      ensures unchanged(next);
      ensures \result == -EAGAIN;
    behavior absent:
      assumes !has(word, WORD_SPLIT) && has(word, WORD_ABSENT);
      ensures unchanged(next);
      ensures \result == -ENOENT;
    behavior full:
      assumes !has(word, WORD_SPLIT) && !has(word, WORD_ABSENT) && pins_of(word) == PINS_MAX;
      ensures unchanged(next);
      ensures \result == -EOVERFLOW;
    behavior pinned:
      assumes !has(word, WORD_SPLIT) && !has(word, WORD_ABSENT) && pins_of(word) < PINS_MAX;
      ensures \result == 0;
      ensures is(*next, flags_of(word), pins_of(word) + 1, owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_hold(word_t word, word_t *next);

/*@ requires \valid(next);
    assigns *next;
    behavior split:
      assumes has(word, WORD_SPLIT);
      ensures unchanged(next);
      ensures \result == -EAGAIN;
    behavior used:
      assumes !has(word, WORD_SPLIT);
      assumes pins_of(word) != 0 || without(flags_of(word), WORD_DIRTY) != 0;
      ensures unchanged(next);
      ensures \result == -EBUSY;
    behavior pinned:
      assumes !has(word, WORD_SPLIT);
      assumes pins_of(word) == 0 && without(flags_of(word), WORD_DIRTY) == 0;
      ensures \result == 0;
      ensures is(*next, flags_of(word), 1, owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_pin_free(word_t word, word_t *next);

/* --- Marks ------------------------------------------------------------------------------------ */

/*@ requires \valid(next);
    assigns *next;
    behavior no_pin:
      assumes pins_of(word) == 0;
      ensures unchanged(next);
      ensures \result == -EINVAL;
    behavior locked_before:
      assumes pins_of(word) > 0 && has(word, WORD_LOCKED);
      ensures unchanged(next);
      ensures \result == -EBUSY;
    behavior locked:
      assumes pins_of(word) > 0 && !has(word, WORD_LOCKED);
      ensures \result == 0;
      ensures is(*next, flags_of(word) | WORD_LOCKED, pins_of(word), owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_lock(word_t word, word_t *next);

/*@ requires \valid(next);
    assigns *next;
    behavior not_locked:
      assumes !has(word, WORD_LOCKED);
      ensures unchanged(next);
      ensures \result == -EINVAL;
    behavior unlocked:
      assumes has(word, WORD_LOCKED);
      ensures \result == 0;
      ensures is(*next, without(flags_of(word), WORD_LOCKED), pins_of(word), owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_unlock(word_t word, word_t *next);

/*@ assigns \nothing;
    ensures is(\result, flags_of(word), pins_of(word), owner); */
static inline word_t word_with_owner(word_t word, uint32_t owner);

/*@ requires \valid(next);
    assigns *next;
    behavior healing_before:
      assumes has(word, WORD_HEALING);
      ensures unchanged(next);
      ensures \result == -EBUSY;
    behavior in_use:
      assumes !has(word, WORD_HEALING) && !has(word, WORD_POISONED);
      ensures unchanged(next);
      ensures \result == -EALREADY;
    behavior healing:
      assumes !has(word, WORD_HEALING) && has(word, WORD_POISONED);
      ensures \result == 0;
      ensures is(*next, without(flags_of(word), OUT_OF_USE) | WORD_HEALING,
		 pins_of(word), owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_heal_begin(word_t word, word_t *next);

/*@ requires \valid(next);
    assigns *next;
    behavior marked:
      assumes has(word, WORD_POISONED);
      ensures unchanged(next);
      ensures \result == -EAGAIN;
    behavior bad:
      assumes !has(word, WORD_POISONED) && bad;
      ensures \result == 0;
      ensures is(*next, without(flags_of(word), OUT_OF_USE) | WORD_POISONED,
		 pins_of(word), owner_of(word));
    behavior sound:
      assumes !has(word, WORD_POISONED) && !bad;
      ensures \result == 0;
      ensures is(*next, without(flags_of(word), OUT_OF_USE), pins_of(word), owner_of(word));
    complete behaviors;
    disjoint behaviors; */
static inline int word_heal_end(word_t word, bool bad, word_t *next);

/* --- Allocation ------------------------------------------------------------------------------- */

/*@ requires \valid(next);
    assigns *next;
    behavior used:
      assumes pins_of(word) != pins || without(flags_of(word), WORD_DIRTY) != 0;
      ensures unchanged(next);
      ensures \result == -EBUSY;
    behavior allocated:
      assumes pins_of(word) == pins && without(flags_of(word), WORD_DIRTY) == 0;
      ensures \result == 0;
      ensures is(*next, WORD_ALLOCATED, 0, 0);
    complete behaviors;
    disjoint behaviors; */
static inline int word_allocate(word_t word, uint32_t pins, word_t *next);

/*@ requires \valid(next);
    assigns *next;
    behavior not_allocated:
      assumes !has(word, WORD_ALLOCATED);
      ensures unchanged(next);
      ensures \result == -EINVAL;
    behavior held:
      assumes has(word, WORD_ALLOCATED) && (has(word, WORD_LOCKED) || pins_of(word) != 1);
      ensures unchanged(next);
      ensures \result == -EBUSY;
    behavior released:
      assumes has(word, WORD_ALLOCATED) && !has(word, WORD_LOCKED) && pins_of(word) == 1;
      ensures \result == 0;
      ensures is(*next, flags_of(word) & OUT_OF_USE, 0, 0);
    complete behaviors;
    disjoint behaviors; */
static inline int word_release(word_t word, word_t *next);

/*@ requires \valid(next);
    assigns *next;
    behavior not_allocated:
      assumes has(word, WORD_SPLIT) || !has(word, WORD_ALLOCATED);
      ensures unchanged(next);
      ensures \result == -EINVAL;
    behavior held:
      assumes !has(word, WORD_SPLIT) && has(word, WORD_ALLOCATED);
      assumes pins_of(word) != 0 || has(word, WORD_LOCKED);
      ensures unchanged(next);
      ensures \result == -EBUSY;
    behavior poisoned:
      assumes !has(word, WORD_SPLIT) && has(word, WORD_ALLOCATED) && has(word, OUT_OF_USE);
      assumes pins_of(word) == 0 && !has(word, WORD_LOCKED);
      ensures unchanged(next);
      ensures \result == -EIO;
    behavior reused:
      assumes !has(word, WORD_SPLIT) && has(word, WORD_ALLOCATED) && !has(word, OUT_OF_USE);
      assumes pins_of(word) == 0 && !has(word, WORD_LOCKED);
      ensures \result == 0;
      ensures is(*next, WORD_ALLOCATED, 0, 0);
    complete behaviors;
    disjoint behaviors; */
static inline int word_reuse(word_t word, word_t *next);

/*@ assigns \nothing;
    ensures is(\result, flags_of(word) & (WORD_LOCKED | OUT_OF_USE), pins_of(word), 0); */
static inline word_t word_disowned(word_t word);

/* --- Split and collapse ----------------------------------------------------------------------- */

/*@ assigns \nothing;
    ensures is(\result, without(flags_of(whole), WORD_LOCKED), 0, owner_of(whole)); */
static inline word_t word_inherited(word_t whole);

/*@ requires \valid(next);
    assigns *next;
    behavior absent:
      assumes has(word, WORD_ABSENT);
      ensures unchanged(next);
      ensures \result == -ENOENT;
    behavior split_before:
      assumes !has(word, WORD_ABSENT) && has(word, WORD_SPLIT);
      ensures unchanged(next);
      ensures \result == -EALREADY;
    behavior held:
      assumes !has(word, WORD_ABSENT) && !has(word, WORD_SPLIT);
      assumes has(word, WORD_LOCKED) || pins_of(word) != 0;
      ensures unchanged(next);
      ensures \result == -EBUSY;
    behavior split:
      assumes !has(word, WORD_ABSENT) && !has(word, WORD_SPLIT);
      assumes !has(word, WORD_LOCKED) && pins_of(word) == 0;
      ensures \result == 0;
      ensures table_of(*next) == table_of(table);
      ensures flags_of(*next) == (WORD_SPLIT | (flags_of(word) & WORD_POISONED));
      ensures nothing_to_inherit: flags_of(word) == 0 && owner_of(word) == 0 ==>
	      touched_of(*next) == 0;
      ensures something_to_inherit: flags_of(word) != 0 || owner_of(word) != 0 ==>
	      touched_of(*next) == 0xffff;
    complete behaviors;
    disjoint behaviors; */
static inline int word_split(word_t word, uintptr_t table, word_t *next);

/*@ assigns \nothing;
    ensures is(\result, without(flags_of(word), WORD_DIRTY), pins_of(word), owner_of(word)); */
static inline word_t word_kinship(word_t word);

/*@ assigns \nothing;
    behavior held:
      assumes pins_of(word) != 0 || has(word, WORD_LOCKED);
      ensures \result == -EBUSY;
    behavior poisoned:
      assumes pins_of(word) == 0 && !has(word, WORD_LOCKED) && has(word, OUT_OF_USE);
      ensures \result == -EIO;
    behavior kin:
      assumes pins_of(word) == 0 && !has(word, WORD_LOCKED) && !has(word, OUT_OF_USE);
      assumes without(flags_of(word), WORD_DIRTY) == without(flags_of(first), WORD_DIRTY);
      assumes pins_of(word) == pins_of(first) && owner_of(word) == owner_of(first);
      ensures \result == 0;
    behavior no_kin:
      assumes pins_of(word) == 0 && !has(word, WORD_LOCKED) && !has(word, OUT_OF_USE);
      assumes without(flags_of(word), WORD_DIRTY) != without(flags_of(first), WORD_DIRTY) ||
	      pins_of(word) != pins_of(first) || owner_of(word) != owner_of(first);
      ensures \result == -EBUSY;
    complete behaviors;
    disjoint behaviors; */
static inline int word_can_join(word_t word, word_t first);
