/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/harness/execute.h"

#include "mm/host.h"
#include "tests/harness/balance.h"
#include "tests/harness/report.h"
#include "tests/harness/text.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CLEANUPS_MAX = 16, FAILURES_SHOWN = 10, IN_SUITE = 1 };

#define NANOSECONDS_PER_SECOND 1000000000ull

struct cleanup {
	void (*run)(void *);
	void *arg;
};

/* The one test that runs. */
static struct {
	const struct test *test;
	const struct test_run *run;
	char name[96]; /* suite.test */
	bool last;     /* the last repetition */
	jmp_buf leave;
	atomic_uint failures; /* any CPU may find one */
	bool skipped;
	char skip_reason[200];
	struct cleanup cleanups[CLEANUPS_MAX];
	size_t nr_cleanups;
	uint64_t random;
	bool drew;               /* random numbers */
	uint64_t progress_shown; /* when, in nanoseconds */
} running;

const char *result_name(enum result result)
{
	static const char *const names[] = {
		[RESULT_PASS] = "pass",
		[RESULT_FAIL] = "fail",
		[RESULT_SKIP] = "skip",
	};

	return names[result];
}

const char *test_skip_reason(void)
{
	return running.skip_reason;
}

static void feed_watchdog(void)
{
	host_watch(running.name, running.run->timeout);
}

/* FNV-1a: two tests of one seed have nothing in common. */
static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
	return hash;
}

/* Returns when fn does, and when it leaves by require or skip. */
static void guarded(void (*fn)(void *), void *arg)
{
	if (setjmp(running.leave) == 0)
		fn(arg);
}

static void run_body(void *unused)
{
	(void)unused;
	running.test->run();
}

static void repetition(unsigned number)
{
	uint64_t seed = running.run->seed + number;
	struct balance before;

	running.last = number + 1 == running.run->repeat;
	running.random = seed ^ hash_name(running.name);
	running.drew = false;
	running.nr_cleanups = 0;
	feed_watchdog();
	balance_take(&before);
	guarded(run_body, NULL);
	while (running.nr_cleanups > 0) {
		const struct cleanup *cleanup = &running.cleanups[--running.nr_cleanups];

		guarded(cleanup->run, cleanup->arg);
	}
	feed_watchdog();
	balance_compare(&before);
	if (running.failures > FAILURES_SHOWN)
		report_text(IN_SUITE, "and %u more failures", running.failures - FAILURES_SHOWN);
	if (running.failures > 0 && running.drew)
		report_text(IN_SUITE, "the same random numbers come with tests=%s seed=%llu",
			    running.name, (unsigned long long)seed);
}

enum result test_execute(const struct test *test, const struct test_run *run)
{
	running.test = test;
	running.run = run;
	running.failures = 0;
	running.skipped = false;
	running.progress_shown = host_nanoseconds();
	snprintf(running.name, sizeof(running.name), "%s.%s", test->suite, test->name);
	for (unsigned i = 0; i < run->repeat && running.failures == 0 && !running.skipped; i++)
		repetition(i);
	host_watch(NULL, 0);
	if (running.failures > 0)
		return RESULT_FAIL;
	return running.skipped ? RESULT_SKIP : RESULT_PASS;
}

/* The place to go on at is on the stack of CPU 0. */
static _Noreturn void leave(void)
{
	if (host_cpu() != 0)
		host_panic("%s: require or skip on CPU %u, which cannot leave the test",
			   running.name, host_cpu());
	longjmp(running.leave, 1);
}

static void note_failure(const char *file, int line, const char *format, va_list arguments)
{
	char text[400];

	if (atomic_fetch_add(&running.failures, 1) >= FAILURES_SHOWN)
		return;
	vsnprintf(text, sizeof(text), format, arguments);
	report_text(IN_SUITE, "%s:%d: %s", file, line, text);
}

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_failure(file, line, format, arguments);
	va_end(arguments);
}

void test_abort(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_failure(file, line, format, arguments);
	va_end(arguments);
	leave();
}

void test_expect_eq(const char *file, int line, const char *what, long long found,
		    long long expected)
{
	if (found != expected)
		test_fail(file, line, "%s: expected %lld (0x%llx), found %lld (0x%llx)", what,
			  expected, (unsigned long long)expected, found, (unsigned long long)found);
}

void test_expect_str(const char *file, int line, const char *what, const char *found,
		     const char *expected)
{
	if (found == expected || (found && expected && strcmp(found, expected) == 0))
		return;
	test_fail(file, line, "%s: expected \"%s\", found \"%s\"", what,
		  expected ? expected : "NULL", found ? found : "NULL");
}

void skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(running.skip_reason, sizeof(running.skip_reason), format, arguments);
	va_end(arguments);
	text_clean(running.skip_reason);
	running.skipped = true;
	leave();
}

void test_cleanup(void (*fn)(void *), void *arg)
{
	if (running.nr_cleanups == CLEANUPS_MAX)
		host_panic("%s has more than %d cleanups", running.name, CLEANUPS_MAX);
	running.cleanups[running.nr_cleanups++] = (struct cleanup){fn, arg};
}

void note(const char *format, ...)
{
	va_list arguments;

	if (!running.last)
		return;
	va_start(arguments, format);
	report_vtext(IN_SUITE, format, arguments);
	va_end(arguments);
}

void measure(const char *name, uint64_t value, const char *units)
{
	feed_watchdog();
	if (running.last)
		report_line(IN_SUITE, "# R name=%s.%s result=pass value=%llu units=%s",
			    running.name, name, (unsigned long long)value, units);
}

void measure_rate(const char *name, uint64_t bytes, uint64_t nanoseconds)
{
	/* Bytes per microsecond are MB/s. A clock that did not move gives no rate. */
	uint64_t rate = nanoseconds == 0 ? 0 : bytes * 1000 / nanoseconds;

	measure(name, rate, "MB/s");
}

void progress(uint64_t done, uint64_t total, const char *unit)
{
	uint64_t now = host_nanoseconds();

	feed_watchdog();
	if (now - running.progress_shown < NANOSECONDS_PER_SECOND)
		return;
	running.progress_shown = now;
	report_line(IN_SUITE, "# progress name=%s done=%llu total=%llu unit=%s", running.name,
		    (unsigned long long)done, (unsigned long long)total, unit);
}

/* splitmix64 (Steele, Lea, Flood 2014): any state, 0 too, gives a good stream. */
uint64_t test_random(void)
{
	uint64_t mixed = running.random += 0x9e3779b97f4a7c15;

	running.drew = true;
	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed ^ mixed >> 31;
}

uint64_t test_random_below(uint64_t limit)
{
	/* 2^64 modulo limit: draws below it would make small numbers more likely. */
	uint64_t uneven = -limit % limit;
	uint64_t drawn;

	do
		drawn = test_random();
	while (drawn < uneven);
	return drawn % limit;
}
