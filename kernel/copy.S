/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * size_t host_read(void *to, const void *from, size_t bytes): mm/host.h. The two instructions that
 * read are the only ones of the kernel whose machine check does not end the run: copy_fixups has
 * their addresses, and where to go on instead of reading again. RCX is then what was left to do.
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

	.section .rodata
	.balign 8
	.globl copy_fixups
	.type copy_fixups, @object
copy_fixups:
	.quad	read_words, words_left
	.quad	read_bytes, bytes_left
	.quad	0, 0
	.size copy_fixups, . - copy_fixups

	.section .note.GNU-stack, "", @progbits
