/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt vectors. The higher the vector, the higher its priority at the local APIC: the tick is
 * above whatever a device may send.
 */
#pragma once

enum {
	VECTOR_PIC = 0xe0,        /* 16 of them, one per line of the legacy controllers */
	VECTOR_TICK = VECTOR_PIC, /* line 0, the PIT's; the local APIC's timer uses the same */
	VECTOR_WAKE = 0xf0,       /* ends a CPU's sleep, and nothing else */
	VECTOR_SPURIOUS = 0xff,
};
