/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The portable suites in a process, under sanitizers: the same report on the standard output, and
 * the same options as words of the command line. Exit status: 0 passed, 1 failed, 4 all skipped;
 * a crash or a hang is another one, or 1.
 */
#include "kernel/options.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/run.h"
#include "tests/host/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_ALL_SKIPPED = 4 };

/* Of the sanitizers' library; NULL in a build without them. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void sanitizer_died(void)
{
	run_abort("a sanitizer or a signal ended the process, see the standard error");
}

static void describe(void)
{
	size_t nr;
	const struct region *regions = machine_regions(&nr);
	char line[160];

	for (size_t i = 0; i < nr; i++) {
		const struct region *region = &regions[i];

		snprintf(line, sizeof(line),
			 "# region name=%s kind=%s start=0x%llx end=0x%llx node=%u write=%s",
			 region->name, memory_kind_name(region->kind),
			 (unsigned long long)pfn_to_phys(region->start).addr,
			 (unsigned long long)pfn_to_phys(region->end).addr, region->node,
			 region->kind == MEMORY_DRAM || region->writable ? "yes" : "no");
		host_print(line);
	}
}

static void start_memory(void)
{
	size_t nr;
	const struct region *regions = machine_regions(&nr);

	if (page_map_init(regions, nr, machine_metadata(page_map_size(regions, nr))) != 0)
		host_panic("page_map_init() refused the simulated machine");
	frame_alloc_init(machine_metadata(frame_alloc_size(regions, nr)));
}

/* The words of the command line as the kernel gets them: one text. */
static void read_options(int argc, char **argv, struct options *options)
{
	char text[4096] = "";

	for (int i = 1; i < argc; i++) {
		if (strlen(text) + strlen(argv[i]) + 2 > sizeof(text)) {
			fprintf(stderr, "bifold-tests: more than %zu characters of options\n",
				sizeof(text) - 2);
			exit(EXIT_FAILURE);
		}
		strcat(strcat(text, argv[i]), " ");
	}
	options_init(options);
	options_parse(text, options);
}

int main(int argc, char **argv)
{
	static struct options options;
	enum verdict verdict;

	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(sanitizer_died);
	read_options(argc, argv, &options);
	if (options.areas_on_medium)
		options_complain(&options,
				 "areas=medium: only the kernel can do that at its start");
	machine_create();
	start_memory();
	verdict = run_tests(&(struct test_run){
		.tests = options.tests,
		.seed = options.has_seed ? options.seed : (uint64_t)time(NULL),
		.repeat = options.repeat,
		.timeout = options.timeout,
		.complaints = options.complaints,
		.describe = describe,
	});
	switch (verdict) {
	case VERDICT_PASSED:
		return EXIT_SUCCESS;
	case VERDICT_SKIPPED:
		return EXIT_ALL_SKIPPED;
	case VERDICT_FAILED:
		break;
	}
	return EXIT_FAILURE;
}
