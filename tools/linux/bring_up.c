/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/linux/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_LENGTH = 256, KIB_PER_FRAME = 4 };

#define TRACING "/sys/kernel/tracing/"

/* What makes memory visible to the CPU, with room for descriptors, and what fills these in. */
static const char map_function[] = "arch_add_memory";
static const char descriptors_function[] = "memmap_init_zone_device";

/* Frames that nobody has, those that CPUs keep at hand included. */
static int64_t free_frames(void)
{
	FILE *zones = fopen("/proc/zoneinfo", "r");
	char line[256];
	int64_t all = 0, frames;

	if (!zones)
		give_up("/proc/zoneinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), zones))
		if (sscanf(line, " nr_free_pages %" SCNd64, &frames) == 1 ||
		    sscanf(line, " count: %" SCNd64, &frames) == 1)
			all += frames;
	fclose(zones);
	return all;
}

/* The tracer takes one word at a time. */
static void write_text(const char *path, const char *text)
{
	int file = open_or_give_up(path, O_WRONLY | O_TRUNC);

	for (size_t done = 0; text[done] != '\0';) {
		ssize_t taken = write(file, text + done, strlen(text + done));

		if (taken <= 0)
			give_up("%s: %s: %s", path, text, strerror(errno));
		done += (size_t)taken;
	}
	close(file);
}

/*
 * What the tracer noted of a function of the kernel's, in microseconds with three to six digits
 * behind the point: " 0) @ 135316.3 us |  arch_add_memory();"
 */
static int64_t traced(const char *function)
{
	FILE *trace = fopen(TRACING "trace", "r");
	char line[256];
	double all = 0, part;

	if (!trace)
		give_up("%s: %s", TRACING "trace", strerror(errno));
	while (fgets(line, sizeof(line), trace)) {
		const char *duration = strchr(line, ')');

		if (duration && strstr(line, function) &&
		    sscanf(duration + 1, "%*[^0-9]%lf us", &part) == 1)
			all += part;
	}
	fclose(trace);
	return (int64_t)(1000 * all + 0.5);
}

/* Traces the two functions; that they are called once each makes no difference that can be seen. */
static void trace(const char *tracer)
{
	char functions[sizeof(map_function) + sizeof(descriptors_function) + 2];

	snprintf(functions, sizeof(functions), "%s %s\n", map_function, descriptors_function);
	write_text(TRACING "set_ftrace_filter", functions);
	write_text(TRACING "trace_clock", "x86-tsc");
	write_text(TRACING "current_tracer", tracer);
}

/* The second time counts: what the kernel keeps from the first is not taken again. */
void bring_up(const char *name, const char *driver, const char *device)
{
	char unbind[PATH_LENGTH], bind[PATH_LENGTH];
	int64_t before, took;

	snprintf(unbind, sizeof(unbind), "/sys/bus/nd/drivers/%s/unbind", driver);
	snprintf(bind, sizeof(bind), "/sys/bus/nd/drivers/%s/bind", driver);
	trace("function_graph");
	write_text(unbind, device);
	write_text(bind, device);
	write_text(unbind, device);
	write_text(TRACING "trace", "");
	before = free_frames();
	start_watch();
	write_text(bind, device);
	took = stop_watch(NULL);
	say(name, "begin", took, "instructions");
	say(name, "dram", (before - free_frames()) * KIB_PER_FRAME, "KiB");
	say(name, "map", traced(map_function), "instructions");
	say(name, "descriptors", traced(descriptors_function), "instructions");
	trace("nop");
}
