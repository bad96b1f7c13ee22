/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/traps.h"

#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/fatal.h"
#include "kernel/machine_check.h"
#include "kernel/percpu.h"
#include "kernel/registers.h"
#include "kernel/segments.h"
#include "kernel/smp.h"
#include "kernel/trap_entry.h"
#include "kernel/trap_report.h"
#include "kernel/vectors.h"
#include "kernel/watchdog.h"
#include "mm/host.h"

/* An interrupt gate (Intel SDM volume 3, 6.14.1): interrupts are off in the handler. */
struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t stack; /* enum interrupt_stack */
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM volume 3, figure 6-8");

#define GATE_PRESENT_INTERRUPT 0x8e

/* A trap_catch() in progress. */
struct catch
{
	struct catch *outer;
	uint64_t stack; /* where trap_run() may be resumed */
	struct trap trap;
};

static struct gate gates[256];

static enum interrupt_stack stack_for(unsigned vector)
{
	switch (vector) {
	case TRAP_NMI:
		return INTERRUPT_STACK_NMI;
	case TRAP_DOUBLE_FAULT:
		return INTERRUPT_STACK_DOUBLE_FAULT;
	case TRAP_MACHINE_CHECK:
		return INTERRUPT_STACK_MACHINE_CHECK;
	default:
		return INTERRUPT_STACK_CURRENT;
	}
}

void traps_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t stub = (uint64_t)trap_stubs + i * TRAP_STUB_SIZE;

		gates[i] = (struct gate){
			.offset_low = (uint16_t)stub,
			.selector = SELECTOR_CODE,
			.stack = (uint8_t)stack_for(i),
			.type = GATE_PRESENT_INTERRUPT,
			.offset_middle = (uint16_t)(stub >> 16),
			.offset_high = (uint32_t)(stub >> 32),
		};
	}
	traps_init_another();
}

void traps_init_another(void)
{
	struct table_pointer pointer = {sizeof(gates) - 1, (uint64_t)gates};

	segments_load(&this_cpu()->segments, this_cpu()->stacks);
	load_interrupt_table(&pointer);
}

bool trap_catch(void (*fn)(void *), void *arg, struct trap *trap)
{
	struct percpu *cpu = this_cpu();
	struct catch catch = {.outer = cpu->catching};
	struct containment *containing = cpu->containing;
	bool trapped;

	cpu->catching = &catch;
	trapped = trap_run(fn, arg, &catch.stack);
	cpu->catching = catch.outer;
	cpu->containing = containing; /* fn may have trapped in a host_contain() */
	if (trapped)
		*trap = catch.trap;
	return trapped;
}

static bool can_catch(unsigned vector)
{
	return this_cpu()->catching && fatal_depth() == 0 &&
	       stack_for(vector) == INTERRUPT_STACK_CURRENT;
}

/* Goes on in trap_run(), with the flags that a function may expect at its entry. */
static void resume_catch(struct registers *registers, const struct trap *trap)
{
	struct catch *catch = this_cpu()->catching;

	catch->trap = *trap;
	registers->rip = (uint64_t)trap_resume;
	registers->rsp = catch->stack;
	registers->rflags &= ~(RFLAGS_TRAP | RFLAGS_DIRECTION | RFLAGS_ALIGNMENT_CHECK);
}

/* Nobody expected it. A trap inside a report is told in one line, since the rest may be broken. */
static _Noreturn void report(const struct registers *registers, const struct trap *trap)
{
	char text[160];
	unsigned depth = fatal_begin();

	trap_explain(trap, text, sizeof(text));
	console_line("# BUG: %s, on CPU %u", text, host_cpu());
	if (depth == 1 && trap->vector == TRAP_MACHINE_CHECK)
		machine_check_print();
	if (depth == 1)
		registers_print(registers);
	fatal_end(text);
}

void trap_handle(struct registers *registers)
{
	struct trap trap = {
		.vector = (unsigned)registers->vector,
		.error = registers->error,
		.rip = registers->rip,
	};

	if (trap.vector == VECTOR_TICK) {
		watchdog_tick(registers);
		return;
	}
	if (trap.vector >= TRAP_EXCEPTIONS) {
		apic_acknowledge(trap.vector);
		return;
	}
	if (trap.vector == TRAP_NMI && fatal_elsewhere())
		smp_stop(registers);
	if (trap.vector == TRAP_MACHINE_CHECK && machine_check_handle(registers))
		return;
	if (trap.vector == TRAP_PAGE_FAULT || trap.vector == TRAP_DOUBLE_FAULT)
		trap.address = read_cr2();
	if (can_catch(trap.vector))
		resume_catch(registers, &trap);
	else
		report(registers, &trap);
}
