/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/machine_check.h"

#include "kernel/console.h"
#include "kernel/copy.h"
#include "kernel/cpu.h"
#include "kernel/percpu.h"
#include "kernel/registers.h"
#include "kernel/trap_entry.h"
#include "kernel/traps.h"
#include "mm/bad_lines.h"
#include "mm/host.h"
#include "mm/page.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { NOTES_MAX = 64, SECTOR_BYTES = 512 };

/* How an error came to be noted, and what was done. */
enum outcome {
	OUTCOME_BEFORE_BOOT, /* it was there when this kernel began */
	OUTCOME_CONTAINED,   /* the copy that met it returned early */
	OUTCOME_GONE_ON,     /* nobody needed what is lost */
	OUTCOME_FOUND,       /* it raised nothing */
};

enum note_state {
	NOTE_EMPTY,
	NOTE_BEING_WRITTEN,
	NOTE_WRITTEN,
};

static struct note {
	_Atomic(enum note_state) state;
	unsigned cpu;
	unsigned bank;
	struct machine_bank registers;
	enum outcome outcome;
} notes[NOTES_MAX];

static atomic_uint notes_lost; /* for want of a place */
static _Atomic uint64_t counts[MACHINE_FATAL + 1];

static uint64_t capabilities(void)
{
	return cpu_features()->machine_check_banks ? rdmsr(MSR_MCG_CAP) : 0;
}

/* Of a CPU that has no such register it is not known that it can go on. */
static uint64_t global_status(void)
{
	return cpu_features()->machine_check_banks ? rdmsr(MSR_MCG_STATUS) : 0;
}

static unsigned bank_count(void)
{
	return capabilities() & MCG_CAP_BANKS;
}

/* ADDR and MISC exist only where STATUS says so: reading them elsewhere may fault. */
static struct machine_bank read_bank(unsigned number)
{
	struct machine_bank bank = {.status = rdmsr(MSR_BANK_STATUS(number))};

	if (!(bank.status & BANK_VALID))
		return bank;
	if (bank.status & BANK_HAS_ADDRESS)
		bank.address = rdmsr(MSR_BANK_ADDRESS(number));
	if (bank.status & BANK_HAS_MISC)
		bank.misc = rdmsr(MSR_BANK_MISC(number));
	return bank;
}

static void note(unsigned number, const struct machine_bank *bank, enum machine_severity severity,
		 enum outcome outcome)
{
	atomic_fetch_add(&counts[severity], 1);
	for (size_t i = 0; i < NOTES_MAX; i++) {
		enum note_state empty = NOTE_EMPTY;

		if (!atomic_compare_exchange_strong(&notes[i].state, &empty, NOTE_BEING_WRITTEN))
			continue;
		notes[i].cpu = host_cpu();
		notes[i].bank = number;
		notes[i].registers = *bank;
		notes[i].outcome = outcome;
		atomic_store(&notes[i].state, NOTE_WRITTEN);
		return;
	}
	atomic_fetch_add(&notes_lost, 1);
}

/* What a bank says is noted, bad memory goes out of use, and the bank is free for the next one. */
static void take(unsigned number, const struct machine_bank *bank, enum outcome outcome)
{
	struct machine_error error = machine_error_decode(bank, capabilities());

	/* What no region has, nobody here uses: the line of the report says so. */
	if (outcome != OUTCOME_BEFORE_BOOT && error.severity > MACHINE_CORRECTED &&
	    error.in_memory && error.bytes)
		(void)!bad_lines_add(error.start, error.bytes);
	note(number, bank, error.severity, outcome);
	wrmsr(MSR_BANK_STATUS(number), 0);
}

/* --- At the beginning, and now and then --- */

/* Before Nehalem bank 0 of Intel's CPUs was the BIOS's alone (SDM volume 3B, 16.5). */
static bool is_for_bios(unsigned bank)
{
	const unsigned nehalem = 0x1a;
	uint32_t eax = cpuid(1, 0).eax;
	unsigned family = eax >> 8 & 0xf;
	unsigned model = (eax >> 4 & 0xf) | (eax >> 12 & 0xf0);

	return bank == 0 && family == 6 && model < nehalem &&
	       strcmp(cpu_features()->vendor, "GenuineIntel") == 0;
}

