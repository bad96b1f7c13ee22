/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the recorder writes and tools/bifold/power/trace.py reads: a header, records in the order in
 * which they happened, one of RECORD_END. Numbers are little-endian.
 */
#pragma once

#include <stdint.h>

#define TRACE_MAGIC "BIFOLDP1"

enum record_kind {
	RECORD_STORE = 1,    /* `size` bytes, 1 to 8, at `where`: the lower bytes of `data` */
	RECORD_STORE_AROUND, /* the same, around the caches (MOVNTI) */
	RECORD_FLUSH,        /* CLWB or CLFLUSHOPT of the line that holds `where` */
	RECORD_CLFLUSH,      /* CLFLUSH, which later stores wait for */
	RECORD_FENCE,        /* SFENCE or MFENCE */
	RECORD_MARKER, /* `code`; `where` is rax, `data` the instructions so far, of all CPUs */
	RECORD_FLUSH_UNCLEAR, /* a flush whose address could not be found out */
	RECORD_END,           /* nothing is missing */
};

struct record {
	uint8_t kind;
	uint8_t cpu;
	uint8_t size;
	uint8_t medium; /* which of the recorded files */
	uint32_t code;
	uint64_t pc;
	uint64_t where; /* bytes from the medium's start */
	uint64_t data;
};

_Static_assert(sizeof(struct record) == 32, "as trace.py reads it");
