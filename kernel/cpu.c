/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/cpu.h"

#include "kernel/registers.h"
#include "mm/host.h"

#include <string.h>

/*
 * Page attributes by the index that a page-table entry's PWT and PCD bits make. The CPU's own
 * table has write-through at index 1; we want write-combining there, for the framebuffer. The
 * upper four repeat the lower four.
 */
#define PAT_WRITE_BACK      0x06UL
#define PAT_WRITE_COMBINING 0x01UL
#define PAT_UNCACHED_MINUS  0x07UL
#define PAT_UNCACHED        0x00UL
#define PAT_HALF \
	(PAT_WRITE_BACK | PAT_WRITE_COMBINING << 8 | PAT_UNCACHED_MINUS << 16 | PAT_UNCACHED << 24)

static struct cpu_features features;

static bool bit(uint32_t word, unsigned number)
{
	return word >> number & 1;
}

/* CPUID leaf 0x15: the TSC's rate is crystal * numerator / denominator. */
static uint64_t stated_tsc_hz(void)
{
	struct cpuid leaf = cpuid(0x15, 0);

	if (leaf.eax == 0 || leaf.ebx == 0 || leaf.ecx == 0)
		return 0;
	return (uint64_t)leaf.ecx * leaf.ebx / leaf.eax;
}

static void read_features(void)
{
	struct cpuid leaf = cpuid(0, 0);
	uint32_t last = leaf.eax;
	uint32_t last_extended = cpuid(0x80000000, 0).eax;

	memcpy(features.vendor, &leaf.ebx, 4);
	memcpy(features.vendor + 4, &leaf.edx, 4);
	memcpy(features.vendor + 8, &leaf.ecx, 4);

	leaf = cpuid(1, 0);
	features.tsc = bit(leaf.edx, 4);
	features.machine_check = bit(leaf.edx, 7);
	features.local_apic = bit(leaf.edx, 9);
	features.machine_check_banks = features.machine_check && bit(leaf.edx, 14);
	features.pat = bit(leaf.edx, 16);
	features.clflush = bit(leaf.edx, 19);
	features.cache_line = features.clflush ? (leaf.ebx >> 8 & 0xff) * 8 : 0;
	features.x2apic = bit(leaf.ecx, 21);
	features.hypervisor = bit(leaf.ecx, 31);

	if (last >= 7) {
		leaf = cpuid(7, 0);
		features.smep = bit(leaf.ebx, 7);
		features.smap = bit(leaf.ebx, 20);
		features.clflushopt = bit(leaf.ebx, 23);
		features.clwb = bit(leaf.ebx, 24);
		features.umip = bit(leaf.ecx, 2);
	}
	if (last >= 0x15)
		features.tsc_hz = stated_tsc_hz();

	leaf = cpuid(0x80000001, 0);
	features.nx = bit(leaf.edx, 20);
	features.pages_1gib = bit(leaf.edx, 26);
	if (last_extended >= 0x80000007)
		features.tsc_invariant = bit(cpuid(0x80000007, 0).edx, 8);
	features.physical_bits = 36;
	if (last_extended >= 0x80000008)
		features.physical_bits = cpuid(0x80000008, 0).eax & 0xff;
	/* Page-table entries have room for no more. */
	if (features.physical_bits > 52)
		features.physical_bits = 52;
}

void cpu_init(void)
{
	read_features();
	if (!features.nx)
		host_panic(
			"this CPU cannot protect pages from execution (NX, \"execute disable\"); "
			"perhaps the firmware setup turned it off");
	if (!features.pat)
		host_panic("this CPU has no page attribute table (PAT)");
	if (!features.tsc)
		host_panic("this CPU has no time stamp counter (TSC)");
	cpu_init_another();
}

void cpu_init_another(void)
{
	uint64_t cr4 = CR4_PHYSICAL_EXTENSION;

	/*
	 * CR4 is set as a whole, without OSFXSR whatever the firmware left: nothing here uses the
	 * vector registers, and an instruction that would is to fault.
	 */
	if (features.machine_check)
		cr4 |= CR4_MACHINE_CHECK;
	if (features.umip)
		cr4 |= CR4_UMIP;
	if (features.smep)
		cr4 |= CR4_SMEP;
	if (features.smap)
		cr4 |= CR4_SMAP;
	write_cr4(cr4);
	write_cr0((read_cr0() & ~(CR0_CACHE_DISABLE | CR0_NOT_WRITE_THROUGH)) | CR0_NUMERIC_ERROR |
		  CR0_WRITE_PROTECT);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NO_EXECUTE);
	wrmsr(MSR_PAT, PAT_HALF << 32 | PAT_HALF);
}

const struct cpu_features *cpu_features(void)
{
	return &features;
}

bool cpu_has_physical(phys_t start, uint64_t bytes)
{
	uint64_t limit = 1UL << features.physical_bits;

	return bytes <= limit && start.addr <= limit - bytes;
}
