/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The language of the contracts (page_word.c): the fields of a word, as numbers.
 *
 * Frama-C reasons over integers without bounds and knows little of their bits. The axioms at the
 * end give it what it lacks. None is taken on trust: facts.py turns each into bit vectors, and two
 * solvers decide it for all 64-bit words.
 */
#pragma once

#include <stdint.h>

/*@ logic integer low(integer w) = w & 0xfff;
    logic integer pins_of(integer w) = (w >> 12) & 0xfffff;
    logic integer owner_of(integer w) = w >> 32;
    logic integer table_of(integer w) = w & 0xfffffffff000;
    logic integer touched_of(integer w) = w >> 48; */

#define PINS_MAX      0xfffff
#define USER_PINS_MAX 0xffbff

/* Flags are sets. These are macros, so that WP's own rules for bits apply; low() is the same. */
#define flags_of(word)        ((word)&0xfff)
#define OUT_OF_USE            (WORD_POISONED | WORD_HEALING)
#define has(word, flag)       (((word) & (flag)) != 0)
#define without(flags, taken) ((flags) & (0xfff & ~(taken)))

/* All that a whole area's or a page's word says. */
#define is(word, flags, pins, owner) \
	(flags_of(word) == (flags) && pins_of(word) == (pins) && owner_of(word) == (owner))

/* Addresses repeat bit 47 above it. */
#define canonical(table) ((table) < 0x800000000000 ? (table) : (table) + 0xffff000000000000)

#define unchanged(next) *(next) == \old(*(next))

/*@ axiomatic words {
    // A word is the sum of its fields.
    axiom sum: \forall uint64_t w;
	w == low(w) + 4096 * pins_of(w) + 4294967296 * owner_of(w);
    axiom low_range: \forall uint64_t w; 0 <= low(w) <= 0xfff;
    axiom pins_range: \forall uint64_t w; 0 <= pins_of(w) <= 0xfffff;
    axiom owner_range: \forall uint64_t w; 0 <= owner_of(w) <= 0xffffffff;

    // Tests of several fields or flags at once.
    axiom pins_alone: \forall uint64_t w; ((w & 0xfffff000) >> 12) == pins_of(w);
    axiom pins_not_full: \forall uint64_t w;
	((uint32_t)(w) < 0xffbff000) <==> (pins_of(w) < 0xffbff);
    axiom flags_but_dirty: \forall uint64_t w;
	(w & 0xfffffff7) == (w & 0xff7) + 4096 * pins_of(w) && 0 <= (w & 0xff7);
    axiom three_flags: \forall uint64_t w;
	((w & 0x151) == 0) <==> ((w & 0x01) == 0 && (w & 0x110) == 0 && (w & 0x40) == 0);
    axiom not_locked: \forall uint64_t w; (w & 4) == 0 ==> (w & 0xffb) == (w & 0xfff);
    axiom other_mark: \forall uint64_t w, z; z <= 0xfff ==>
	low((w & 0xfffffffffffffeef) | z) == ((w & 0xeef) | z) &&
	pins_of((w & 0xfffffffffffffeef) | z) == pins_of(w) &&
	owner_of((w & 0xfffffffffffffeef) | z) == owner_of(w);

    // A carry does not reach the owner, in the two forms that the provers find.
    axiom one_pin: \forall uint64_t v, w; v - w == 4096 ==>
	(pins_of(w) < 0xfffff || pins_of(v) > 0) ==>
	low(v) == low(w) && pins_of(v) == pins_of(w) + 1 && owner_of(v) == owner_of(w);
    axiom one_more_pin: \forall uint64_t w; pins_of(w) < 0xfffff ==>
	low((uint64_t)(w + 4096)) == low(w) &&
	pins_of((uint64_t)(w + 4096)) == pins_of(w) + 1 &&
	owner_of((uint64_t)(w + 4096)) == owner_of(w);

    // What is left under a mask.
    axiom clear_flags: \forall uint64_t w, m; 0xfffffffffffff000 <= m ==>
	pins_of(w & m) == pins_of(w) && owner_of(w & m) == owner_of(w);
    axiom clear_owner: \forall uint64_t w, m; 0xfffff000 <= m ==> m <= 0xffffffff ==>
	pins_of(w & m) == pins_of(w) && owner_of(w & m) == 0;
    axiom clear_pins: \forall uint64_t w, m;
	0xffffffff00000000 <= m ==> m <= 0xffffffff00000fff ==>
	pins_of(w & m) == 0 && owner_of(w & m) == owner_of(w);
    axiom keep_flags: \forall uint64_t w, m; m <= 0xfff ==>
	low(w & m) == (w & m) && pins_of(w & m) == 0 && owner_of(w & m) == 0 &&
	0 <= (w & m) <= m;

    // What is put together.
    axiom flags_or: \forall uint64_t a, z; a <= 0xfff ==>
	low(a | z) == (a | low(z)) && pins_of(a | z) == pins_of(z) &&
	owner_of(a | z) == owner_of(z) && table_of(a | z) == table_of(z) &&
	touched_of(a | z) == touched_of(z) && 0 <= (a | z) <= 0xffffffffffffffff;
    axiom or_flags: \forall uint64_t a, z; z <= 0xfff ==>
	low(a | z) == (low(a) | z) && pins_of(a | z) == pins_of(a) &&
	owner_of(a | z) == owner_of(a) && table_of(a | z) == table_of(a) &&
	touched_of(a | z) == touched_of(a) && 0 <= (a | z) <= 0xffffffffffffffff;
    axiom owner_or: \forall uint64_t w, o; o <= 0xffffffff ==>
	low((w & 0xffffffff) | (uint64_t)(o << 32)) == low(w) &&
	pins_of((w & 0xffffffff) | (uint64_t)(o << 32)) == pins_of(w) &&
	owner_of((w & 0xffffffff) | (uint64_t)(o << 32)) == o;

    // The word of a split area.
    axiom split_word: \forall uint64_t n, w, t; n % 0x1000000000000 == 0 ==>
	low(n | (w & 0x10) | (t & 0xfffffffff000) | 1) == ((w & 0x10) | 1) &&
	table_of(n | (w & 0x10) | (t & 0xfffffffff000) | 1) == table_of(t) &&
	touched_of(n | (w & 0x10) | (t & 0xfffffffff000) | 1) == touched_of(n);
    axiom touched_none: touched_of(0) == 0;
    axiom touched_all: touched_of(0xffff000000000000) == 0xffff;
    axiom touch_one: \forall uint64_t s; 48 <= s ==> s <= 63 ==>
	low((uint64_t)(1 << s)) == 0 && table_of((uint64_t)(1 << s)) == 0 &&
	touched_of((uint64_t)(1 << s)) == (1 << (s - 48));
    axiom low_table: \forall uint64_t w; table_of(w) < 0x800000000000 ==>
	((uint64_t)((int64_t)(w << 16) >> 16) & 0xfffffffffffff000) == table_of(w);
    axiom high_table: \forall uint64_t w; table_of(w) >= 0x800000000000 ==>
	((uint64_t)((int64_t)(w << 16) >> 16) & 0xfffffffffffff000) ==
	table_of(w) + 0xffff000000000000;
    }
*/
