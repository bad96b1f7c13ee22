/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One small store under the recorder: memory to store to, bytes to store, a flag that says so, and
 * what is wrong with what a power failure leaves of them. There is one.
 *
 * Old and new bytes differ at each offset, and so does each new byte from its neighbours, so that
 * what is old, new, torn or misplaced can be told apart.
 */
#pragma once

#include "tests/host/crash_states.h"

enum { STORED_MOST = 320, STORED_FLAG_AT = 512 };

extern struct stored {
	struct trace trace;
	unsigned char *memory; /* TRACE_BYTES of them, watched */
	unsigned char source[STORED_MOST];
	size_t offset, length; /* of what is stored from `source`: where in `memory`, how much */
	uint64_t *flag;        /* the word at STORED_FLAG_AT */
} stored;

/* Takes memory for the test. */
void stored_begin(void);

/* Makes the memory old and the source new, before `length` bytes are stored at `offset`. */
void stored_prepare(size_t offset, size_t length);

unsigned char stored_old_byte(size_t at);
unsigned char stored_new_byte(size_t at);

/* Whether the bytes [start, end) of a medium are all from the source, or all as they were. */
bool stored_is_new(const unsigned char *medium, size_t start, size_t end);
bool stored_is_old(const unsigned char *medium, size_t start, size_t end);

/* Records fn() and judges every state that the power can leave. */
struct crash_search stored_search(enum persistence_domain domain, void (*fn)(void *),
				  const char *(*judge)(const unsigned char *, uint64_t));

/* A judge: the flag tells of the record, and a promise other than 0 tells of the flag. */
const char *stored_judge_record(const unsigned char *medium, uint64_t promise);

/* The test fails if something was wrong; what was tried adds up until it is reported. */
void stored_expect_none(struct crash_search);
void stored_measure_states(void);
