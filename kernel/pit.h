/* SPDX-License-Identifier: BSD-2-Clause */
/* The PC's programmable interval timer (8254), where there is one. */
#pragma once

#include "mm/compiler.h"

#include <stdint.h>

#define PIT_HZ 1193182UL

/* TSC ticks that pass while the PIT counts down `count`; 0: it does not count. */
uint64_t pit_measure_tsc(uint16_t count);

/* Interrupts `hz` times a second on line 0 of the legacy interrupt controller; hz >= 19. */
void pit_tick(unsigned hz);
