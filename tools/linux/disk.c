/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "tools/linux/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A figure is the least of several calls: an interrupt of the timer is in some of the others. */
enum {
	CALLS = 64,
	CALLS_MAX = 256, /* until there are enough of either kind */
	ENOUGH = 16,
	NAME_LENGTH = 64,
};

#define KIB     1024UL
#define MIB     (1024 * KIB)
#define GIB     (1024 * MIB)
#define LONGEST (2 * MIB)

static const size_t lengths[] = {512, 4 * KIB, 64 * KIB, LONGEST};
static const char *const length_names[] = {"512", "4k", "64k", "2m"};

#define NR_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static void transfer(bool write, int file, char *data, size_t length, off_t offset)
{
	ssize_t done =
		write ? pwrite(file, data, length, offset) : pread(file, data, length, offset);

	if (done != (ssize_t)length)
		give_up("%s of %zu bytes at %lld: %s", write ? "a write" : "a read", length,
			(long long)offset, done < 0 ? strerror(errno) : "cut off");
}

static int64_t least_ticks_of_transfer(bool write, int file, char *data, size_t length)
{
	int64_t least = NO_VALUE;

	for (int i = 0; i < CALLS; i++) {
		uint64_t start = ticks();

		transfer(write, file, data, length, 0);
		least = lesser(least, (int64_t)(ticks() - start));
	}
	return least;
}

/* What is in each figure that a process has a part in. */
void count_system_call(void)
{
	int64_t least = NO_VALUE;

	for (int i = 0; i < CALLS; i++) {
		uint64_t start = ticks();

		(void)syscall(SYS_getppid);
		least = lesser(least, (int64_t)(ticks() - start));
	}
	say("machine", "syscall", least, "instructions");
}

void use_disk(const char *name, const char *disk)
{
	int file = open_or_give_up(disk, O_RDWR | O_DIRECT);
	char *data = aligned_alloc(LONGEST, LONGEST), *found = aligned_alloc(LONGEST, LONGEST);
	char what[NAME_LENGTH];

	if (!data || !found)
		give_up("no memory for 4 MiB");
	for (size_t i = 0; i < LONGEST; i++)
		data[i] = (char)(i * 167 >> 3);
	for (size_t i = 0; i < NR_LENGTHS; i++) {
		snprintf(what, sizeof(what), "write%s", length_names[i]);
		say(name, what, least_ticks_of_transfer(true, file, data, lengths[i]),
		    "instructions");
	}
	memset(found, 0, LONGEST);
	for (size_t i = 0; i < NR_LENGTHS; i++) {
		snprintf(what, sizeof(what), "read%s", length_names[i]);
		say(name, what, least_ticks_of_transfer(false, file, found, lengths[i]),
		    "instructions");
	}
	if (memcmp(data, found, LONGEST) != 0)
		give_up("%s: what was written is not what was read", disk);
	close(file);
}

/* What the watch itself takes. */
static int64_t least_of_nothing(void)
{
	int64_t least = NO_VALUE;

	for (int i = 0; i < CALLS; i++) {
		start_watch();
		least = lesser(least, stop_watch(NULL));
	}
	return least;
}

static void read_into(const char *name, const char *length_name, int file, char *data,
		      size_t length)
{
	int64_t least[] = {NO_VALUE, NO_VALUE}, nothing = least_of_nothing();
	int calls[] = {0, 0};
	char what[NAME_LENGTH];

	while ((calls[0] < ENOUGH || calls[1] < ENOUGH) && calls[0] + calls[1] < CALLS_MAX) {
		uint64_t idle_time;
		int64_t took;
		int idle;

		start_watch();
		transfer(false, file, data, length, 0);
		took = stop_watch(&idle_time);
		idle = idle_time > 0;
		least[idle] = lesser(least[idle], took - nothing);
		calls[idle]++;
	}
	for (int idle = 0; idle < 2; idle++) {
		snprintf(what, sizeof(what), "read%s%s", length_name, idle ? "-idle" : "");
		if (calls[idle] > 0)
			say(name, what, least[idle], "instructions");
	}
}

/*
 * Where pages of 1 GiB are possible if the file has them. A file system keeps the mapping's
 * metadata durable (MAP_SYNC), as who stores to persistent memory asks for; a device has none.
 */
static char *map(const char *path, size_t length)
{
	char *reserved = mmap(NULL, 2 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((uintptr_t)reserved + GIB - 1) & ~(GIB - 1));
	int protection = PROT_READ | PROT_WRITE;
	char *mapped;

	if (reserved == MAP_FAILED)
		give_up("2 GiB of addresses: %s", strerror(errno));
	if (strcmp(path, "memory") == 0) {
		mapped = mmap(at, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			      0);
	} else {
		int file = open_or_give_up(path, O_RDWR);

		mapped = mmap(at, length, protection, MAP_SHARED_VALIDATE | MAP_SYNC | MAP_FIXED,
			      file, 0);
		close(file);
	}
	if (mapped == MAP_FAILED)
		give_up("%s cannot be mapped: %s", path, strerror(errno));
	return mapped;
}

/* Devices are mapped by pages, of 1 GiB at most; a file may be shorter than its mapping. */
void read_into_mapping(const char *name, const char *disk, const char *path)
{
	int file = open_or_give_up(disk, O_RDONLY | O_DIRECT), again;
	char *data = map(path, strcmp(path, "memory") == 0 ? LONGEST : GIB);
	char *expected = malloc(LONGEST);

	if (!expected)
		give_up("no memory for 2 MiB");
	memset(data, 0x5a, LONGEST); /* all of it is mapped now */
	for (size_t i = 1; i < NR_LENGTHS; i++)
		read_into(name, length_names[i], file, data, lengths[i]);
	again = open_or_give_up(disk, O_RDONLY);
	transfer(false, again, expected, LONGEST, 0);
	if (memcmp(data, expected, LONGEST) != 0)
		give_up("%s: what came from %s is not what it has", path, disk);
	close(again);
	close(file);
}
