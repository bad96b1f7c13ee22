/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs one test: its repetitions, its cleanups, and the check afterwards that it left the page map
 * sound and everything where it was. What a test says by tests/test.h lands here.
 */
#pragma once

#include "tests/harness/run.h"
#include "tests/test.h"

enum result {
	RESULT_PASS,
	RESULT_FAIL,
	RESULT_SKIP,
};

const char *result_name(enum result);

/*
 * Prints the diagnostics, not the result. Repeats until the test fails, skips, or has run as often
 * as asked; notes and measurements are those of the last repetition.
 */
enum result test_execute(const struct test *, const struct test_run *) must_check;

/* Why the last test was skipped; valid until the next one. */
const char *test_skip_reason(void);
