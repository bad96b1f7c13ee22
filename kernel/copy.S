/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * size_t host_read(void *to, const void *from, size_t bytes)
 * int host_load(uint32_t *to, const uint32_t *from)
 *
 * mm/host.h. The instructions that read are the only ones of the kernel whose machine check does not
 * end the run: copy_fixups has their addresses, and where to go on instead of reading again. RCX is
 * then what host_read() has left to do.
 */
	.text
	.globl host_read
	.type host_read, @function
host_read:
	movq	%rdx, %rax
	movq	%rdx, %rcx
	shrq	$3, %rcx
	andl	$7, %edx
read_words:
	rep movsq
	movl	%edx, %ecx
read_bytes:
	rep movsb
	ret
words_left:
	leaq	(%rdx, %rcx, 8), %rcx
bytes_left:
	subq	%rcx, %rax
	ret
	.size host_read, . - host_read

	.globl host_load
	.type host_load, @function
host_load:
load_word:
	movl	(%rsi), %eax
	movl	%eax, (%rdi)
	xorl	%eax, %eax
	ret
load_failed:
	movl	$-5, %eax	/* -EIO */
	ret
	.size host_load, . - host_load

	.section .rodata
	.balign 8
	.globl copy_fixups
	.type copy_fixups, @object
copy_fixups:
	.quad	read_words, words_left
	.quad	read_bytes, bytes_left
	.quad	load_word, load_failed
	.quad	0, 0
	.size copy_fixups, . - copy_fixups

	.section .note.GNU-stack, "", @progbits
