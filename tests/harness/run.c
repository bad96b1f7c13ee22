/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/run.h"

#include "mm/host.h"
#include "mm/table_pool.h"
#include "tests/harness/execute.h"
#include "tests/harness/report.h"
#include "tests/harness/text.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TESTS_MAX = 2048 };

/* KTAP's levels. */
enum { IN_RUN, IN_SUITE };

struct totals {
	unsigned pass, fail, skip;
};

/* The linker's names for the two ends of what TEST() registers. */
extern const struct test *const __start_testcases[];
extern const struct test *const __stop_testcases[];

static const struct test_run *this_run;

/* The tests of this run, in their order. */
static const struct test *chosen[TESTS_MAX];
static size_t nr_chosen;

/* Of these nothing has been chosen by tests=. */
static void all_options_understood(void);
static void tests_option_selects_something(void);

static const struct test always[] = {
	{"options", "understood", __FILE__, __LINE__, all_options_understood},
	{"options", "select_something", __FILE__, __LINE__, tests_option_selects_something},
};

/* The result line that the report waits for; what run_abort() must answer. */
static const struct test *awaited;
static unsigned awaited_number;

static void all_options_understood(void)
{
	for (const char *const *text = this_run->complaints; text != NULL && *text != NULL; text++)
		fail("%s", *text);
}

static bool selects_any(const char *pattern, size_t length)
{
	for (size_t i = 0; i < nr_chosen; i++)
		if (pattern_selects(pattern, length, chosen[i]->suite, chosen[i]->name))
			return true;
	return false;
}

static void tests_option_selects_something(void)
{
	const char *rest = this_run->tests;
	const char *pattern;
	size_t length;

	expect(nr_chosen > ARRAY_SIZE(always));
	if (rest == NULL || *rest == '\0')
		return;
	while ((pattern = pattern_next(&rest, &length)) != NULL)
		if (!selects_any(pattern, length))
			fail("tests=%.*s selects no test", (int)length, pattern);
}

static bool is_always(const struct test *test)
{
	return test >= always && test < always + ARRAY_SIZE(always);
}

/* The suite of the options first, then by suite, file and line. */
static int compare_tests(const void *left, const void *right)
{
	const struct test *a = *(const struct test *const *)left;
	const struct test *b = *(const struct test *const *)right;
	bool a_options = strcmp(a->suite, always->suite) == 0;
	bool b_options = strcmp(b->suite, always->suite) == 0;
	int order;

	if (a_options != b_options)
		return a_options ? -1 : 1;
	if (is_always(a) != is_always(b))
		return is_always(a) ? -1 : 1;
	order = strcmp(a->suite, b->suite);
	if (order == 0)
		order = strcmp(a->file, b->file);
	return order != 0 ? order : a->line - b->line;
}

static void choose(const struct test *test)
{
	if (nr_chosen == TESTS_MAX)
		host_panic("more than %d tests are registered", TESTS_MAX);
	chosen[nr_chosen++] = test;
}

static void choose_tests(void)
{
	nr_chosen = 0;
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		choose(&always[i]);
	for (const struct test *const *test = __start_testcases; test < __stop_testcases; test++)
		if (list_selects(this_run->tests, (*test)->suite, (*test)->name))
			choose(*test);
	qsort(chosen, nr_chosen, sizeof(chosen[0]), compare_tests);
}

/* How many tests from here on belong to the suite of the first of them. */
static size_t suite_length(size_t first)
{
	size_t end = first;

	while (end < nr_chosen && strcmp(chosen[end]->suite, chosen[first]->suite) == 0)
		end++;
	return end - first;
}

static unsigned count_suites(void)
{
	unsigned suites = 0;

	for (size_t first = 0; first < nr_chosen; first += suite_length(first))
		suites++;
	return suites;
}

