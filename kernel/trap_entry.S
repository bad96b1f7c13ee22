/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the CPU enters on a trap or an interrupt: one stub per vector, each of TRAP_STUB_SIZE
 * bytes, so that stub n is trap_stubs + n * TRAP_STUB_SIZE. All of them build a struct registers
 * (kernel/traps.h) on the stack and call trap_handle() with its address.
 */
#include "kernel/trap_entry.h"

	.text
	.balign TRAP_STUB_SIZE
	.globl trap_stubs
	.type trap_stubs, @function
trap_stubs:
	.set vector, 0
	.rept 256
	.balign TRAP_STUB_SIZE
	/* The CPU pushes an error code for vectors 8, 10 to 14, 17, 21, 29 and 30. */
	.ifeq (vector - 8) * (vector - 10) * (vector - 11) * (vector - 12) * (vector - 13) * \
	      (vector - 14) * (vector - 17) * (vector - 21) * (vector - 29) * (vector - 30)
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set vector, vector + 1
	.endr
	.size trap_stubs, . - trap_stubs

	.type trap_common, @function
trap_common:
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	/*
	 * The interrupted code may have been copying downwards. The CPU aligned the stack to 16
	 * before it pushed; 22 words later it is so again, as a call needs it.
	 */
	cld
	movq	%rsp, %rdi
	call	trap_handle
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp /* vector and error code */
	iretq
	.size trap_common, . - trap_common

/*
 * bool trap_run(void (*fn)(void *), void *arg, uint64_t *stack): calls fn(arg) and returns false.
 * When fn traps, trap_handle() resumes at trap_resume with the stack pointer from *stack, which
 * returns true from this call; what a caller may expect kept is on the stack.
 */
	.globl trap_run
	.type trap_run, @function
trap_run:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	movq	%rsp, (%rdx)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	xorl	%eax, %eax
	jmp	1f
	.globl trap_resume
trap_resume:
	movl	$1, %eax
1:	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size trap_run, . - trap_run

	.section .note.GNU-stack, "", @progbits
