/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/apic.h"

#include "kernel/cpu.h"
#include "kernel/registers.h"
#include "kernel/time.h"
#include "kernel/vectors.h"
#include "kernel/windows.h"

/* Offsets of the registers (Intel SDM volume 3, 11.4.1); as an MSR, MSR_X2APIC + offset / 16. */
enum {
	APIC_TASK_PRIORITY = 0x080,
	APIC_END_OF_INTERRUPT = 0x0b0,
	APIC_SPURIOUS = 0x0f0,
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

/* Finds the registers. */
static bool find_registers(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	x2apic = (base & BASE_ENABLED) && (base & BASE_X2APIC);
	if (x2apic)
		return true;
	wrmsr(MSR_APIC_BASE, base | BASE_ENABLED);
	window = map_mmio(phys(base & BASE_ADDRESS), APIC_BYTES);
	return window != NULL;
}

bool apic_tick(unsigned hz)
{
	uint64_t counted;

	if (!cpu_features()->local_apic || !find_registers())
		return false;
	write_register(APIC_TASK_PRIORITY, 0);
	write_register(APIC_SPURIOUS, SPURIOUS_ENABLED | VECTOR_SPURIOUS);

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
