/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where application processors enter: in real mode, at the start of the page that the start-up
 * message named, and with nothing set up. ap_trampoline to ap_trampoline_end is copied there; it
 * works at any place. The rest runs where it is linked.
 *
 * The boot page tables, which still show the first 4 GiB at their physical addresses, lead to
 * 64-bit mode. The kernel's own take over before there is a stack.
 */
#include "boot/entry.h"

	.section .rodata
	.code16
	.globl ap_trampoline
ap_trampoline:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	ap_gdt_pointer - ap_trampoline
	movl	%cr0, %eax
	orl	$CR0_PROTECTION, %eax
	movl	%eax, %cr0
	ljmpl	$SELECTOR_CODE32, $PHYS(ap_protected_mode)
ap_gdt_pointer:
	.short ap_gdt_end - ap_gdt - 1
	.long PHYS(ap_gdt)
	.globl ap_trampoline_end
ap_trampoline_end:

	.section .boot.text, "ax"
	.code32
ap_protected_mode:
	LOAD_DATA_SEGMENTS

	movl	$CR4_PHYS_EXTENSION, %eax
	movl	%eax, %cr4
	movl	$PHYS(boot_top), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_LONG_MODE | EFER_NO_EXECUTE), %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PAGING, %eax
	movl	%eax, %cr0
	ljmp	$SELECTOR_CODE64, $PHYS(ap_long_mode)

	.code64
ap_long_mode:
	movq	$ap_kernel_mode, %rax
	jmp	*%rax
ap_kernel_mode:
	movq	ap_page_tables, %rax
	movq	%rax, %cr3

	/* The stack is for one CPU only: it takes it. One that comes too late finds none. */
	xorl	%eax, %eax
	xchgq	%rax, ap_stack
	testq	%rax, %rax
	jz	1f
	movq	%rax, %rsp
	popq	%rdi
	/* A zero frame pointer ends backtraces. */
	xorl	%ebp, %ebp
	call	ap_main
1:	cli
	hlt
	jmp	1b

	.balign 8
ap_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
	.quad 0x00cf9b000000ffff /* 32-bit code */
ap_gdt_end:

	.section .bss
	.balign 8
/* The top of a stack, on which lies what ap_main() is called with; 0: there is none. */
	.globl ap_stack
ap_stack:
	.skip 8
/* The physical address of the kernel's page tables. */
	.globl ap_page_tables
ap_page_tables:
	.skip 8

	.section .note.GNU-stack, "", @progbits
