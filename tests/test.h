/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a test is written with.
 *
 *	TEST(page, split_keeps_every_frame)
 *	{
 *		require(page_split(area) == 0);
 *		expect_eq(page_size(pfn_to_page(area)), PAGE_SIZE);
 *	}
 *
 * TEST() alone registers it, under the name "page.split_keeps_every_frame"; suites run in the
 * order of their names, the tests of one in the order of the file. `expect` notes a failure and
 * goes on; `require` and `skip` leave the test, from a function it called as well. A test that
 * failed before it skipped has failed.
 *
 * After every test the runner walks the page map and compares the pins, the free frames and the
 * split areas with those before it, and charges what differs to the test. A test that wants to
 * keep something uses test_cleanup().
 *
 * Within host_on_each_cpu() every CPU may expect, fail and note. All else is for CPU 0, outside of
 * it: `require` and `skip` would leave a call that other CPUs are in.
 *
 * A file here that includes nothing of kernel/ is portable: it also runs hosted, under sanitizers.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

struct test {
	const char *suite;
	const char *name;
	const char *file;
	int line;
	void (*run)(void);
};

#define TEST(suite_, name_)                                                                 \
	static void test_##suite_##_##name_(void);                                          \
	static const struct test testcase_##suite_##_##name_ = {                            \
		#suite_, #name_, __FILE__, __LINE__, test_##suite_##_##name_};              \
	static const struct test *const testptr_##suite_##_##name_                          \
		__attribute__((used, section("testcases"))) = &testcase_##suite_##_##name_; \
	static void test_##suite_##_##name_(void)

#define expect(condition) \
	((condition) ? (void)0 : test_fail(__FILE__, __LINE__, "expected %s", #condition))

#define require(condition) \
	((condition) ? (void)0 : test_abort(__FILE__, __LINE__, "required %s", #condition))

/* Compares integers; the report shows both values. */
#define expect_eq(found, expected) \
	test_expect_eq(__FILE__, __LINE__, #found, (long long)(found), (long long)(expected))

/* Compares texts; NULL equals NULL only. */
#define expect_str(found, expected) test_expect_str(__FILE__, __LINE__, #found, found, expected)

/* A failure in the test's own words: what, where, expected and found. Goes on. */
#define fail(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

void test_fail(const char *file, int line, const char *format, ...) printf_like(3, 4);
_Noreturn void test_abort(const char *file, int line, const char *format, ...) printf_like(3, 4);
void test_expect_eq(const char *file, int line, const char *what, long long found,
		    long long expected);
void test_expect_str(const char *file, int line, const char *what, const char *found,
		     const char *expected);

/* Leaves the test: it cannot be done here, and why. Never for what should work. */
_Noreturn void skip(const char *format, ...) printf_like(1, 2);

/* Runs fn(arg) when the test is over, however it ends; last registered, first run. At most 16. */
void test_cleanup(void (*fn)(void *), void *arg);

/* A line of explanation in the report. */
void note(const char *format, ...) printf_like(1, 2);

/*
 * A figure for the report, under the name "suite.test.NAME". It must not be rounded towards what
 * one would like to see.
 */
void measure(const char *name, uint64_t value, const char *units);

/* Bytes moved in a time, as MB/s (10^6 bytes). */
void measure_rate(const char *name, uint64_t bytes, uint64_t nanoseconds);

/*
 * Long work calls this as it goes: it feeds the watchdog and shows "# progress", at most one line
 * per second. `unit` as in "MiB".
 */
void progress(uint64_t done, uint64_t total, const char *unit);

/* Random numbers that `seed=` reproduces: the same in every run of one test with one seed. */
uint64_t test_random(void);
uint64_t test_random_below(uint64_t limit); /* [0, limit), limit > 0 */
