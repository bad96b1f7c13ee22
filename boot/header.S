/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What boot loaders look for in the image: the multiboot2 header (Multiboot2 Specification 2.0,
 * section 3.1) for GRUB, and the PVH note (Xen, public/elfnote.h) for QEMU's -kernel.
 */

#define KERNEL_BASE 0xffffffff80000000

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define MULTIBOOT2_I386         0
#define TAG_END                 0
#define TAG_ENTRY_ADDRESS       3
#define TAG_FRAMEBUFFER         5
#define TAG_OPTIONAL            1

#define XEN_ELFNOTE_PHYS32_ENTRY 18

	.section .boot.header, "a"
	.balign 8
multiboot2_header:
	.long MULTIBOOT2_HEADER_MAGIC
	.long MULTIBOOT2_I386
	.long multiboot2_header_end - multiboot2_header
	.long -(MULTIBOOT2_HEADER_MAGIC + MULTIBOOT2_I386 + (multiboot2_header_end - multiboot2_header))

	.balign 8
	.short TAG_ENTRY_ADDRESS
	.short 0
	.long 12
	.long multiboot2_entry - KERNEL_BASE

	/* Width, height and depth are a wish; GRUB sets another mode when there is none such. */
	.balign 8
	.short TAG_FRAMEBUFFER
	.short TAG_OPTIONAL
	.long 20
	.long 1024, 768, 32

	.balign 8
	.short TAG_END
	.short 0
	.long 8
multiboot2_header_end:

	.section .note.pvh, "a", @note
	.balign 4
	.long 2f - 1f
	.long 4f - 3f
	.long XEN_ELFNOTE_PHYS32_ENTRY
1:	.asciz "Xen"
2:	.balign 4
3:	.long pvh_entry - KERNEL_BASE
4:	.balign 4

	.section .note.GNU-stack, "", @progbits
