/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the registered tests and writes the report: KTAP, from the plan to the end marker. */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

struct test_run {
	const char *tests; /* comma-separated globs of suites or suite.test; NULL or "": all */
	uint64_t seed;
	unsigned repeat;  /* how often each test runs, 1 or more, each time with another seed */
	unsigned timeout; /* seconds that a test may go on without progress */
	const char *const *complaints; /* option errors: each one is a failure; NULL-terminated */
	void (*describe)(void); /* writes what was found, as "# key=value" lines, after the plan */
};

enum verdict {
	VERDICT_PASSED,
	VERDICT_FAILED,
	VERDICT_SKIPPED, /* every test was skipped */
};

enum verdict run_tests(const struct test_run *) must_check;
