/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the registered tests and writes the report: KTAP, from the plan to the end marker.
 *
 * The suite `options` comes first and always runs: a run whose options were not understood, or
 * that selects no test, must not look like a good one.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

struct test_run {
	/*
	 * Comma-separated globs (* and ?) of suites, or of suite.test; NULL or "": all. The suites
	 * `fault`, of tests that go wrong on purpose, and `cost`, which needs a machine of its own,
	 * are selected only by a pattern that spells their name out.
	 */
	const char *tests;
	uint64_t seed;
	unsigned repeat;  /* how often each test runs, 1 or more, each time with another seed */
	unsigned timeout; /* seconds that a test may go on without progress */
	const char *const *complaints; /* option errors: each one is a failure; NULL-terminated */
	void (*describe)(void); /* writes what was found, as "# key=value" lines, after the plan */
	void (*after_test)(void); /* writes what was noticed meanwhile, as drivers do; or NULL */
};

enum verdict {
	VERDICT_PASSED,
	VERDICT_FAILED,
	VERDICT_SKIPPED, /* every selected test was skipped */
};

enum verdict run_tests(const struct test_run *) must_check;

/*
 * Ends the report of a run that cannot go on: the running test, if there is one, has failed, and
 * no end marker follows. Does not return a verdict, for the caller leaves the machine or the
 * process. From any context, an interrupt included; allocates nothing.
 */
void run_abort(const char *why);