static void print_result(const struct test *test, unsigned number, enum result result)
{
	report_line(IN_SUITE, "# R name=%s.%s result=%s", test->suite, test->name,
		    result_name(result));
	if (result == RESULT_SKIP)
		report_line(IN_SUITE, "ok %u %s # SKIP %s", number, test->name, test_skip_reason());
	else
		report_line(IN_SUITE, "%sok %u %s", result == RESULT_FAIL ? "not " : "", number,
			    test->name);
}

static void run_one(const struct test *test, unsigned number, struct totals *totals)
{
	enum result result;

	awaited_number = number;
	awaited = test;
	result = test_execute(test, this_run);
	awaited = NULL;
	if (this_run->after_test != NULL)
		this_run->after_test();
	print_result(test, number, result);
	totals->pass += result == RESULT_PASS;
	totals->fail += result == RESULT_FAIL;
	totals->skip += result == RESULT_SKIP;
}

static void run_suite(size_t first, size_t nr, unsigned number, struct totals *run_totals)
{
	const char *suite = chosen[first]->suite;
	struct totals totals = {0};

	report_line(IN_SUITE, "KTAP version 1");
	report_line(IN_SUITE, "# Subtest: %s", suite);
	report_line(IN_SUITE, "1..%zu", nr);
	for (size_t i = 0; i < nr; i++)
		run_one(chosen[first + i], (unsigned)i + 1, &totals);
	/* Unless a test left work on all CPUs early: then the others may still be busy with it. */
	if (totals.fail == 0)
		table_pool_trim();
	if (totals.fail > 0)
		report_line(IN_RUN, "not ok %u %s", number, suite);
	else if (totals.pass > 0)
		report_line(IN_RUN, "ok %u %s", number, suite);
	else
		report_line(IN_RUN, "ok %u %s # SKIP every test was skipped", number, suite);
	run_totals->pass += totals.pass;
	run_totals->fail += totals.fail;
	run_totals->skip += totals.skip;
}

/* In the words of kselftest and of kvm-unit-tests, whose readers look for them. */
static void print_totals(const struct totals *totals)
{
	char failures[40] = "", skips[40] = "";

	report_line(IN_RUN, "# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0",
		    totals->pass, totals->fail, totals->skip);
	if (totals->fail > 0)
		snprintf(failures, sizeof(failures), ", %u unexpected failures", totals->fail);
	if (totals->skip > 0)
		snprintf(skips, sizeof(skips), ", %u skipped", totals->skip);
	report_line(IN_RUN, "SUMMARY: %u tests%s%s", totals->pass + totals->fail + totals->skip,
		    failures, skips);
}

enum verdict run_tests(const struct test_run *run)
{
	struct totals totals = {0};
	unsigned number = 0;

	this_run = run;
	choose_tests();
	report_line(IN_RUN, "BIFOLD-TEST-START 1");
	report_line(IN_RUN, "KTAP version 1");
	report_line(IN_RUN, "1..%u", count_suites());
	report_text(IN_RUN, "seed=%llu repeat=%u timeout=%u tests=%s",
		    (unsigned long long)run->seed, run->repeat, run->timeout,
		    run->tests != NULL && *run->tests != '\0' ? run->tests : "*");
	if (run->describe != NULL)
		run->describe();
	for (size_t first = 0; first < nr_chosen; first += suite_length(first))
		run_suite(first, suite_length(first), ++number, &totals);
	print_totals(&totals);
	report_line(IN_RUN, "BIFOLD-TEST-END 1");

	if (totals.fail > 0)
		return VERDICT_FAILED;
	if (totals.skip > 0 && totals.pass == ARRAY_SIZE(always))
		return VERDICT_SKIPPED;
	return VERDICT_PASSED;
}

void run_abort(const char *why)
{
	const struct test *test = awaited;

	awaited = NULL; /* whatever goes wrong from here on must not print its result again */
	if (test != NULL)
		print_result(test, awaited_number, RESULT_FAIL);
	report_line(IN_RUN, "Bail out! %s", why);
}
