/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of the options. */
#include "kernel/options.h"
#include "tests/test.h"

#include <string.h>

static struct options options;

static void parse(const char *text)
{
	options_init(&options);
	options_parse(text, &options);
}

/* One complaint, holding `text`. */
static void expect_complaint(const char *text)
{
	expect_eq(options.nr_complaints, 1);
	require(options.complaints[0] != NULL);
	if (!strstr(options.complaints[0], text))
		fail("expected a complaint with \"%s\", found \"%s\"", text, options.complaints[0]);
	expect(options.complaints[1] == NULL);
}

/* Without options all tests run, once, and nothing may be written. */
TEST(options, defaults_write_nothing)
{
	parse("");
	expect_str(options.tests, "");
	expect_str(options.write, "");
	expect(!options.has_seed);
	expect_eq(options.repeat, 1);
	expect_eq(options.timeout, 60);
	expect_eq(options.rsdp, 0);
	expect_eq(options.exit, EXIT_AUTO);
	expect(!options.help);
	expect(options.complaints[0] == NULL);
}

/* Every option is taken over, whatever blanks are between the words. */
TEST(options, each_option_is_understood)
{
	parse("  tests=page,boot.text_*\twrite=nmem0,nvme0 seed=0xDeadBeef\nrepeat=1000000 "
	      "timeout=86400 rsdp=0x8000000 exit=halt help ");
	expect_str(options.tests, "page,boot.text_*");
	expect_str(options.write, "nmem0,nvme0");
	expect(options.has_seed);
	expect_eq(options.seed, 0xdeadbeef);
	expect_eq(options.repeat, 1000000);
	expect_eq(options.timeout, 86400);
	expect_eq(options.rsdp, 0x8000000);
	expect_eq(options.exit, EXIT_HALT);
	expect(options.help);
	expect(options.complaints[0] == NULL);
}

/* exit= knows four ways. */
TEST(options, exit_modes_have_names)
{
	parse("exit=auto");
	expect_eq(options.exit, EXIT_AUTO);
	parse("exit=qemu");
	expect_eq(options.exit, EXIT_QEMU);
	parse("exit=reboot");
	expect_eq(options.exit, EXIT_REBOOT);
	parse("exit=of");
	expect_complaint("exit=of");
	expect_eq(options.exit, EXIT_AUTO);
}

/* areas= knows two places. */
TEST(options, areas_have_places)
{
	parse("");
	expect(!options.areas_on_medium);
	parse("areas=medium");
	expect(options.areas_on_medium);
	parse("areas=dram");
	expect(!options.areas_on_medium);
	parse("areas=pmem0");
	expect_complaint("areas= wants dram or medium");
	expect(!options.areas_on_medium);
}

/* The whole range of 64 bits is a seed, and not one more. */
TEST(options, seed_has_64_bits)
{
	parse("seed=18446744073709551615");
	expect_eq(options.seed, UINT64_MAX);
	parse("seed=0xffffffffffffffff");
	expect_eq(options.seed, UINT64_MAX);
	parse("seed=18446744073709551616");
	expect_complaint("seed= wants a number below 2^64");
	parse("seed=0x10000000000000000");
	expect_complaint("seed=0x10000000000000000");
	expect(!options.has_seed);
}

/* A number just outside its range is refused and the default stays. */
TEST(options, ranges_are_kept)
{
	static const char *const wrong[] = {
		"repeat=0",      "repeat=1000001", "repeat=4294967297",   "timeout=0",
		"timeout=86401", "rsdp=0",         "rsdp=0x400000000000",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		parse(wrong[i]);
		expect_complaint(wrong[i]);
		expect_eq(options.repeat, 1);
		expect_eq(options.timeout, 60);
		expect_eq(options.rsdp, 0);
	}
}

/* What is no number is refused, however near it comes. */
TEST(options, malformed_numbers_are_refused)
{
	static const char *const wrong[] = {
		"seed=",   "seed=abc", "seed=-1",   "seed=+1",
		"seed=0x", "seed=12x", "seed=0x1g", "seed=1,2",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		parse(wrong[i]);
		expect_complaint(wrong[i]);
		expect(!options.has_seed);
	}
}

/* A list with an empty name in it could mean anything, so it means nothing. */
TEST(options, lists_have_no_empty_names)
{
	static const char *const wrong[] = {"write=", "write=,", "write=,a", "write=a,",
					    "write=a,,b"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		parse(wrong[i]);
		expect_complaint(wrong[i]);
		expect_str(options.write, "");
	}
}

/* Options that there are not, in any spelling, are named. */
TEST(options, unknown_options_are_complained_about)
{
	static const char *const wrong[] = {
		"frobnicate=1", "frobnicate", "=1",     "=",      "test=page",
		"testss=page",  "TESTS=page", "help=1", "--help", "write",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		parse(wrong[i]);
		expect_complaint(wrong[i]);
	}
}

/* The second of two equal options is refused: which one was meant? */
TEST(options, an_option_given_twice_is_refused)
{
	parse("repeat=2 repeat=3");
	expect_complaint("repeat=3\": repeat= is given twice");
	expect_eq(options.repeat, 2);
}

/* Later sources win over earlier ones, option by option. */
TEST(options, a_later_source_wins)
{
	options_init(&options);
	options_parse("repeat=2 seed=7", &options);
	options_parse("repeat=3", &options);
	expect_eq(options.repeat, 3);
	expect_eq(options.seed, 7);
	expect(options.complaints[0] == NULL);
}

/* A list may be as long as its field and no longer. */
TEST(options, long_values_are_refused)
{
	static char text[2048];

	memset(text, 0, sizeof(text));
	memcpy(text, "write=", 6);
	memset(text + 6, 'a', OPTIONS_LIST_MAX);
	parse(text);
	expect_eq(strlen(options.write), OPTIONS_LIST_MAX);
	expect(options.complaints[0] == NULL);

	memset(text + 6, 'a', sizeof(text) - 7);
	parse(text);
	expect_complaint("...\": write= wants");
	expect_str(options.write, "");
}

/* However many words are wrong, the list of complaints ends, and says that there were more. */
TEST(options, complaints_are_bounded)
{
	static char text[2048];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 ? ' ' : 'x';
	parse(text);
	expect_eq(options.nr_complaints, OPTIONS_COMPLAINTS_MAX);
	expect(options.complaints[OPTIONS_COMPLAINTS_MAX] == NULL);
	expect_str(options.complaints[OPTIONS_COMPLAINTS_MAX - 1], "more options are wrong");
}

/* No text of random bytes makes the parser read or write where it must not. */
TEST(options, survives_any_text)
{
	static char text[2048];
	static const char likely_text[] = " ,=0xtestswriteseedrepeatimeoutrsdpexithelp";

	for (unsigned round = 0; round < 200; round++) {
		size_t length = test_random_below(sizeof(text));

		for (size_t i = 0; i < length; i++) {
			uint64_t byte = test_random_below(4)
						? (uint64_t)likely_text[test_random_below(
							  sizeof(likely_text) - 1)]
						: 1 + test_random_below(255);
			text[i] = (char)byte;
		}
		text[length] = '\0';
		parse(text);
		for (size_t i = 0; i < options.nr_complaints; i++)
			expect(strlen(options.complaints[i]) < OPTIONS_COMPLAINT_LENGTH);
	}
}

/* Each option is explained, by a line that begins with its name. */
TEST(options, help_names_each_option)
{
	size_t lines = 0;

	while (options_help(lines))
		expect(strchr(options_help(lines++), '=') != NULL);
	expect_eq(lines, 8);
	expect(options_help(lines + 100) == NULL);
}
