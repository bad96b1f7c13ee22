/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* the names of registers in a signal's context */
#include "tests/host/trace.h"

#include <string.h>

#include "tests/host/single_step.h"
#include "tests/test.h"

enum { WORD = sizeof(uint64_t) };

/* The trace under way, and what the instruction is that is executed next. */
static struct {
	struct trace *trace;
	unsigned char seen[TRACE_BYTES];
	struct instruction {
		enum { PLAIN, STORES_AROUND, FLUSHES, FENCES } kind;
		uintptr_t address; /* that it flushes */
	} next;
	bool overflow;
} stepping;

static void add_event(struct event event)
{
	struct trace *trace = stepping.trace;

	if (trace->nr == TRACE_EVENTS_MAX)
		stepping.overflow = true;
	else
		trace->events[trace->nr++] = event;
}

void trace_promise(uint64_t promise)
{
	add_event((struct event){.kind = EVENT_PROMISE, .value = promise});
}

/* --- Instructions (Intel SDM vol. 2, 2.1): only those that are known are taken apart. --- */

static uint64_t register_of(const ucontext_t *context, unsigned number)
{
	static const int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				     REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				     REG_R12, REG_R13, REG_R14, REG_R15};

	return (uint64_t)context->uc_mcontext.gregs[places[number]];
}

/* What the bytes from ModRM on address; `rex` extends the registers. */
static uintptr_t address_of(const ucontext_t *context, const unsigned char *modrm, unsigned rex)
{
	const unsigned char *next = modrm + 1;
	unsigned mod = *modrm >> 6, base = *modrm & 7;
	uint64_t address = 0;
	int32_t displacement = 0;
	bool has_base = true;

	if (base == 4) {
		unsigned sib = *next++;
		unsigned index = (sib >> 3 & 7) | (rex & 2) << 2;

		base = sib & 7;
		has_base = !(base == 5 && mod == 0);
		if (index != 4)
			address += register_of(context, index) << (sib >> 6);
	} else if (base == 5 && mod == 0) {
		memcpy(&displacement, next, 4);
		return (uintptr_t)(next + 4) + (uintptr_t)displacement;
	}
	if (has_base)
		address += register_of(context, base | (rex & 1) << 3);
	if (mod == 1)
		displacement = (signed char)*next;
	else if (mod == 2 || !has_base)
		memcpy(&displacement, next, 4);
	return address + (uintptr_t)displacement;
}

static struct instruction instruction_at(const ucontext_t *context)
{
	const unsigned char *next = (const unsigned char *)context->uc_mcontext.gregs[REG_RIP];
	unsigned prefix = 0, rex = 0, operation;

	if (*next == 0x66)
		prefix = *next++;
	if (*next >> 4 == 4)
		rex = *next++;
	if (next[0] != 0x0f)
		return (struct instruction){PLAIN, 0};
	if (next[1] == 0xc3)
		return (struct instruction){STORES_AROUND, 0};
	if (next[1] != 0xae)
		return (struct instruction){PLAIN, 0};
	operation = next[2] >> 3 & 7;
	if (next[2] >> 6 == 3)
		return (struct instruction){operation >= 6 ? FENCES : PLAIN, 0};
	if (operation == 7 || (operation == 6 && prefix))
		return (struct instruction){FLUSHES, address_of(context, next + 2, rex)};
	return (struct instruction){PLAIN, 0};
}

/* --- What they did. --- */

static const unsigned char *place_of(size_t at)
{
	return stepping.trace->lines[at / CACHE_LINE] + at % CACHE_LINE;
}

static void note_word(size_t at, enum event_kind kind)
{
	struct event event = {.kind = kind, .at = at};
	uint64_t old;

	memcpy(&old, stepping.seen + at, WORD);
	memcpy(&event.value, place_of(at), WORD);
	for (unsigned bit = 0; bit < 64; bit += 8)
		if ((old ^ event.value) >> bit & 0xff)
			event.mask |= (uint64_t)0xff << bit;
	memcpy(stepping.seen + at, &event.value, WORD);
	add_event(event);
}

static void note_stores(enum event_kind kind)
{
	for (size_t at = 0; at < stepping.trace->nr_lines * CACHE_LINE; at += WORD)
		if (memcmp(stepping.seen + at, place_of(at), WORD) != 0)
			note_word(at, kind);
}

static void note_flush(uintptr_t address)
{
	const struct trace *trace = stepping.trace;
	const unsigned char *line = (unsigned char *)align_down(address, CACHE_LINE);

	for (size_t i = 0; i < trace->nr_lines; i++)
		if (trace->lines[i] == line)
			add_event((struct event){.kind = EVENT_FLUSH, .at = i * CACHE_LINE});
}

/* An instruction is done. */
static void step(const ucontext_t *context)
{
	note_stores(stepping.next.kind == STORES_AROUND ? EVENT_STORE_AROUND : EVENT_STORE);
	if (stepping.next.kind == FLUSHES)
		note_flush(stepping.next.address);
	else if (stepping.next.kind == FENCES)
		add_event((struct event){.kind = EVENT_FENCE});
	stepping.next = instruction_at(context);
}

void trace_watch(struct trace *trace, void *start, size_t bytes)
{
	unsigned char *end = (unsigned char *)start + bytes;
	unsigned char *line = (unsigned char *)align_down((uintptr_t)start, CACHE_LINE);

	for (; line < end; line += CACHE_LINE) {
		size_t i = 0;

		while (i < trace->nr_lines && trace->lines[i] != line)
			i++;
		require(i < TRACE_LINES);
		trace->lines[i] = line;
		if (i == trace->nr_lines)
			trace->nr_lines++;
	}
}

void trace_run(struct trace *trace, void (*fn)(void *), void *arg)
{
	trace->nr = 0;
	memset(trace->before, 0, TRACE_BYTES);
	for (size_t i = 0; i < trace->nr_lines; i++)
		memcpy(trace->before + i * CACHE_LINE, trace->lines[i], CACHE_LINE);
	memcpy(stepping.seen, trace->before, TRACE_BYTES);
	stepping.trace = trace;
	stepping.next.kind = PLAIN;
	stepping.overflow = false;
	single_step(fn, arg, step);
	if (stepping.overflow)
		fail("more than %u events", TRACE_EVENTS_MAX);
}
