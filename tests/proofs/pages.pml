/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split, collapse, pins and poison against each other: the protocol of mm/page.c, for spin.
 *
 * Two areas of two pages share one table or two, so that a table moves from one area to the other
 * while somebody still looks through it. Each CPU does any of its operations on any frame, again
 * and again. A step is one access to shared memory, as in the C code: a load, or an instruction
 * with a lock prefix. Only area 0 has memory that goes bad, which keeps the states few.
 * docs/proofs.md says why their interleavings are all that x86 can do.
 *
 * What is not memory but only known here ("ghosts") counts what the CPUs believe; CHECK compares
 * that with the words after every step. BREAK_... leaves out one precaution, and the
 * checker must then find a violation.
 */

#ifndef TABLES
#define TABLES 1
#endif

/* Frames that go bad: of area 0, from its first on. */
#ifndef BAD
#define BAD 2
#endif

/* What each CPU does: sets of operations. */
#define PINNING    1
#define ALLOCATING 2
#define RESIZING   4
#define POISONING  8
#define HEALS      16

#ifndef CPU0
#define CPU0 PINNING
#endif
#ifndef CPU1
#define CPU1 RESIZING
#endif
#ifndef CPU2
#define CPU2 POISONING
#endif

/* A word, as in mm/page_word.h, but with small fields. */
#define PIN        1
#define PINS       7
#define POISONED   8
#define SPLIT      16
#define COLLAPSING 32
#define HEALING    32                   /* in the word of a page; COLLAPSING of a split area */
#define ALLOCATED  64
#define TABLE      128
#define TOUCHED    768                  /* a bit for each page */
#define touched(p) (256 << (p))

#define OUT_OF_USE (POISONED | HEALING)

short area[2];                /* the word of each area */
byte word[2 * TABLES];        /* two words in each table */
bool pool[TABLES];            /* tables that no area has, for all CPUs, */
byte hand[TABLES];            /* or at hand for one: its number + 1 */
bool known[4];                /* mm/bad_frames.h: frames that are bad */

#define table_of(seen)    (((seen) & TABLE) / TABLE)
#define split_by(t)       ((t) * TABLE + SPLIT)
#define at(t, p)          ((t) * 2 + (p))
#define names(a, t)       ((area[a] & SPLIT) && table_of(area[a]) == (t))

/* --- Ghosts and what is claimed of them --- */

byte pins_whole[2];           /* pins that their holders were told they have: of an area, */
byte pins_small[4];           /* of a page, */
byte pins_astray[2 * TABLES]; /* and those in tables that nobody relies on yet */
bool bad[4];                  /* frames that were poisoned, until somebody heals them, */
bool used[4];                 /* and allocated */
byte poisoners;               /* CPUs that poison, heal or sort */
byte was_bad[3];              /* a CPU began to pin this frame + 1 when it was bad */

#define frame(a, p) ((a) * 2 + (p))
#define iff(x, y)   ((x) && (y) || !(x) && !(y))

/* A bad frame's page is out of use; and when nobody works at it, only a bad frame's page is. */
#define POISON_OK(word, bad, known) ((!(bad) || ((word) & OUT_OF_USE)) && \
	(poisoners || !((word) & HEALING) && iff((word) & POISONED, known)))

/* A whole area has the pins that were given on it, no others, and no page of its own is pinned. */
#define WHOLE_OK(a) ((area[a] & PINS) == pins_whole[a] && \
	!pins_small[frame(a, 0)] && !pins_small[frame(a, 1)] && \
	POISON_OK(area[a], bad[frame(a, 0)] || bad[frame(a, 1)], \
		  known[frame(a, 0)] || known[frame(a, 1)]) && \
	iff(area[a] & ALLOCATED, used[frame(a, 0)]) && iff(area[a] & ALLOCATED, used[frame(a, 1)]))

#define PAGE_OK(a, p) ( \
	POISON_OK(word[at(table_of(area[a]), p)], bad[frame(a, p)], known[frame(a, p)]) && \
	((area[a] & touched(p)) || !(word[at(table_of(area[a]), p)] & ~PINS)) && \
	((area[a] & touched(p)) || !pins_small[frame(a, p)]) && \
	iff(word[at(table_of(area[a]), p)] & ALLOCATED, used[frame(a, p)]))

#define SPLIT_OK(a) (!pins_whole[a] && !pool[table_of(area[a])] && !hand[table_of(area[a])] && \
	PAGE_OK(a, 0) && PAGE_OK(a, 1))

