/* SPDX-License-Identifier: BSD-2-Clause */
/* Of pages.pml: memory that goes bad and is healed, as mm/poison.c. */

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
