/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are in the kernel's address space. Nothing else is mapped.
 *
 *   KERNEL_BASE  + physical   the image: text r-x, rodata r--, data, bss and stacks rw-
 *   DIRECT_MAP   + physical   managed memory: DRAM rw-, persistent memory r-- or, with the user's
 *                             permission, rw-; see host_virt()
 *   WINDOWS                   kernel/windows.h
 *   HEAP                      malloc()
 *   CPU_AREAS                 kernel/percpu.h: stacks and state of the CPUs but the first, rw-
 *
 * The image's own frames are not in the direct map, so text has no writable alias.
 */
#pragma once

#define KERNEL_BASE     0xffffffff80000000UL
#define DIRECT_MAP      0xffff800000000000UL
#define DIRECT_MAP_SIZE (1UL << 46)
#define WINDOWS         0xffffc00000000000UL
#define WINDOWS_SIZE    (1UL << 44)
#define HEAP            0xffffd00000000000UL
#define HEAP_SIZE       (1UL << 40)
#define CPU_AREAS       0xffffe00000000000UL
#define CPU_AREA_SIZE   (1UL << 18) /* of each */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Bounds of the image, by the linker. All are PAGE_SIZE aligned; bss ends at kernel_end. */
extern const char kernel_start[], kernel_end[];
extern const char kernel_text_start[], kernel_text_end[];
extern const char kernel_rodata_start[], kernel_rodata_end[];
extern const char kernel_data_start[];

/* The boot CPU's stack (boot/entry.S). */
extern char boot_stack_guard[], boot_stack[], boot_stack_top[];

/* How the other CPUs enter (boot/ap_entry.S). */
extern const char ap_trampoline[], ap_trampoline_end[];
extern _Atomic(uint64_t) ap_stack;
extern uint64_t ap_page_tables;
#endif
