/* SPDX-License-Identifier: BSD-2-Clause */
/* The composition root: what happens from the boot loader to the verdict. */
#include "kernel/console.h"
#include "kernel/port_io.h"

#include <string.h>

_Noreturn void kernel_main(uint32_t magic, uint32_t info);

_Noreturn void kernel_main(uint32_t magic, uint32_t info)
{
	static const char text[] = "Bifold\n";

	(void)magic;
	(void)info;
	console_init();
	console_write(text, strlen(text));
	out8(0xf4, 0x10);
	for (;;)
		__asm__ volatile("cli; hlt");
}
