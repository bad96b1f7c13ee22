/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/apart.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

enum { REPORT_BYTES = 4096 };

/* Of the library that counts what runs; NULL in a build that does not. */
void __gcov_dump(void) __attribute__((weak));

/* What the copy wrote, NUL-terminated, and how it ended. */
struct end {
	char report[REPORT_BYTES];
	int status;
};

static void ended_by_abort(int unused)
{
	(void)unused;
	if (__gcov_dump)
		__gcov_dump();
	signal(SIGABRT, SIG_DFL);
}

static _Noreturn void be_the_copy(void (*fn)(void), int output)
{
	signal(SIGABRT, ended_by_abort);
	dup2(output, STDOUT_FILENO);
	fn();
	if (__gcov_dump)
		__gcov_dump();
	_exit(EXIT_SUCCESS);
}

static struct end run_apart(void (*fn)(void))
{
	struct end end = {.report = ""};
	size_t length = 0;
	ssize_t got;
	int ends[2];
	pid_t copy;

	require(pipe(ends) == 0);
	copy = fork();
	require(copy >= 0);
	if (copy == 0)
		be_the_copy(fn, ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], end.report + length, REPORT_BYTES - 1 - length)) > 0)
		length += (size_t)got;
	close(ends[0]);
	require(waitpid(copy, &end.status, 0) == copy);
	return end;
}

void expect_panic_apart(void (*fn)(void), const char *text)
{
	struct end end = run_apart(fn);

	expect(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGABRT);
	if (!strstr(end.report, "Bail out!") || !strstr(end.report, text))
		fail("expected a panic with \"%s\", found \"%s\"", text, end.report);
}

void expect_good_apart(void (*fn)(void))
{
	struct end end = run_apart(fn);

	expect(WIFEXITED(end.status) && WEXITSTATUS(end.status) == EXIT_SUCCESS);
	/* Each expectation that does not hold is a line. */
	expect_str(end.report, "");
}
