/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of the CPU that calls, of which we use the timer and the messages to other CPUs.
 * In x2APIC mode where the CPU has it, else through its page of registers.
 */
#pragma once

#include "mm/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* On CPU 0, after paging_init(), interrupts off. False: there is none, and nothing here works. */
bool apic_init(void) must_check;

/* On another CPU, in the same mode. */
void apic_init_another(void);

/* Whether there is one. */
bool apic_present(void);

/* "xapic", "x2apic" or "none". */
const char *apic_mode_name(void);

/* This CPU's address for messages. */
uint32_t apic_id(void);

/* Whether messages can be sent to this address; without x2APIC, it has 8 bits. */
bool apic_reaches(uint32_t id);

/* What a message does to the CPU that gets it (Intel SDM volume 3, 11.6.1). */
enum apic_message {
	APIC_INTERRUPT = 0x000, /* with the vector */
	APIC_NMI = 0x400,
	APIC_RESET = 0x500,   /* "INIT": it waits for the next one */
	APIC_STARTUP = 0x600, /* it begins at the page of this number, below 1 MiB */
};

/* Does not wait until it has arrived. Whatever was stored before is seen by who gets it. */
void apic_send(uint32_t id, enum apic_message, unsigned vector);

/*
 * Interrupts this CPU with VECTOR_TICK `hz` times a second. False: its timer does not count. After
 * time_init().
 */
bool apic_tick(unsigned hz) must_check;

/* Tells the local APIC that an interrupt with this vector has been handled. */
void apic_acknowledge(unsigned vector);
