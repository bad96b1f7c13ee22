/* SPDX-License-Identifier: BSD-2-Clause */
/* The harness's own parts: what tests= selects, what a line may hold, random numbers. */
#include "tests/test.h"

#include "tests/harness/text.h"

#include <string.h>

static bool glob(const char *pattern, const char *name)
{
	return glob_match(pattern, strlen(pattern), name);
}

static bool selects(const char *list, const char *suite)
{
	return list_selects(list, suite, "first");
}

/* A glob fits the whole name or not at all. */
TEST(harness, glob_fits_whole_names)
{
	expect(glob("page", "page"));
	expect(!glob("page", "pages"));
	expect(!glob("pages", "page"));
	expect(!glob("", "page"));
	expect(glob("", ""));
}

/* A star is any run of characters, the empty one too, and may have to give some back. */
TEST(harness, glob_star_is_any_run)
{
	expect(glob("*", ""));
	expect(glob("*", "page"));
	expect(glob("p*e", "pe"));
	expect(glob("p*e", "page"));
	expect(glob("*ab", "aab"));
	expect(glob("*a*b*", "xxaxxabxx"));
	expect(glob("page**", "page"));
	expect(!glob("p*x", "page"));
	expect(!glob("*ab", "abc"));
}

/* A question mark is one character, never none. */
TEST(harness, glob_question_mark_is_one_character)
{
	expect(glob("p?ge", "page"));
	expect(glob("????", "page"));
	expect(!glob("?????", "page"));
	expect(!glob("page?", "page"));
	expect(glob("*?", "p"));
	expect(!glob("*?", ""));
}

/* A pattern without a dot names a suite; with one, each side is matched alone. */
TEST(harness, pattern_selects_suite_or_test)
{
	expect(selects("page", "page"));
	expect(selects("page.first", "page"));
	expect(selects("page.f*", "page"));
	expect(selects("*.first", "page"));
	expect(!selects("page.second", "page"));
	expect(!selects("page.", "page"));
	expect(!selects("first", "page"));
	expect(!selects("pagefirst", "page"));
}

/* One pattern of the list is enough; no list at all means everything. */
TEST(harness, list_selects_by_any_pattern)
{
	expect(selects("block,page", "page"));
	expect(selects("page,block", "page"));
	expect(!selects("block,nfit", "page"));
	expect(!selects(",", "page"));
	expect(selects("", "page"));
	expect(selects(NULL, "page"));
}

/* What goes wrong on purpose, or needs a machine of its own, runs only by its suite's name. */
TEST(harness, some_suites_run_only_by_name)
{
	expect(!selects(NULL, "cost"));
	expect(!selects("*", "cost"));
	expect(selects("cost", "cost"));
	expect(!selects(NULL, "fault"));
	expect(!selects("*", "fault"));
	expect(!selects("f*", "fault"));
	expect(!selects("fault?", "fault"));
	expect(!selects("*.first", "fault"));
	expect(selects("fault", "fault"));
	expect(selects("fault.*", "fault"));
	expect(selects("page,fault.first", "fault"));
}

static void expect_cleaned(const char *dirty, const char *clean)
{
	char text[64];

	strncpy(text, dirty, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text_clean(text);
	expect_str(text, clean);
}

/* A serial line carries printable ASCII only. */
TEST(harness, text_is_printable)
{
	expect_cleaned("all ~ is well", "all ~ is well");
	expect_cleaned("a\tb\r\nc", "a?b??c");
	expect_cleaned("\033[1m\x7f\x80\xff", "?[1m???");
	expect_cleaned("", "");
}

/* Text from a table or the command line cannot pose as a part of the report. */
TEST(harness, text_cannot_forge_the_report)
{
	expect_cleaned("BIFOLD-TEST-END 1", "?IFOLD-TEST-END 1");
	expect_cleaned("R name=page.x result=pass", "? name=page.x result=pass");
	expect_cleaned("KTAP version 1", "K?AP version 1");
	expect_cleaned("TAP version 1 TAP version 2", "?AP version 1 ?AP version 2");
	expect_cleaned("Bail out! now", "?ail out! now");
}

/* Every number below the limit comes up, and none above it. */
TEST(harness, random_numbers_keep_below_their_limit)
{
	unsigned seen = 0;

	for (int i = 0; i < 1000; i++) {
		uint64_t drawn = test_random_below(7);

		require(drawn < 7);
		seen |= 1u << drawn;
	}
	expect_eq(seen, 0x7f);
	expect_eq(test_random_below(1), 0);
	expect(test_random_below(UINT64_MAX) < UINT64_MAX);
}

static int cleanup_order;

static void expect_turn(void *arg)
{
	expect_eq(++cleanup_order, *(const int *)arg);
}

/* The last cleanup registered runs first. Only this test's own end shows it. */
TEST(harness, cleanups_run_backwards)
{
	static const int first = 1, second = 2;

	cleanup_order = 0;
	test_cleanup(expect_turn, (void *)&second);
	test_cleanup(expect_turn, (void *)&first);
}
