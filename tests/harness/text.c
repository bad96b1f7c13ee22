/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/text.h"

#include <string.h>

/* What readers of KTAP and of the markers act upon, wherever in a line it stands. */
static const char *const phrases[] = {
	"BIFOLD-TEST-", "TAP version",   "Subtest:",
	"R name=",      "Bail out!",     "SUMMARY:",
	"Totals:",      "Kernel panic ", "List of all partitions:",
	"reboot: ",
};

/* Suites that no glob means. */
static const char *const suites_by_name[] = {"btt_linux", "cost",         "disk_faults",
					     "fault",     "generation",   "peer",
					     "power_btt", "power_faults", "power_pmem"};

bool glob_match(const char *pattern, size_t length, const char *name)
{
	size_t at = 0;
	size_t star = SIZE_MAX;       /* the last star seen, */
	const char *star_name = NULL; /* and up to where it has eaten the name */

	while (*name != '\0') {
		if (at < length && pattern[at] == '*') {
			star = at++;
			star_name = name;
		} else if (at < length && (pattern[at] == '?' || pattern[at] == *name)) {
			at++;
			name++;
		} else if (star != SIZE_MAX) {
			at = star + 1;
			name = ++star_name;
		} else {
			return false;
		}
	}
	while (at < length && pattern[at] == '*')
		at++;
	return at == length;
}

static bool runs_by_name_only(const char *suite)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites_by_name); i++)
		if (strcmp(suite, suites_by_name[i]) == 0)
			return true;
	return false;
}

bool pattern_selects(const char *pattern, size_t length, const char *suite, const char *name)
{
	const char *dot = memchr(pattern, '.', length);
	size_t suite_length = dot != NULL ? (size_t)(dot - pattern) : length;

	if (runs_by_name_only(suite) &&
	    (suite_length != strlen(suite) || memcmp(pattern, suite, suite_length) != 0))
		return false;
	if (!glob_match(pattern, suite_length, suite))
		return false;
	return dot == NULL || glob_match(dot + 1, length - suite_length - 1, name);
}

const char *pattern_next(const char **list, size_t *length)
{
	const char *pattern = *list;

	if (pattern == NULL)
		return NULL;
	*length = strcspn(pattern, ",");
	*list = pattern[*length] == ',' ? pattern + *length + 1 : NULL;
	return pattern;
}

bool list_selects(const char *list, const char *suite, const char *name)
{
	const char *rest = list == NULL || *list == '\0' ? "*" : list;
	const char *pattern;
	size_t length;

	while ((pattern = pattern_next(&rest, &length)) != NULL)
		if (pattern_selects(pattern, length, suite, name))
			return true;
	return false;
}

void text_clean(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++)
		for (char *at = text; (at = strstr(at, phrases[i])) != NULL; at++)
			*at = '?';
}
