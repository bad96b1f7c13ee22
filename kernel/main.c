/* SPDX-License-Identifier: BSD-2-Clause */
/* The composition root: what happens from the boot loader to the verdict. */
#include "boot/boot_info.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/early_memory.h"
#include "kernel/fatal.h"
#include "kernel/fwcfg.h"
#include "kernel/heap.h"
#include "kernel/options.h"
#include "kernel/paging.h"
#include "kernel/power.h"
#include "kernel/screen.h"
#include "kernel/time.h"
#include "kernel/traps.h"
#include "kernel/watchdog.h"
#include "kernel/windows.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "mm/page.h"
#include "tests/harness/run.h"

#include <errno.h>
#include <string.h>

static struct boot_info boot;
static struct options options;
static struct region regions[1];

/* QEMU's options win over those of the boot loader. */
static void read_options(void)
{
	static char text[BOOT_CMDLINE_MAX];

	options_init(&options);
	options_parse(boot.cmdline, &options);

	int error = fwcfg_read("opt/org.bifold/cmdline", text, sizeof(text));

	if (error == 0)
		options_parse(text, &options);
	else if (error == -E2BIG || error == -EINVAL)
		options_complain(&options, "fw_cfg: opt/org.bifold/cmdline is not a text of less "
					   "than 2048 characters");
}

/* The screen shows the same as the serial port, from its first line on. */
static void start_screen(void)
{
	size_t bytes = screen_bytes(&boot.framebuffer);
	void *mapped = bytes ? map_framebuffer(boot.framebuffer.start, bytes) : NULL;

	if (mapped)
		console_add_screen(&boot.framebuffer, mapped);
}

/*
 * Describes the run of early memory as the one region. Its upper end holds the descriptors
 * themselves, whose size is known only for the whole.
 */
static void start_memory(void)
{
	struct early_run run = early_memory_run();
	size_t bytes;
	void *metadata, *allocator;

	regions[0] = (struct region){
		.start = run.start, .end = run.end, .kind = MEMORY_DRAM, .name = "dram0"};
	bytes = page_map_size(regions, 1);
	metadata = early_alloc(bytes);
	if (page_map_init(regions, 1, metadata))
		host_panic("the regions are broken");
	allocator = early_alloc(frame_alloc_size());

	regions[0].end = early_memory_close().start;
	memset(metadata, 0, bytes);
	if (page_map_init(regions, 1, metadata))
		host_panic("the regions are broken");
	frame_alloc_init(allocator);
}

static void describe(void)
{
	console_line("# boot loader=%s firmware=%s map=%zu", boot.loader, boot.firmware,
		     boot.nr_map);
	console_line("# clock source=%s hz=%llu", time_source_name(time_source()),
		     (unsigned long long)time_tsc_hz());
	for (size_t i = 0; options.help && options_help(i); i++)
		console_line("# %s", options_help(i));
}

static enum run_result run(void)
{
	enum verdict verdict = run_tests(&(struct test_run){
		.tests = options.tests,
		.seed = options.has_seed ? options.seed : host_nanoseconds(),
		.repeat = options.repeat,
		.timeout = options.timeout,
		.complaints = options.complaints,
		.describe = describe,
	});

	switch (verdict) {
	case VERDICT_PASSED:
		return RUN_PASSED;
	case VERDICT_SKIPPED:
		return RUN_SKIPPED;
	case VERDICT_FAILED:
		break;
	}
	return RUN_FAILED;
}

_Noreturn void kernel_main(uint32_t magic, uint32_t information);

_Noreturn void kernel_main(uint32_t magic, uint32_t information)
{
	console_init(); /* from here on there are lines */
	traps_init();   /* ... and crashes are reported */
	cpu_init();     /* features; no page is executable that says it is not */
	if (boot_info_read(magic, information, &boot) != 0)
		host_panic("there is no usable boot information");
	read_options();
	fatal_set_exit(options.exit);
	early_memory_init(boot.map, boot.nr_map, NULL, 0);
	paging_init(); /* the final page tables; what was at its physical address is gone */
	time_init();
	watchdog_init(); /* interrupts are on */
	start_screen();
	start_memory(); /* page descriptors and the frame allocator */
	heap_init();    /* malloc */
	fatal_set_report(run_abort);
	power_exit(options.exit, run());
}