#define AREA_OK(a) ((area[a] & SPLIT) -> SPLIT_OK(a) : WHOLE_OK(a))

/* No pin is lost or left, wherever the table is; out of use it is zero but for pins astray. */
#define WORD_OK(t, p) ((word[at(t, p)] & PINS) == pins_astray[at(t, p)] + \
	(names(0, t) -> pins_small[frame(0, p)] : 0) + (names(1, t) -> pins_small[frame(1, p)] : 0))

#define TABLE_OK(t) (WORD_OK(t, 0) && WORD_OK(t, 1) && !(names(0, t) && names(1, t)) && \
	(!pool[t] || (!hand[t] && word[at(t, 0)] == SPLIT && !(word[at(t, 1)] & ~PINS))) && \
	(!hand[t] || (!(word[at(t, 0)] & ~PINS) && !(word[at(t, 1)] & ~PINS))))

#if TABLES == 1
#define CHECK assert(AREA_OK(0)); assert(AREA_OK(1)); assert(TABLE_OK(0))
#else
#define CHECK assert(AREA_OK(0)); assert(AREA_OK(1)); assert(TABLE_OK(0)); assert(TABLE_OK(1))
#endif

/* --- Steps --- */

/*
 * Each CPU waits here for its turn before it touches memory and does all else at once: what is
 * between two steps concerns nobody. What an operation begins with, `idle` CPUs do right away.
 */
chan turn = [0] of { byte }

#define step if :: idle -> idle = false :: else -> turn?eval(me) fi

active proctype scheduler()
{
	atomic {
		do
		:: CHECK;
end:		   if
		   :: turn!0
		   :: turn!1
		   :: turn!2
		   fi
		od
	}
}

#define load(from, to) step; to = from

/* A compare-and-swap, and what its success means. `found` says whether it succeeded. */
#define cas(where, expected, desired, meaning) step;                 \
	if                                                           \
	:: where == expected ->                                      \
		where = desired; found = true; meaning               \
	:: else -> expected = where; found = false                   \
	fi

#define add(where, amount) step; where = where + (amount)

#define drop_pin(where, count) step; \
	assert(where & PINS); assert(count); where = where - PIN; count--

/*
 * --- The pool: a table waits there with a mark in its first word that keeps pins out, or at hand
 * for one CPU without it. Poisoning, which may interrupt that CPU, leaves it alone. ---
 */

#define NONE 2

#define FOR_SPLIT  false
#define FOR_POISON true

inline table_get(t, use)
{
	if
	:: !use && hand[0] == me + 1 -> hand[0] = 0; t = 0
#if TABLES == 2
	:: !use && hand[1] == me + 1 -> hand[1] = 0; t = 1
#endif
	:: else -> table_pop(t)
	fi
}

inline table_pop(t)
{
	step;
	if
	:: pool[0] -> pool[0] = false; t = 0
#if TABLES == 2
	:: pool[1] -> pool[1] = false; t = 1
#endif
	:: else -> t = NONE
	fi;
	if
	:: t != NONE -> step; word[at(t, 0)] = 0
	:: else
	fi
}

/* It keeps the table or not, as it likes. */
inline table_put(t, use)
{
	if
	:: !use -> hand[t] = me + 1
	:: table_push(t)
	fi;
	t = NONE
}

inline table_push(t)
{
	step;
#ifndef BREAK_PUT
	word[at(t, 0)] == 0; /* A pin that went astray is about to leave. */
#endif
	word[at(t, 0)] = SPLIT;
	step; pool[t] = true
}

/* When tables run out elsewhere, or nothing is to be done. */
inline table_flush()
{
	t = (hand[0] == me + 1 -> 0 : 1);
	hand[t] = 0;
	table_push(t);
	t = NONE
}

/* --- pin(), page_unpin() --- */

/* `got`: WHOLE or SMALL with a pin, 0 without. */
#define WHOLE 1
#define SMALL 2

#define my_word word[at(table_of(seen), p)]
#define astray  pins_astray[at(table_of(seen), p)]

/* In the same reading as the second look at the table. */
#ifdef BREAK_TOUCHED
#define STILL_TOUCHED(word) true
#else
#define STILL_TOUCHED(word) ((word) & touched(p))
#endif