void machine_check_init(void)
{
	for (unsigned i = 0; i < bank_count(); i++) {
		struct machine_bank bank = read_bank(i);

		if (bank.status & BANK_VALID)
			take(i, &bank, OUTCOME_BEFORE_BOOT);
		if (!is_for_bios(i))
			wrmsr(MSR_BANK_CONTROL(i), UINT64_MAX);
	}
	if (capabilities() & MCG_CAP_CONTROL)
		wrmsr(MSR_MCG_CONTROL, UINT64_MAX);
}

void machine_check_poll(void)
{
	for (unsigned i = 0; i < bank_count(); i++) {
		struct machine_bank bank = read_bank(i);
		enum machine_severity severity =
			machine_error_decode(&bank, capabilities()).severity;

		/* What raises #MC is left to that. */
		if (severity == MACHINE_CORRECTED || severity == MACHINE_DEFERRED)
			take(i, &bank, OUTCOME_FOUND);
	}
}

/* --- At a machine check --- */

/* A host_contain() in progress. */
struct containment {
	uint64_t stack;    /* where trap_run() may be resumed */
	const char *start; /* what is read */
	size_t bytes;
};

int host_contain(void (*fn)(void *), void *arg, const void *start, size_t bytes)
{
	struct percpu *cpu = this_cpu();
	struct containment containment = {.start = start, .bytes = bytes};
	bool left;

	cpu->containing = &containment;
	left = trap_run(fn, arg, &containment.stack);
	cpu->containing = NULL;
	return left ? -EIO : 0;
}

/* Where to go on. */
struct resumption {
	uint64_t rip;   /* 0: where it was */
	uint64_t stack; /* 0: as it was */
};

/* Only what is to be read tells: a handler may have interrupted the function meanwhile. */
static bool is_contained(const struct machine_error *error)
{
	const struct containment *containing = this_cpu()->containing;
	const char *bad = error->in_memory && error->bytes ? host_virt(error->start) : NULL;

	return containing && bad && bad < containing->start + containing->bytes &&
	       containing->start < bad + error->bytes;
}

/* Where to go on instead of at an instruction that read bad memory. False: it cannot be left. */
static bool resume_after(uint64_t rip, const struct machine_error *error, struct resumption *resume)
{
	const struct copy_fixup *fixup = copy_fixups;

	while (fixup->rip && fixup->rip != rip)
		fixup++;
	if (fixup->rip)
		*resume = (struct resumption){.rip = fixup->resume};
	else if (is_contained(error))
		*resume = (struct resumption){.rip = (uint64_t)trap_resume,
					      .stack = this_cpu()->containing->stack};
	else
		return false;
	return true;
}

/*
 * Whether the run can go on, with what the first bank says that forbids it in *bank, or -1; *resume
 * is where to.
 */
static bool can_go_on(uint64_t rip, struct resumption *resume, int *bank)
{
	uint64_t status = global_status();
	const struct machine_error nothing = {.severity = MACHINE_NONE};

	*resume = (struct resumption){0};
	*bank = -1;
	for (unsigned i = 0; i < bank_count(); i++) {
		struct machine_bank registers = read_bank(i);
		struct machine_error error = machine_error_decode(&registers, capabilities());
		enum machine_action action = machine_error_action(&error, status);

		if (error.severity == MACHINE_NONE)
			continue;
		if (action == MACHINE_END ||
		    (action == MACHINE_CONTAIN && !resume_after(rip, &error, resume))) {
			*bank = (int)i;
			return false;
		}
	}
	return machine_error_action(&nothing, status) != MACHINE_END;
}

/*
 * An error that another CPU's instruction needs action for stays in its bank, which CPUs may share:
 * that one has not seen it yet, perhaps.
 */
static bool is_for_this_cpu(enum machine_severity severity)
{
	return severity != MACHINE_REQUIRED || (global_status() & MCG_STATUS_ITS_CODE);
}

bool machine_check_handle(struct registers *registers)
{
	struct resumption resume;
	int fatal;

	if (!can_go_on(registers->rip, &resume, &fatal))
		return false;
	for (unsigned i = 0; i < bank_count(); i++) {
		struct machine_bank bank = read_bank(i);
		enum machine_severity severity =
			machine_error_decode(&bank, capabilities()).severity;

		if (severity != MACHINE_NONE && is_for_this_cpu(severity))
			take(i, &bank,
			     severity == MACHINE_REQUIRED ? OUTCOME_CONTAINED : OUTCOME_GONE_ON);
	}
	if (resume.rip)
		registers->rip = resume.rip;
	if (resume.stack) {
		registers->rsp = resume.stack;
		registers->rflags &= ~(RFLAGS_DIRECTION | RFLAGS_ALIGNMENT_CHECK);
	}
	wrmsr(MSR_MCG_STATUS, 0);
	return true;
}

