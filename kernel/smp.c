/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/smp.h"

#include "kernel/apic.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/layout.h"
#include "kernel/machine_check.h"
#include "kernel/percpu.h"
#include "kernel/registers.h"
#include "kernel/time.h"
#include "kernel/traps.h"
#include "kernel/vectors.h"
#include "kernel/windows.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"

#include <stdio.h>
#include <string.h>

#define MILLISECOND 1000000UL

/* Intel SDM volume 3, 9.4.4: after the reset; and before the second message, which old CPUs need.
 */
#define RESET_NANOSECONDS  (10 * MILLISECOND)
#define SECOND_NANOSECONDS MILLISECOND

/*
 * A CPU answers within a millisecond, but that of a busy emulator may take its time. A table that
 * names many which are not there must not take minutes.
 */
#define PATIENT_NANOSECONDS   (1000 * MILLISECOND)
#define IMPATIENT_NANOSECONDS (100 * MILLISECOND)
enum { PATIENT_FAILURES = 8 };

#define STOP_NANOSECONDS (100 * MILLISECOND)

static struct {
	uint32_t apic_id;
	const char *reason;
} failed[HOST_CPUS_MAX];
static size_t nr_failed;
static size_t nr_left;

/* What all CPUs work on, and how many pieces there were so far. */
static struct {
	void (*fn)(void *);
	void *arg;
} work;
static atomic_uint pieces;
static bool working;           /* within smp_run() */
static atomic_uint unfinished; /* CPUs but the first that work on the last piece */

_Noreturn void ap_main(struct percpu *cpu);

/* --- The other CPUs --- */

static _Noreturn void work_for_ever(struct percpu *cpu)
{
	for (;;) {
		while (atomic_load(&cpu->done) == atomic_load(&pieces))
			wait_for_interrupt();
		write_cr3(read_cr3()); /* mappings may have changed */
		work.fn(work.arg);
		frame_alloc_flush();
		machine_check_poll();
		atomic_fetch_add(&cpu->done, 1);
		if (atomic_fetch_sub(&unfinished, 1) == 1)
			apic_send(percpu_get(0)->apic_id, APIC_INTERRUPT, VECTOR_WAKE);
	}
}

/* Called by boot/ap_entry.S, on the kernel's page tables and the stack of its own. */
_Noreturn void ap_main(struct percpu *cpu)
{
	enum cpu_state starting = CPU_STARTING;

	percpu_load(cpu);
	traps_init_another();
	cpu_init_another();
	machine_check_init();
	apic_init_another();
	/* If it was slow, it may be another one than the one that was meant. */
	cpu->apic_id = apic_id();
	if (atomic_compare_exchange_strong(&cpu->state, &starting, CPU_ONLINE))
		work_for_ever(cpu);
	halt();
}

/* --- Starting --- */

static void fail(uint32_t id, const char *reason)
{
	failed[nr_failed].apic_id = id;
	failed[nr_failed++].reason = reason;
}

