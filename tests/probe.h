/* SPDX-License-Identifier: BSD-2-Clause */
/* Touches an address that may not permit it, and says what came of it. */
#pragma once

#include "mm/compiler.h"

#include <stdint.h>

enum probe {
	PROBE_WORKED,
	PROBE_UNMAPPED,  /* a page fault: nothing is there */
	PROBE_FORBIDDEN, /* a page fault: something is there, but not for this */
	PROBE_TRAPPED,   /* anything else; the test has failed with it */
};

enum probe probe_load(const void *) must_check;

/* Stores the byte that is there already, so that nothing changes if it works. */
enum probe probe_store(const void *) must_check;

/* Calls it. What is there must be PROBE_CODE, which returns at once if it can be executed. */
enum probe probe_call(const void *) must_check;

#define PROBE_CODE 0xc3 /* ret */
