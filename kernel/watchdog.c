/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/watchdog.h"

#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/fatal.h"
#include "kernel/pic.h"
#include "kernel/pit.h"
#include "kernel/registers.h"
#include "kernel/smp.h"
#include "kernel/time.h"
#include "kernel/trap_report.h"
#include "kernel/vectors.h"

#include <stdio.h>

/* At least PIT_HZ / 65536, which is as slow as that one goes. */
#define TICK_HZ 20

#define NANOSECONDS_PER_SECOND 1000000000UL

static enum watchdog_source source;
static volatile uint64_t ticks;

/* The tick reads these between any two instructions of watchdog_set(). */
static const char *volatile watched;
static volatile unsigned watched_seconds;
static volatile uint64_t deadline; /* 0: none */

void watchdog_init(void)
{
	pic_mask_all();
	if (apic_init() && apic_tick(TICK_HZ)) {
		source = WATCHDOG_APIC;
	} else {
		source = WATCHDOG_PIT;
		pit_tick(TICK_HZ);
		pic_unmask_timer();
	}
	interrupts_on();
}

enum watchdog_source watchdog_source(void)
{
	return source;
}

uint64_t watchdog_ticks(void)
{
	return ticks;
}

void watchdog_set(const char *what, unsigned seconds)
{
	deadline = 0;
	watched = what;
	watched_seconds = seconds;
	if (seconds)
		deadline = time_nanoseconds() + seconds * NANOSECONDS_PER_SECOND;
}

bool watchdog_armed(void)
{
	return deadline != 0;
}

static _Noreturn void expire(const struct registers *registers)
{
	char text[160];
	unsigned depth = fatal_begin();

	snprintf(text, sizeof(text), "%s made no progress for %u s", watched, watched_seconds);
	console_line("# watchdog: %s", text);
	if (depth == 1) {
		registers_print(registers);
		smp_print_unfinished();
	}
	fatal_end(text);
}

void watchdog_tick(const struct registers *registers)
{
	ticks++;
	if (source == WATCHDOG_PIT)
		pic_acknowledge_timer();
	else
		apic_acknowledge(VECTOR_TICK);
	if (deadline && time_nanoseconds() >= deadline)
		expire(registers);
}
