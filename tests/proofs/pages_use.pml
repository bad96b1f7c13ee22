/* SPDX-License-Identifier: BSD-2-Clause */
/* Of pages.pml: pins, allocation and release, as mm/page.c and mm/page_use.c. */

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
