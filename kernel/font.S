/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen's font, a PSF file that the Makefile takes from the package console-setup-linux. */
	.section .rodata.font, "a"
	.globl font_file, font_file_end
font_file:
	.incbin "font.psf"
font_file_end:

	.section .note.GNU-stack, "", @progbits
