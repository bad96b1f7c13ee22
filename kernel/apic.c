/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/apic.h"

#include "kernel/cpu.h"
#include "kernel/registers.h"
#include "kernel/time.h"
#include "kernel/vectors.h"
#include "kernel/windows.h"

/* Offsets of the registers (Intel SDM volume 3, 11.4.1); as an MSR, MSR_X2APIC + offset / 16. */
enum {
	APIC_ID = 0x020,
	APIC_TASK_PRIORITY = 0x080,
	APIC_END_OF_INTERRUPT = 0x0b0,
	APIC_SPURIOUS = 0x0f0,
	APIC_COMMAND =
		0x300, /* sends when it is written; as an MSR, it has the other in its upper half */
	APIC_COMMAND_TARGET = 0x310,
	APIC_TIMER = 0x320,
	APIC_LINE0 = 0x350, /* where the legacy controllers come in */
	APIC_TIMER_COUNT = 0x380,
	APIC_TIMER_NOW = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
	APIC_BYTES = 0x400,
};

#define BASE_X2APIC  (1UL << 10)
#define BASE_ENABLED (1UL << 11)
#define BASE_ADDRESS 0x000ffffffffff000UL

#define COMMAND_PENDING (1u << 12) /* the last one was not yet sent */
#define COMMAND_ASSERT  (1u << 14)

/* Messages to 255 go to all CPUs. */
#define XAPIC_ID_SHIFT 24
#define XAPIC_ID_MAX   254u
#define X2APIC_ID_MAX  (UINT32_MAX - 1)

/* A few microseconds; a message that cannot be sent for so long is lost. */
#define SEND_READS 10000

#define SPURIOUS_ENABLED (1u << 8)
#define ENTRY_MASKED     (1u << 16)
#define ENTRY_PERIODIC   (1u << 17)
#define DIVIDE_BY_16     0x3u

#define CALIBRATION_NANOSECONDS 10000000UL
#define CALIBRATIONS_PER_SECOND 100UL

static volatile char *window; /* NULL: there is none, or it is in x2APIC mode */
static bool x2apic;

static void write_register(unsigned offset, uint32_t value)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + offset / 16, value);
	else if (window)
		*(volatile uint32_t *)(window + offset) = value;
}

static uint32_t read_register(unsigned offset)
{
	if (x2apic)
		return (uint32_t)rdmsr(MSR_X2APIC + offset / 16);
	return *(volatile uint32_t *)(window + offset);
}

/* x2APIC mode is entered from the other one only (Intel SDM volume 3, 11.12.5). */
static void enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | BASE_ENABLED;

	if (!(base & BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
	write_register(APIC_TASK_PRIORITY, 0);
	write_register(APIC_SPURIOUS, SPURIOUS_ENABLED | VECTOR_SPURIOUS);
}

bool apic_init(void)
{
	if (!cpu_features()->local_apic)
		return false;
	x2apic = cpu_features()->x2apic;
	if (!x2apic)
		window = map_mmio(phys(rdmsr(MSR_APIC_BASE) & BASE_ADDRESS), APIC_BYTES);
	if (apic_present())
		enable();
	return apic_present();
}

void apic_init_another(void)
{
	enable();
}

bool apic_present(void)
{
	return x2apic || window;
}

const char *apic_mode_name(void)
{
	return x2apic ? "x2apic" : window ? "xapic" : "none";
}

uint32_t apic_id(void)
{
	uint32_t id = read_register(APIC_ID);

	return x2apic ? id : id >> XAPIC_ID_SHIFT;
}

bool apic_reaches(uint32_t id)
{
	return id <= (x2apic ? X2APIC_ID_MAX : XAPIC_ID_MAX);
}

void apic_send(uint32_t id, enum apic_message message, unsigned vector)
{
	uint32_t command = (uint32_t)message | COMMAND_ASSERT | vector;

	if (x2apic) {
		/* A write of these MSRs waits for no store before it. */
		__asm__ volatile("mfence\n\tlfence" : : : "memory");
		wrmsr(MSR_X2APIC + APIC_COMMAND / 16, (uint64_t)id << 32 | command);
		return;
	}
	write_register(APIC_COMMAND_TARGET, id << XAPIC_ID_SHIFT);
	write_register(APIC_COMMAND, command);
	for (unsigned i = 0; i < SEND_READS; i++)
		if (!(read_register(APIC_COMMAND) & COMMAND_PENDING))
			break;
}

bool apic_tick(unsigned hz)
{
	uint64_t counted;

	write_register(APIC_TIMER, ENTRY_MASKED | VECTOR_TICK);
	write_register(APIC_TIMER_DIVIDE, DIVIDE_BY_16);
	write_register(APIC_TIMER_COUNT, UINT32_MAX);
	time_wait(CALIBRATION_NANOSECONDS);
	counted = UINT32_MAX - read_register(APIC_TIMER_NOW);
	counted = counted * CALIBRATIONS_PER_SECOND / hz;
	if (counted == 0 || counted > UINT32_MAX)
		return false;

	write_register(APIC_LINE0, ENTRY_MASKED);
	write_register(APIC_TIMER, ENTRY_PERIODIC | VECTOR_TICK);
	write_register(APIC_TIMER_COUNT, (uint32_t)counted);
	return true;
}

void apic_acknowledge(unsigned vector)
{
	/* Spurious ones are not in service, and must not end one that is. */
	if (vector != VECTOR_SPURIOUS)
		write_register(APIC_END_OF_INTERRUPT, 0);
}