/* With `holding` it applies word_hold, otherwise word_pin. */
inline pin(holding)
{
	do
	:: load(area[a], seen);
	   if
	   :: !(seen & SPLIT) && (seen & OUT_OF_USE) && !holding -> break
	   :: !(seen & SPLIT) && (holding || !(seen & OUT_OF_USE)) ->
		cas(area[a], seen, seen + PIN, pins_whole[a]++; got = WHOLE);
		if
		:: found -> break
		:: else
		fi
	   :: (seen & SPLIT) && (seen & COLLAPSING)
	   :: (seen & SPLIT) && !(seen & COLLAPSING) ->
		load(my_word, old);
		if
		:: old & SPLIT
		:: !(old & SPLIT) && (old & OUT_OF_USE) && !holding ->
			look_again();
			if
			:: found -> break
			:: else
			fi
		:: !(old & SPLIT) && (holding || !(old & OUT_OF_USE)) && !(seen & touched(p)) ->
			cas(area[a], seen, seen | touched(p), skip)
		:: !(old & SPLIT) && (holding || !(old & OUT_OF_USE)) && (seen & touched(p)) ->
			cas(my_word, old, old + PIN, astray++);
			if
			:: found -> look_again(); found = found && STILL_TOUCHED(area[a]); keep_or_drop()
			:: else
			fi;
			if
			:: got -> break
			:: else
			fi
		fi
	   fi
	od;
	seen = 0; old = 0; found = false
}

/* still_split() */
inline look_again()
{
#ifdef BREAK_RECHECK
	found = true
#else
	step; found = ((area[a] ^ seen) & ~(POISONED | TOUCHED)) == 0 && !(area[a] & COLLAPSING)
#endif
}

/* The pin is where it belongs if the second look found that. */
inline keep_or_drop()
{
	if
	:: found -> astray--; pins_small[frame(a, p)]++; got = SMALL
	:: else -> drop_pin(my_word, astray)
	fi
}

/* held_word(): the area's word is of the size that the handle has, or the kernel panics. */
inline held_word()
{
	load(area[a], seen);
	assert(iff(got == SMALL, seen & SPLIT))
}

inline unpin()
{
	held_word();
	if
	:: got == WHOLE ->
		step; found = (area[a] & POISONED) != 0; pins_whole[a]--; area[a] = area[a] - PIN;
		got = 0;
		if
		:: found -> split_area(FOR_POISON); error = 0
		:: else
		fi
	:: got == SMALL -> drop_pin(my_word, pins_small[frame(a, p)])
	fi
}

/* --- page_allocate(), page_release(): by the only pin, which goes with it --- */

#define FREE(w) (((w) & (PINS | OUT_OF_USE | SPLIT | ALLOCATED)) == PIN)
#define USED(w) (((w) & (PINS | SPLIT | ALLOCATED)) == (PIN | ALLOCATED))

inline allocate_or_release()
{
	held_word();
	load((got == WHOLE -> area[a] : my_word), old);
	if
	:: FREE(old) || USED(old) -> change_use(ALLOCATED - (old & ALLOCATED))
	:: else -> found = false
	fi;
	if
	:: found
	:: else -> unpin()
	fi
}

inline change_use(use)
{
	if
	:: got == WHOLE ->
		cas(area[a], old, (old & OUT_OF_USE) + use, pins_whole[a]--;
		    used[frame(a, 0)] = !used[frame(a, 0)]; used[frame(a, 1)] = !used[frame(a, 1)])
	:: got == SMALL ->
		cas(my_word, old, (old & OUT_OF_USE) + use, pins_small[frame(a, p)]--;
		    used[frame(a, p)] = !used[frame(a, p)])
	fi
}

/* --- page_split() --- */

#define NOMEM 1
#define BUSY  2

inline split_area(use)
{
	load(area[a], seen);
	do
	:: (seen & SPLIT) || (seen & PINS) ->
		error = ((seen & SPLIT) -> 0 : BUSY);
		if
		:: t != NONE -> table_put(t, use)
		:: else
		fi;
		break
	:: !(seen & SPLIT) && !(seen & PINS) && t == NONE ->
		table_get(t, use);
		if
		:: t == NONE -> error = NOMEM; break
		:: else
		fi
	:: !(seen & SPLIT) && !(seen & PINS) && t != NONE ->
		inherited = seen;
		fill(inherited);
		cas(area[a], seen, split_by(t) + (seen & POISONED) + (inherited -> TOUCHED : 0),
		    poisoners = poisoners + ((inherited & POISONED) -> 1 : 0));
		if
		:: found && (inherited & POISONED) -> sort(); poisoners--; break
		:: found && !(inherited & POISONED) -> break
		:: else -> fill(-inherited & 255)
		fi
	od;
	t = NONE; seen = 0; old = 0; inherited = 0; found = false
}

