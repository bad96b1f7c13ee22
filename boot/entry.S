/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to kernel_main(magic, info): 32-bit protected mode without paging, then
 * boot page tables, long mode, a stack.
 *
 * The boot page tables map physical memory twice:
 *   at 0            the first 4 GiB, or 512 GiB if the CPU has 1 GiB pages
 *   at KERNEL_BASE  the first 1 GiB, where the kernel was linked
 * They are writable and executable throughout and live until paging_init().
 */
#include "boot/entry.h"

#define PVH_MAGIC 0x336ec578

#define PTE_PRESENT  (1 << 0)
#define PTE_WRITABLE (1 << 1)
#define PTE_LARGE    (1 << 7)
#define PTE_TABLE    (PTE_PRESENT | PTE_WRITABLE)
#define PTE_PAGE     (PTE_PRESENT | PTE_WRITABLE | PTE_LARGE)

#define CPUID_EXTENDED      0x80000001
#define CPUID_EDX_1GIB      26
#define CPUID_EDX_LONG_MODE 29

#define COM1             0x3f8
#define BOOT_STACK_BYTES 65536

	.section .boot.text, "ax"
	.code32

/* PVH: ebx = physical address of hvm_start_info; no magic in a register, so we make one. */
	.globl pvh_entry
	.type pvh_entry, @function
pvh_entry:
	movl	$PVH_MAGIC, %eax
	/* falls through */

/* Multiboot2: eax = magic, ebx = physical address of the boot information. */
	.globl multiboot2_entry
	.type multiboot2_entry, @function
multiboot2_entry:
	cli
	cld
	movl	%eax, %ebp
	movl	%ebx, %esi

	movl	$0x80000000, %eax
	cpuid
	cmpl	$CPUID_EXTENDED, %eax
	jb	no_long_mode
	movl	$CPUID_EXTENDED, %eax
	cpuid
	btl	$CPUID_EDX_LONG_MODE, %edx
	jnc	no_long_mode

	/* Four page directories with 2048 pages of 2 MiB: the first 4 GiB. */
	movl	$PTE_PAGE, %eax
	xorl	%ecx, %ecx
1:	movl	%eax, PHYS(boot_directories)(, %ecx, 8)
	addl	$0x200000, %eax
	incl	%ecx
	cmpl	$2048, %ecx
	jb	1b

	movl	$PHYS(boot_directories) + PTE_TABLE, PHYS(boot_low)
	movl	$PHYS(boot_directories) + 0x1000 + PTE_TABLE, PHYS(boot_low) + 8
	movl	$PHYS(boot_directories) + 0x2000 + PTE_TABLE, PHYS(boot_low) + 16
	movl	$PHYS(boot_directories) + 0x3000 + PTE_TABLE, PHYS(boot_low) + 24
	movl	$PHYS(boot_directories) + PTE_TABLE, PHYS(boot_high) + 510 * 8
	movl	$PHYS(boot_low) + PTE_TABLE, PHYS(boot_top)
	movl	$PHYS(boot_high) + PTE_TABLE, PHYS(boot_top) + 511 * 8

	/* Pages of 1 GiB from 4 GiB to 512 GiB. */
	btl	$CPUID_EDX_1GIB, %edx
	jnc	3f
	movl	$4, %ecx
2:	movl	%ecx, %eax
	shll	$30, %eax
	orl	$PTE_PAGE, %eax
	movl	%eax, PHYS(boot_low)(, %ecx, 8)
	movl	%ecx, %eax
	shrl	$2, %eax
	movl	%eax, PHYS(boot_low) + 4(, %ecx, 8)
	incl	%ecx
	cmpl	$512, %ecx
	jb	2b
3:
	movl	$CR4_PHYS_EXTENSION, %eax
	movl	%eax, %cr4
	movl	$PHYS(boot_top), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LONG_MODE, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PAGING, %eax
	movl	%eax, %cr0

	lgdt	PHYS(boot_gdt_pointer)
	ljmp	$SELECTOR_CODE64, $PHYS(long_mode)

/* Says so on the serial port, where there is one, and stops. */
no_long_mode:
	movl	$PHYS(no_long_mode_text), %esi
	movl	$(no_long_mode_end - no_long_mode_text), %ecx
	movw	$COM1, %dx
	rep outsb
1:	hlt
	jmp	1b

	.code64
long_mode:
	LOAD_DATA_SEGMENTS

	movq	$boot_stack_top, %rsp
	movl	%ebp, %edi
	/* esi holds the address of the information. A zero frame pointer ends backtraces. */
	xorl	%ebp, %ebp
	movq	$kernel_main, %rax
	call	*%rax
1:	hlt
	jmp	1b

	.section .boot.text
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9a000000ffff /* 64-bit code */
	.quad 0x00cf92000000ffff /* data */
boot_gdt_pointer:
	.short . - boot_gdt - 1
	.long PHYS(boot_gdt)

no_long_mode_text:
	.ascii "Bail out! This CPU has no 64-bit mode.\r\n"
no_long_mode_end:

	.section .pages, "aw", @nobits
	.balign 4096
	.globl boot_top
boot_top:
	.skip 4096
boot_low:
	.skip 4096
boot_high:
	.skip 4096
boot_directories:
	.skip 4 * 4096

/* The page below the stack: unmapped by paging_init(), so that an overflow faults. */
	.globl boot_stack_guard
boot_stack_guard:
	.skip 4096
	.globl boot_stack
boot_stack:
	.skip BOOT_STACK_BYTES
	.globl boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