/* --- In words --- */

/* "0x100003000, pmem0 sector 24", or that nobody knows. */
static void explain_place(const struct machine_error *error, char *text, size_t size)
{
	const struct region *region =
		error->bytes ? pfn_to_region(phys_to_pfn(error->start)) : NULL;
	unsigned long long address = error->start.addr;

	if (!error->bytes)
		snprintf(text, size, "an unknown address");
	else if (!region)
		snprintf(text, size, "0x%llx, in no region", address);
	else
		snprintf(text, size, "0x%llx, %s sector %llu", address, region->name,
			 (address - pfn_to_phys(region->start).addr) / SECTOR_BYTES);
}

static const char *why_fatal(const struct machine_error *error, uint64_t status)
{
	if (status & BANK_CORRUPT)
		return "the CPU's state is corrupt";
	if (error->severity == MACHINE_FATAL)
		return "what is lost is not known";
	if (!(global_status() & MCG_STATUS_RESTART))
		return "the interrupted code cannot go on";
	return "needed by code that cannot do without";
}

void machine_check_explain(uint64_t rip, char *text, size_t size)
{
	struct machine_bank registers;
	struct machine_error error;
	char place[64];
	struct resumption resume;
	int bank;

	if (can_go_on(rip, &resume, &bank) || bank < 0) {
		snprintf(text, size, "machine check: the interrupted code cannot go on");
		return;
	}
	registers = read_bank((unsigned)bank);
	error = machine_error_decode(&registers, capabilities());
	explain_place(&error, place, sizeof(place));
	snprintf(text, size, "machine check: %s (%s) at %s: %s", error.what,
		 machine_severity_name(error.severity), place, why_fatal(&error, registers.status));
}

void machine_check_print(void)
{
	console_line("# machine-check global-status=0x%llx banks=%u",
		     (unsigned long long)global_status(), bank_count());
	for (unsigned i = 0; i < bank_count(); i++) {
		struct machine_bank bank = read_bank(i);

		if (bank.status & BANK_VALID)
			console_line("# machine-check bank=%u status=0x%016llx address=0x%llx "
				     "misc=0x%llx",
				     i, (unsigned long long)bank.status,
				     (unsigned long long)bank.address,
				     (unsigned long long)bank.misc);
	}
}

/* One word, as values in a report's line are. */
static void word(const char *words, char *text, size_t size)
{
	snprintf(text, size, "%s", words);
	for (; *text; text++)
		if (*text == ' ')
			*text = '-';
}

static void report(const struct note *note)
{
	static const char *const outcomes[] = {
		[OUTCOME_BEFORE_BOOT] = "before-boot",
		[OUTCOME_CONTAINED] = "contained",
		[OUTCOME_GONE_ON] = "gone-on",
		[OUTCOME_FOUND] = "found",
	};
	struct machine_error error = machine_error_decode(&note->registers, capabilities());
	const struct region *region = error.bytes ? pfn_to_region(phys_to_pfn(error.start)) : NULL;
	char what[40];

	word(error.what, what, sizeof(what));
	console_line("# memory-error cpu=%u bank=%u severity=%s what=%s address=0x%llx bytes=%zu "
		     "region=%s outcome=%s status=0x%016llx",
		     note->cpu, note->bank, machine_severity_name(error.severity), what,
		     (unsigned long long)error.start.addr, error.bytes,
		     region ? region->name : "none", outcomes[note->outcome],
		     (unsigned long long)note->registers.status);
}

unsigned machine_check_report(void)
{
	unsigned lost = atomic_exchange(&notes_lost, 0);
	unsigned nr = lost;

	for (size_t i = 0; i < NOTES_MAX; i++) {
		if (atomic_load(&notes[i].state) != NOTE_WRITTEN)
			continue;
		report(&notes[i]);
		atomic_store(&notes[i].state, NOTE_EMPTY);
		nr++;
	}
	if (lost)
		console_line("# memory-error unreported=%u", lost);
	return nr;
}

uint64_t machine_check_count(enum machine_severity severity)
{
	return atomic_load(&counts[severity]);
}