inline fill(amount)
{
	if
	:: amount ->
#ifdef BREAK_FILL
		step; word[at(t, 0)] = amount;
		step; word[at(t, 1)] = amount
#else
		add(word[at(t, 0)], amount);
		add(word[at(t, 1)], amount)
#endif
	:: else
	fi
}

/* --- page_collapse() --- */

inline collapse()
{
	load(area[a], seen);
	if
	:: (seen & SPLIT) && !(seen & COLLAPSING) ->
		t = table_of(seen);
		set_mark();
		if
		:: found -> join(); leave_or_stay()
		:: else
		fi
	:: else
	fi;
	t = NONE; seen = 0; old = 0; joined = 0; error = 0; found = false
}

inline set_mark()
{
#ifdef BREAK_MARK
	found = true
#else
	cas(area[a], seen, (seen & ~POISONED) | COLLAPSING, seen = (seen & ~POISONED) | COLLAPSING)
#endif
}

/* Are all words zero? If not, is each idle and like the first? */
inline join()
{
	load(word[at(t, 0)], first);
	if
	:: seen & touched(0) -> load(word[at(t, 0)], joined)
	:: else
	fi;
	if
	:: seen & touched(1) -> step; joined = joined | word[at(t, 1)]
	:: else
	fi;
	if
	:: joined -> joined = 0; survey(0); survey(1)
	:: else
	fi;
	first = 0
}

inline survey(i)
{
	if
	:: !error ->
		load(word[at(t, i)], old);
		error = ((old & (PINS | OUT_OF_USE)) || old != first -> BUSY : 0);
		joined = joined | old
	:: else
	fi
}

inline leave_or_stay()
{
	found = false;
	if
	:: !error -> cas(area[a], seen, joined, skip)
	:: else
	fi;
	if
	:: found -> clear(0); clear(1); table_put(t, FOR_SPLIT)
	:: else -> step; area[a] = area[a] & ~COLLAPSING
	fi
}

inline clear(i)
{
	if
	:: joined ->
		load(word[at(t, i)], old);
		old = old & ~PINS;
		if
#ifdef BREAK_CLEAR
		:: old -> step; word[at(t, i)] = 0
#else
		:: old -> add(word[at(t, i)], -old & 255)
#endif
		:: else
		fi
	:: else
	fi
}

/* --- page_poison() --- */

#ifdef BREAK_POISON
#define MARKS(p) touched(p)
#else
#define MARKS(p) (POISONED + touched(p))
#endif

/* hold(): of a page, and if `whole`, of an area too. */
inline hold(whole)
{
	do
	:: load(area[a], seen);
	   if
	   :: !(seen & SPLIT) && !whole -> break
	   :: !(seen & SPLIT) && whole ->
		cas(area[a], seen, seen + PIN, pins_whole[a]++; got = WHOLE);
		if
		:: found -> break
		:: else
		fi
	   :: (seen & SPLIT) && (seen & MARKS(p)) != MARKS(p) ->
		cas(area[a], seen, seen | MARKS(p), skip)
	   :: (seen & SPLIT) && (seen & MARKS(p)) == MARKS(p) ->
		load(my_word, old);
		if
		:: old & SPLIT
		:: else ->
			cas(my_word, old, old + PIN, astray++);
			if
			:: found ->
				step; found = ((area[a] ^ seen) & ~(COLLAPSING | TOUCHED)) == 0 &&
					      STILL_TOUCHED(area[a]);
				keep_or_drop()
			:: else
			fi;
			if
			:: got -> break
			:: else
			fi
		fi
	   fi
	od
}

inline poison()
{
#ifndef BREAK_NOTE
	step; known[frame(a, p)] = true;
#endif
	split_area(FOR_POISON); error = 0;
	hold(true);
	/* Unless somebody heals it at the same time. */
	step; bad[frame(a, p)] = known[frame(a, p)];
	if
	:: got == WHOLE -> area[a] = area[a] | POISONED
	:: got == SMALL -> my_word = my_word | POISONED
	fi;
#ifdef BREAK_NOTE
	step; known[frame(a, p)] = true; bad[frame(a, p)] = true;
#endif
#ifndef BREAK_HEALED
	step;
	if
	:: !known[frame(a, p)] -> heal_page()
	:: else
	fi;
#endif
	unpin()
}

/* --- page_unpoison(), poison_sort() --- */

inline unpoison()
{
	step; known[frame(a, p)] = false; bad[frame(a, p)] = false;
	nobody_was_bad(0); nobody_was_bad(1); nobody_was_bad(2);
	pin(true);
	seen = area[a];
	heal_page();
	unpin()
}

