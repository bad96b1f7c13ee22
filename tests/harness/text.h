/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that the harness works on: the patterns that select tests, and what a line may hold. */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* Whether the whole name fits the pattern: * is any run of characters, ? is any one. */
bool glob_match(const char *pattern, size_t length, const char *name) must_check;

/*
 * Whether one pattern selects a test. "page" and "page.*" mean the suite, "page.split*" some of
 * its tests; each side of the first dot is matched alone. The suite `fault` goes wrong on purpose
 * and `cost` needs a machine of its own, so only their names spelled out select them.
 */
bool pattern_selects(const char *pattern, size_t length, const char *suite,
		     const char *name) must_check;

/*
 * Takes the first pattern off a comma-separated list and gives its start and length; NULL at the
 * end of the list.
 */
const char *pattern_next(const char **list, size_t *length) must_check;

/* Whether any pattern of the list does. NULL or "" selects all that "*" does. */
bool list_selects(const char *list, const char *suite, const char *name) must_check;

/*
 * Makes text of unknown origin fit for the report, in place and without changing its length: what
 * is not printable ASCII becomes '?', and so does the first character of every phrase by which a
 * reader of the report would take the line for something else.
 */
void text_clean(char *text);
