/* SPDX-License-Identifier: BSD-2-Clause */
/* Of pages.pml: split and collapse, as mm/page_size.c. */

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