/* Who pins the frame now may succeed. */
inline nobody_was_bad(cpu)
{
	was_bad[cpu] = (was_bad[cpu] == frame(a, p) + 1 -> 0 : was_bad[cpu])
}

/* It holds page 0: the area was poisoned in whole and is split. */
inline sort()
{
	q = p;
	p = 0;
	hold(false);
	if
	:: got ->
		heal(word[at(table_of(seen), 0)], 0);
		heal(word[at(table_of(seen), 1)], 1);
		drop_pin(my_word, pins_small[frame(a, 0)])
	:: else
	fi;
	p = q; q = 0; got = 0
}

inline heal_page()
{
	if
	:: got == WHOLE -> heal(area[a], 0)
	:: got == SMALL -> heal(my_word, p)
	fi
}

/* word_heal_begin(), once one is to look: whoever comes second, makes the first look again. */
#ifdef BREAK_TURN
#define looking(w) false
#else
#define looking(w) ((w) & HEALING)
#endif

/* A transition that a loop applies until the exchange succeeds is one step: the exchange that did. */
inline heal(where, i)
{
	step;
	if
	:: !(where & OUT_OF_USE)
	:: looking(where) -> where = where | POISONED
	:: (where & OUT_OF_USE) && !looking(where) ->
		where = (where & ~POISONED) | HEALING;
		look(where, i)
	fi
}

#ifdef BREAK_HEAL
#define marked(w) false
#else
#define marked(w) ((w) & POISONED)
#endif

/* Ends when nobody marked the page while this looked. */
inline look(where, i)
{
	do
	:: look_for_bad(i);
	   step;
	   if
	   :: marked(where) -> where = where & ~POISONED
	   :: else -> where = (where & ~OUT_OF_USE) | (error -> POISONED : 0); break
	   fi
	od;
	error = 0
}

/* bad_frames_may_have() of page i, or of the whole area that is held. */
inline look_for_bad(i)
{
	step; error = known[frame(a, i)];
	if
	:: got == WHOLE && !error -> step; error = known[frame(a, 1)]
	:: else
	fi
}

/* --- The CPUs --- */

inline choose_page()
{
	if
	:: p = 0
	:: p = 1
	fi
}

inline choose_bad()
{
	a = 0;
	if
	:: p = 0
#if BAD == 2
	:: p = 1
#endif
	fi
}

/* A page that is poisoned when a pin begins is not pinned. */
inline try_pin()
{
	choose_page();
	was_bad[me] = (bad[frame(a, p)] -> frame(a, p) + 1 : 0);
	pin(false);
	assert(!got || !was_bad[me]);
	was_bad[me] = 0
}

proctype cpu(byte me; byte can)
{
	bit a, p, q;                     /* the frame, and a page to come back to */
	short seen, old, joined;         /* words */
	byte first, inherited;
	byte t = NONE;
	byte got, error;
	bool found, idle;

	atomic {
end:		do
		:: turn?eval(me);
		   idle = true;
		   if
		   :: a = 0
		   :: a = 1
		   fi;
		   if
		   :: can & PINNING -> try_pin();
			if
			:: got -> unpin()
			:: else
			fi
		   :: can & ALLOCATING -> try_pin();
			if
			:: got -> allocate_or_release()
			:: else
			fi
		   :: can & ALLOCATING -> choose_page(); pin(true); allocate_or_release()
		   :: can & RESIZING -> split_area(FOR_SPLIT); error = 0
		   :: can & RESIZING -> collapse()
		   :: hand[0] == me + 1 -> table_flush()
#if TABLES == 2
		   :: hand[1] == me + 1 -> table_flush()
#endif
		   :: can & POISONING -> choose_bad(); poisoners++; poison(); poisoners--
		   :: can & HEALS -> choose_bad(); poisoners++; unpoison(); poisoners--
		   fi;
		   got = 0; seen = 0; old = 0; found = false; a = 0; p = 0
		od
	}
}

init
{
	atomic {
		pool[0] = true;
		word[at(0, 0)] = SPLIT;
#if TABLES == 2
		pool[1] = true;
		word[at(1, 0)] = SPLIT;
#endif
		if
		:: area[0] = ALLOCATED; used[frame(0, 0)] = true; used[frame(0, 1)] = true
		:: area[1] = ALLOCATED; used[frame(1, 0)] = true; used[frame(1, 1)] = true
		fi;
		run cpu(0, CPU0);
		run cpu(1, CPU1);
		run cpu(2, CPU2)
	}
}
