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

/* --- Operations, each in the steps of its C code --- */

#include "pages_pool.pml"
#include "pages_use.pml"
#include "pages_size.pml"
#include "pages_poison.pml"

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
