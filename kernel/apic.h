/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of this CPU, of which we use the timer and nothing else. In x2APIC mode, if the
 * firmware left it there, else through its page of registers.
 */
#pragma once

#include "mm/compiler.h"

#include <stdbool.h>

/*
 * Interrupts this CPU with VECTOR_TICK `hz` times a second. False: it has no local APIC, or its
 * timer does not count. After time_init() and paging_init().
 */
bool apic_tick(unsigned hz) must_check;

/* Tells the local APIC that an interrupt with this vector has been handled. */
void apic_acknowledge(unsigned vector);
