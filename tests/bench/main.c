/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/host.h"
#include "tests/bench/bench.h"
#include "tests/bench/world.h"

static const char usage[] =
	"bench [--quick] [--rounds N] [--only TEXT | --compare]\n"
	"\n"
	"Measures the core and prints each figure as a line '# R name=...' and all in a table.\n"
	"--quick     see that it works, in seconds; its values mean nothing\n"
	"--rounds N  samples of each figure, at least 11 (21)\n"
	"--only TEXT figures whose name holds TEXT; U is measured in any case\n"
	"--compare   instead of them one table of all schemes of page descriptors\n";

static _Noreturn void misused(void)
{
	fputs(usage, stderr);
	exit(2);
}

static unsigned rounds_from(const char *text)
{
	char *end;
	unsigned long rounds = strtoul(text, &end, 10);

	if (*end || rounds < BENCH_ROUNDS_MIN || rounds > 1000)
		misused();
	return (unsigned)rounds;
}

int main(int argc, char **argv)
{
	bool schemes_only = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0) {
			bench_options.quick = true;
			bench_options.rounds = 3;
		} else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
			bench_options.rounds = rounds_from(argv[++i]);
		} else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
			bench_options.only = argv[++i];
		} else if (strcmp(argv[i], "--compare") == 0) {
			schemes_only = true;
		} else if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return 0;
		} else {
			misused();
		}
	}
	printf("# bench: %u CPUs%s\n", host_cpus(),
	       bench_options.quick ? "; quick: the values mean nothing" : "");
	bench_begin();
	if (schemes_only) {
		world_begin_usual();
		bench_schemes();
		return 0;
	}
	bench_machine();
	bench_bytes();
	bench_lookup();
	bench_pin();
	bench_resize();
	bench_alloc();
	bench_table();
	return 0;
}
