/* SPDX-License-Identifier: BSD-2-Clause */
/* Control registers, MSRs, CPUID and descriptor tables: one instruction each. */
#pragma once

#include <stdint.h>

#define CR0_NUMERIC_ERROR     (1UL << 5)
#define CR0_WRITE_PROTECT     (1UL << 16)
#define CR0_NOT_WRITE_THROUGH (1UL << 29)
#define CR0_CACHE_DISABLE     (1UL << 30)

#define CR4_PHYSICAL_EXTENSION (1UL << 5)
#define CR4_MACHINE_CHECK      (1UL << 6)
#define CR4_UMIP               (1UL << 11)
#define CR4_SMEP               (1UL << 20)
#define CR4_SMAP               (1UL << 21)

#define RFLAGS_TRAP            (1UL << 8)
#define RFLAGS_INTERRUPTS      (1UL << 9)
#define RFLAGS_DIRECTION       (1UL << 10)
#define RFLAGS_ALIGNMENT_CHECK (1UL << 18)

#define MSR_APIC_BASE   0x1b
#define MSR_MCG_CAP     0x179
#define MSR_MCG_STATUS  0x17a
#define MSR_MCG_CONTROL 0x17b
#define MSR_PAT         0x277
#define MSR_X2APIC      0x800 /* first of the local APIC's registers, in x2APIC mode */
/* Machine-check bank n. */
#define MSR_BANK_CONTROL(n) (0x400 + 4 * (n))
#define MSR_BANK_STATUS(n)  (0x401 + 4 * (n))
#define MSR_BANK_ADDRESS(n) (0x402 + 4 * (n))
#define MSR_BANK_MISC(n)    (0x403 + 4 * (n))

#define MSR_EFER    0xc0000080
#define MSR_GS_BASE 0xc0000101

#define EFER_NO_EXECUTE (1UL << 11)

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid result;

	__asm__ volatile("cpuid"
			 : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
			 : "a"(leaf), "c"(subleaf));
	return result;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr0, %0" : "=r"(value));
	return value;
}

static inline void write_cr0(uint64_t value)
{
	__asm__ volatile("movq %0, %%cr0" : : "r"(value) : "memory");
}

/* The address that the last page fault was about. */
static inline uint64_t read_cr2(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr2, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr3(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr3, %0" : "=r"(value));
	return value;
}

/* Also forgets every translation that the CPU has cached. */
static inline void write_cr3(uint64_t value)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"(value) : "memory");
}

static inline uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr4, %0" : "=r"(value));
	return value;
}

static inline void write_cr4(uint64_t value)
{
	__asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

/* Where a descriptor table is, for lgdt and lidt (SDM volume 3, figure 2-6). */
struct table_pointer {
	uint16_t limit; /* its size - 1 */
	uint64_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct table_pointer) == 10, "SDM volume 3, figure 2-6");

static inline void load_descriptor_table(const struct table_pointer *table)
{
	__asm__ volatile("lgdt %0" : : "m"(*table));
}

static inline void load_interrupt_table(const struct table_pointer *table)
{
	__asm__ volatile("lidt %0" : : "m"(*table));
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/*
 * Sleeps until an interrupt was handled, with interrupts off before and after. One that comes
 * before the hlt is not lost: sti lets none in until the next instruction has begun.
 */
static inline void wait_for_interrupt(void)
{
	__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

/* Until reset. An NMI may wake it, and it sleeps on. */
static inline _Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("cli\n\thlt" : : : "memory");
}
