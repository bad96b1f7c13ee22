/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of the guest that counts what Linux does with a persistent memory:
 * tools/linux/measure.c says how it is called. Whatever goes wrong ends it by give_up().
 */
#pragma once

#include <stdint.h>

/* "LINUX figure NAME.WHAT VALUE UNITS". */
void say(const char *name, const char *what, int64_t value, const char *units);

/* "LINUX error ...", and the end. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

int open_or_give_up(const char *path, int flags);

/* --- clock.c: instructions, for a tick and a nanosecond are one each --- */

#define NO_VALUE INT64_MAX

static inline int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Gives up if that is not so. */
void check_clock(void);

/*
 * What is done between start_watch() and stop_watch(), other programs and interrupts included, less
 * the time for which the kernel says that the CPU was idle. `*idle`, if not NULL, becomes that.
 */
void start_watch(void);
int64_t stop_watch(uint64_t *idle);

/* --- The measurements --- */

/*
 * bring_up.c: takes a device of libnvdimm from its driver and gives it back. Figures: begin, in
 * instructions, of which map and descriptors; dram, in KiB.
 */
void bring_up(const char *name, const char *driver, const char *device);

/* disk.c: a system call that does nothing. Figure: machine.syscall. */
void count_system_call(void);

/* Reads and writes of 512 bytes to 2 MiB by O_DIRECT. Figures: read512, write2m, ... */
void use_disk(const char *name, const char *disk);

/*
 * Reads of 4 KiB to 2 MiB by O_DIRECT into a mapping of a file or of a device, or into "memory". A
 * wait is of two kinds, and each has its figure: the device answers while the CPU is still on its
 * way to idleness (read4k), or it answers later (read4k-idle). Which one comes how often is the
 * host's affair, and one may be missing.
 */
void read_into_mapping(const char *name, const char *disk, const char *path);
