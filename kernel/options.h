/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of a run, from the boot loader's command line or from fw_cfg: words separated by
 * blanks, each NAME=VALUE. What is not understood is never ignored: it becomes a complaint, which
 * the report shows as a failure.
 *
 * Portable: the hosted tests parse the same options.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* What happens after the report. */
enum exit_mode {
	EXIT_AUTO, /* as EXIT_QEMU in a QEMU that has fw_cfg, else as EXIT_HALT */
	EXIT_QEMU, /* QEMU ends, with the verdict as its exit status */
	EXIT_HALT,
	EXIT_REBOOT,
};

enum {
	OPTIONS_LIST_MAX = 512, /* characters of tests= and of write= */
	OPTIONS_COMPLAINTS_MAX = 16,
	OPTIONS_COMPLAINT_LENGTH = 200,
};

/* The complaints point into the struct itself: it is not to be copied. */
struct options {
	char tests[OPTIONS_LIST_MAX + 1]; /* comma-separated globs; "": all */
	char write[OPTIONS_LIST_MAX +
		   1]; /* names of what may be overwritten, or "all"; "": nothing */
	uint64_t seed;
	bool has_seed;
	unsigned repeat;  /* 1 ... 1000000 */
	unsigned timeout; /* seconds, 1 ... 86400 */
	uint64_t rsdp;    /* physical address of the ACPI RSDP; 0: to be found */
	enum exit_mode exit;
	bool areas_on_medium; /* words of areas lie in the persistent memory that may be written */
	bool help;            /* the report shall list the options */

	const char *complaints[OPTIONS_COMPLAINTS_MAX + 1]; /* NULL-terminated */
	size_t nr_complaints;
	char complaint_text[OPTIONS_COMPLAINTS_MAX][OPTIONS_COMPLAINT_LENGTH];
};

/* The defaults: all tests, nothing may be written, repeat=1 timeout=60 exit=auto. */
void options_init(struct options *);

/*
 * Takes over what the text says; call it for one source after the other, and a later source wins.
 * An option that is unknown, malformed, out of range, too long or given twice in one text is left
 * as it was and complained about, by its word and with what would be right.
 */
void options_parse(const char *text, struct options *);

/* Adds a complaint; the last one that there is room for says only that there are more. */
void options_complain(struct options *, const char *format, ...) printf_like(2, 3);

/* One line of help for each option; NULL from the end on. */
const char *options_help(size_t line);
