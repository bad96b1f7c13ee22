/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/options.h"

#include "mm/compiler.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How much of a word a complaint repeats. */
enum { WORD_SHOWN = 48 };

/* A piece of the text; not terminated. */
struct word {
	const char *text;
	size_t length;
};

/* Each takes the value over, or returns false and leaves the options as they were. */
static bool set_tests(struct options *, struct word value);
static bool set_write(struct options *, struct word value);
static bool set_seed(struct options *, struct word value);
static bool set_repeat(struct options *, struct word value);
static bool set_timeout(struct options *, struct word value);
static bool set_rsdp(struct options *, struct word value);
static bool set_exit(struct options *, struct word value);
static bool set_areas(struct options *, struct word value);

static const struct option {
	const char *name;
	const char *wants;
	const char *help;
	bool (*set)(struct options *, struct word value);
} table[] = {
	{"tests", "names of suites or suite.test with * and ?, separated by commas",
	 "tests=GLOB,... which tests run, as in tests=page,boot.text_* (default: all)", set_tests},
	{"write", "names of regions or disks separated by commas, or all",
	 "write=NAME,...|all what may be overwritten (default: nothing)", set_write},
	{"seed", "a number below 2^64", "seed=N repeats the random choices of an earlier run",
	 set_seed},
	{"repeat", "a number from 1 to 1000000", "repeat=N runs each test N times (default: 1)",
	 set_repeat},
	{"timeout", "seconds, from 1 to 86400",
	 "timeout=SECONDS that a test may go on without progress (default: 60)", set_timeout},
	{"rsdp", "an address from 1 to 0x3fffffffffff",
	 "rsdp=ADDRESS of ACPI's root pointer (default: as the boot loader says)", set_rsdp},
	{"exit", "auto, qemu, halt or reboot",
	 "exit=auto|qemu|halt|reboot what follows the report (default: auto)", set_exit},
	{"areas", "dram or medium",
	 "areas=dram|medium where descriptors of 2 MiB lie; the medium is what write= permits "
	 "(default: dram)",
	 set_areas},
};

static bool word_is(struct word word, const char *text)
{
	return strlen(text) == word.length && memcmp(text, word.text, word.length) == 0;
}

/* Decimal, or hexadecimal after 0x; false if it is not a number or not from lowest to highest. */
static bool parse_number(struct word word, uint64_t lowest, uint64_t highest, uint64_t *number)
{
	bool hex = word.length > 2 && word.text[0] == '0' && word.text[1] == 'x';
	uint64_t base = hex ? 16 : 10;
	uint64_t value = 0;

	if (word.length == 0)
		return false;
	for (size_t i = hex ? 2 : 0; i < word.length; i++) {
		char c = word.text[i];
		uint64_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint64_t)(c - '0');
		else if (hex && c >= 'a' && c <= 'f')
			digit = (uint64_t)(c - 'a' + 10);
		else if (hex && c >= 'A' && c <= 'F')
			digit = (uint64_t)(c - 'A' + 10);
		else
			return false;
		if (value > (highest - digit) / base)
			return false;
		value = value * base + digit;
	}
	if (value < lowest)
		return false;
	*number = value;
	return true;
}

/* Names separated by commas, none of them empty. */
static bool parse_list(struct word value, char list[OPTIONS_LIST_MAX + 1])
{
	bool name_empty = true;

	if (value.length > OPTIONS_LIST_MAX)
		return false;
	for (size_t i = 0; i < value.length; i++) {
		bool comma = value.text[i] == ',';

		if (comma && name_empty)
			return false;
		name_empty = comma;
	}
	if (name_empty)
		return false;
	memcpy(list, value.text, value.length);
	list[value.length] = '\0';
	return true;
}

static bool set_tests(struct options *options, struct word value)
{
	return parse_list(value, options->tests);
}

static bool set_write(struct options *options, struct word value)
{
	return parse_list(value, options->write);
}

static bool set_seed(struct options *options, struct word value)
{
	if (!parse_number(value, 0, UINT64_MAX, &options->seed))
		return false;
	options->has_seed = true;
	return true;
}

static bool set_repeat(struct options *options, struct word value)
{
	uint64_t number;

	if (!parse_number(value, 1, 1000000, &number))
		return false;
	options->repeat = (unsigned)number;
	return true;
}

static bool set_timeout(struct options *options, struct word value)
{
	uint64_t number;

	if (!parse_number(value, 1, 86400, &number))
		return false;
	options->timeout = (unsigned)number;
	return true;
}

static bool set_rsdp(struct options *options, struct word value)
{
	return parse_number(value, 1, (1ULL << 46) - 1, &options->rsdp);
}

static bool set_exit(struct options *options, struct word value)
{
	static const char *const names[] = {
		[EXIT_AUTO] = "auto",
		[EXIT_QEMU] = "qemu",
		[EXIT_HALT] = "halt",
		[EXIT_REBOOT] = "reboot",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (word_is(value, names[i])) {
			options->exit = (enum exit_mode)i;
			return true;
		}
	}
	return false;
}

static bool set_areas(struct options *options, struct word value)
{
	if (!word_is(value, "dram") && !word_is(value, "medium"))
		return false;
	options->areas_on_medium = word_is(value, "medium");
	return true;
}

/* `seen` has a bit for each entry of the table. */
static void parse_word(struct word word, unsigned *seen, struct options *options)
{
	const char *equals = memchr(word.text, '=', word.length);
	bool cut = word.length > WORD_SHOWN;
	char shown[WORD_SHOWN + sizeof("...")];

	snprintf(shown, sizeof(shown), "%.*s%s", cut ? WORD_SHOWN : (int)word.length, word.text,
		 cut ? "..." : "");
	if (word_is(word, "help")) {
		options->help = true;
		return;
	}
	if (!equals) {
		options_complain(options, "option \"%s\": wants the form NAME=VALUE", shown);
		return;
	}

	struct word name = {word.text, (size_t)(equals - word.text)};
	struct word value = {equals + 1, word.length - name.length - 1};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!word_is(name, table[i].name))
			continue;
		if (*seen & 1u << i)
			options_complain(options, "option \"%s\": %s= is given twice", shown,
					 table[i].name);
		else if (!table[i].set(options, value))
			options_complain(options, "option \"%s\": %s= wants %s", shown,
					 table[i].name, table[i].wants);
		*seen |= 1u << i;
		return;
	}
	options_complain(options,
			 "option \"%s\": unknown; the option help lists those that there are",
			 shown);
}

void options_init(struct options *options)
{
	*options = (struct options){.repeat = 1, .timeout = 60, .exit = EXIT_AUTO};
}

void options_parse(const char *text, struct options *options)
{
	static const char blanks[] = " \t\r\n";
	unsigned seen = 0;

	for (;;) {
		text += strspn(text, blanks);
		struct word word = {text, strcspn(text, blanks)};

		if (word.length == 0)
			return;
		parse_word(word, &seen, options);
		text += word.length;
	}
}

void options_complain(struct options *options, const char *format, ...)
{
	size_t nr = options->nr_complaints;
	va_list arguments;

	if (nr == OPTIONS_COMPLAINTS_MAX)
		return;
	if (nr == OPTIONS_COMPLAINTS_MAX - 1)
		format = "more options are wrong";
	va_start(arguments, format);
	vsnprintf(options->complaint_text[nr], OPTIONS_COMPLAINT_LENGTH, format, arguments);
	va_end(arguments);
	options->complaints[nr] = options->complaint_text[nr];
	options->nr_complaints = nr + 1;
}

const char *options_help(size_t line)
{
	return line < ARRAY_SIZE(table) ? table[line].help : NULL;
}
