/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another CPU comes between: two operations of mm/ in every order that matters.
 *
 * CPUs meet in atomic accesses only. In this build each of them, in mm/, is a point at which a
 * test can let another CPU do a whole operation:
 *
 *	for (unsigned at = 0; step_between(split, pin, at); at++)
 *		...what must hold after both...
 *
 * No threads are needed, so each run repeats the last. What it cannot show are orders in which the
 * CPUs take turns more than once; the suite `stress` and the model (docs/proofs.md) are for these.
 */
#pragma once

#include <stdbool.h>

#include "mm/compiler.h"

/*
 * Runs operation() on CPU 0 and, at its point number `at`, other() as CPU 1: from start to end, or,
 * if it waits for what operation() has begun, until then and the rest afterwards. The first visits
 * of an instruction are points, so that a loop is not one for each round.
 * False: there are fewer points, and operation() ran alone. None of the two may leave the test.
 */
bool step_between(void (*operation)(void), void (*other)(void), unsigned at) must_check;
