/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/power.h"

#include "kernel/fwcfg.h"
#include "kernel/port_io.h"

enum {
	/* QEMU's isa-debug-exit: a write of v ends QEMU with status (v << 1) | 1. */
	PORT_DEBUG_EXIT = 0xf4,

	/* The keyboard controller's command "pulse output line 0", which is wired to reset. */
	PORT_KEYBOARD = 0x64,
	KEYBOARD_RESET = 0xfe,

	/* Intel chipsets' reset control register: first the kind, then the rising edge. */
	PORT_RESET_CONTROL = 0xcf9,
	RESET_HARD = 0x02,
	RESET_NOW = 0x06,

	/* About 0.1 s of port reads: a reset takes a while to happen. */
	RESET_READS = 100000,
};

static void leave_qemu(enum run_result result)
{
	static const uint8_t codes[] = {
		[RUN_PASSED] = 0x10,
		[RUN_FAILED] = 0x11,
		[RUN_SKIPPED] = 0x12,
	};

	out8(PORT_DEBUG_EXIT, codes[result]);
}

static void try_reset(uint16_t port, uint8_t value)
{
	out8(port, value);
	for (unsigned reads = 0; reads < RESET_READS; reads++)
		(void)in8(PORT_KEYBOARD);
}

static void reboot(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt;

	try_reset(PORT_KEYBOARD, KEYBOARD_RESET);
	try_reset(PORT_RESET_CONTROL, RESET_HARD);
	try_reset(PORT_RESET_CONTROL, RESET_NOW);
	/* A breakpoint without a way to deliver it, nor the fault of that: the CPU shuts down. */
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
}

_Noreturn void power_exit(enum exit_mode mode, enum run_result result)
{
	__asm__ volatile("cli");
	if (mode == EXIT_QEMU || (mode == EXIT_AUTO && fwcfg_present()))
		leave_qemu(result);
	if (mode == EXIT_REBOOT)
		reboot();
	for (;;)
		__asm__ volatile("hlt");
}