static bool came_online(struct percpu *cpu, uint64_t nanoseconds)
{
	uint64_t start = time_nanoseconds();

	while (atomic_load(&cpu->state) != CPU_ONLINE) {
		if (time_nanoseconds() - start >= nanoseconds)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

/* Returns whether it takes part. If not, and *area is not NULL, no CPU has come to that area. */
static bool start_one(uint32_t id, struct percpu **area, unsigned page)
{
	struct percpu *cpu = *area;
	uint64_t *top = (uint64_t *)cpu->stacks[STACK_WORK].top;
	enum cpu_state starting = CPU_STARTING;
	uint64_t patience =
		nr_failed < PATIENT_FAILURES ? PATIENT_NANOSECONDS : IMPATIENT_NANOSECONDS;

	cpu->number = percpu_count();
	atomic_store(&cpu->done, atomic_load(&pieces));
	top[-1] = (uint64_t)cpu;
	atomic_store(&ap_stack, (uint64_t)&top[-1]);
	apic_send(id, APIC_STARTUP, page);
	if (!came_online(cpu, SECOND_NANOSECONDS)) {
		apic_send(id, APIC_STARTUP, page);
		came_online(cpu, patience);
	}
	if (atomic_compare_exchange_strong(&cpu->state, &starting, CPU_GIVEN_UP)) {
		if (atomic_exchange(&ap_stack, 0) == 0)
			*area = NULL; /* one is there, and may come to itself at any time */
		else
			atomic_store(&cpu->state, CPU_STARTING);
		return false;
	}
	percpu_add(cpu);
	*area = NULL;
	return true;
}

static void start_all(const uint32_t *apic_ids, size_t nr, pfn_t entry)
{
	struct percpu *area = NULL;

	for (size_t i = 0; i < nr; i++)
		apic_send(apic_ids[i], APIC_RESET, 0);
	time_wait(RESET_NANOSECONDS);
	for (size_t i = 0; i < nr; i++) {
		if (!area)
			area = percpu_create();
		if (!area)
			fail(apic_ids[i], "no-memory");
		else if (!start_one(apic_ids[i], &area, (unsigned)entry.n))
			fail(apic_ids[i], "no-answer");
	}
}

void smp_start(const uint32_t *apic_ids, size_t nr, size_t left, pfn_t entry)
{
	uint32_t reached[HOST_CPUS_MAX];
	size_t nr_reached = 0;
	void *code = NULL;

	nr_left = left;
	if (apic_present())
		percpu_get(0)->apic_id = apic_id();
	if (apic_present() && nr > 0 && entry.n > 0)
		code = map_mmio(pfn_to_phys(entry), PAGE_SIZE);
	for (size_t i = 0; i < nr; i++) {
		if (code && apic_reaches(apic_ids[i]))
			reached[nr_reached++] = apic_ids[i];
		else
			nr_left++;
	}
	if (nr_reached == 0)
		return;
	memcpy(code, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	ap_page_tables = read_cr3();
	start_all(reached, nr_reached, entry);
}

void smp_print(void (*line)(const char *))
{
	char text[100];

	snprintf(text, sizeof(text), "# cpus started=%u failed=%zu left=%zu apic=%s",
		 percpu_count(), nr_failed, nr_left, apic_mode_name());
	line(text);
	for (size_t i = 0; i < nr_failed; i++) {
		snprintf(text, sizeof(text), "# cpu-failed apic-id=%u reason=%s",
			 (unsigned)failed[i].apic_id, failed[i].reason);
		line(text);
	}
}

/* --- Work --- */

void smp_run(void (*fn)(void *), void *arg)
{
	if (host_cpu() != 0)
		host_panic("work for all CPUs is given out by CPU 0 only");
	if (working)
		host_panic("work for all CPUs within such work, or after such was left early");
	working = true;
	work.fn = fn;
	work.arg = arg;
	atomic_store(&unfinished, percpu_count() - 1);
	atomic_fetch_add(&pieces, 1);
	for (unsigned i = 1; i < percpu_count(); i++)
		apic_send(percpu_get(i)->apic_id, APIC_INTERRUPT, VECTOR_WAKE);
	fn(arg);
	interrupts_off();
	while (atomic_load(&unfinished) != 0)
		wait_for_interrupt();
	interrupts_on();
	working = false;
}

/* --- The end --- */

static bool all_stopped(void)
{
	for (unsigned i = 0; i < percpu_count(); i++)
		if (i != host_cpu() && !atomic_load(&percpu_get(i)->stopped))
			return false;
	return true;
}

void smp_stop_others(void)
{
	uint64_t start = time_nanoseconds();

	for (unsigned i = 0; i < percpu_count(); i++)
		if (i != host_cpu())
			apic_send(percpu_get(i)->apic_id, APIC_NMI, 0);
	while (!all_stopped() && time_nanoseconds() - start < STOP_NANOSECONDS)
		__builtin_ia32_pause();
}

_Noreturn void smp_stop(const struct registers *registers)
{
	struct percpu *cpu = this_cpu();

	cpu->stopped_rip = registers->rip;
	cpu->stopped_rbp = registers->rbp;
	atomic_store(&cpu->stopped, true);
	halt();
}

void smp_print_unfinished(void)
{
	for (unsigned i = 1; i < percpu_count(); i++) {
		const struct percpu *cpu = percpu_get(i);

		if (i == host_cpu() || atomic_load(&cpu->done) == atomic_load(&pieces))
			continue;
		console_line("# CPU %u has not finished its part", i);
		if (atomic_load(&cpu->stopped))
			backtrace_print(cpu->stopped_rip, cpu->stopped_rbp);
		else
			console_line("# CPU %u does not say where it is", i);
	}
}
