/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which instructions matter to persistent memory, by their bytes, and what address they flush
 * (Intel SDM vol. 2, chapter 2 and the instructions' own pages). 64-bit mode only.
 *
 * Instructions with the LOCK prefix, and XCHG, order flushes too. They are no fence here: code that
 * means to make something durable says so by a fence, and one that is locked for another reason
 * must not hide that the fence is missing. The kernel has no vector registers, so MOVNTI is the
 * only store around the caches.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum instruction_kind {
	INSTRUCTION_OTHER,
	INSTRUCTION_MOVNTI,
	INSTRUCTION_CLFLUSH,
	INSTRUCTION_CLFLUSHOPT,
	INSTRUCTION_CLWB,
	INSTRUCTION_SFENCE,
	INSTRUCTION_MFENCE,
	INSTRUCTION_MARKER, /* nopl MARKER + code(%rax) */
};

/* Markers are these upper 16 bits of the displacement and a code in the lower ones. */
enum { MARKER = 0xb1f0 };

enum { NO_REGISTER = -1, REGISTER_RIP = 16 };

/* An address is base + (index << scale) + displacement. Registers are numbered as encoded. */
struct instruction {
	enum instruction_kind kind;
	uint16_t code; /* of a marker */
	bool unclear;  /* a flush whose address has a segment's base or 32 bits in it */
	int base, index;
	unsigned scale;
	int64_t displacement;
};

/* Never reads past `length` bytes; what is cut off or unknown is INSTRUCTION_OTHER. */
struct instruction instruction_decode(const uint8_t *bytes, size_t length);
