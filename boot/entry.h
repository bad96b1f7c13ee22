/* SPDX-License-Identifier: BSD-2-Clause */
/* What the entries of all CPUs know of the CPU and of where the kernel is linked. */
#pragma once

/* Where the boot page tables show physical address 0 a second time; linker.ld has it, too. */
#define KERNEL_BASE  0xffffffff80000000
#define PHYS(symbol) (symbol - KERNEL_BASE)

#define MSR_EFER           0xc0000080
#define EFER_LONG_MODE     (1 << 8)
#define EFER_NO_EXECUTE    (1 << 11)
#define CR0_PROTECTION     (1 << 0)
#define CR0_PAGING         (1 << 31)
#define CR4_PHYS_EXTENSION (1 << 5)

#define SELECTOR_CODE64 0x08
#define SELECTOR_DATA   0x10
#define SELECTOR_CODE32 0x18

/* Data segments of the descriptor table that is loaded; none in FS and GS. EAX is lost. */
#define LOAD_DATA_SEGMENTS          \
	movl $SELECTOR_DATA, % eax; \
	movl % eax, % ds;           \
	movl % eax, % es;           \
	movl % eax, % ss;           \
	xorl % eax, % eax;          \
	movl % eax, % fs;           \
	movl % eax, % gs
