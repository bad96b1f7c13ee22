/* SPDX-License-Identifier: BSD-2-Clause */
/* Of pages.pml: tables that no area has, as mm/table_pool.c. */

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
