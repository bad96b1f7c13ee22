/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/persist.h"

#include "mm/flush_hints.h"

#include <cpuid.h>
#include <string.h>

enum {
	CPUID_EXTENDED_FEATURES = 7,
	EBX_CLFLUSHOPT = 1 << 23,
	EBX_CLWB = 1 << 24,
};

static enum flush_instruction instruction = FLUSH_CLFLUSH;
static enum persistence_domain domain = PERSISTENCE_UNKNOWN;

void persist_set_domain(enum persistence_domain weakest)
{
	domain = weakest;
}

enum persistence_domain persist_domain(void)
{
	return domain;
}

bool persist_use(enum flush_instruction which)
{
	static const unsigned needs[] = {0, EBX_CLFLUSHOPT, EBX_CLWB};
	unsigned eax, ebx = 0, ecx, edx;

	/* Where there is no such leaf, ebx stays zero. */
	(void)__get_cpuid_count(CPUID_EXTENDED_FEATURES, 0, &eax, &ebx, &ecx, &edx);
	if (needs[which] & ~ebx)
		return false;
	instruction = which;
	return true;
}

void persist_init(void)
{
	for (unsigned which = FLUSH_CLFLUSH; which <= FLUSH_CLWB; which++)
		(void)!persist_use((enum flush_instruction)which);
}

enum flush_instruction persist_instruction(void)
{
	return instruction;
}

const char *flush_instruction_name(enum flush_instruction which)
{
	static const char *const names[] = {"clflush", "clflushopt", "clwb"};

	return names[which];
}

/* A loop for each instruction, with little else in it. */
void persist_flush(const void *start, size_t bytes)
{
	const char *line = (const char *)align_down((uintptr_t)start, CACHE_LINE);
	const char *end = (const char *)start + bytes;

	if (bytes == 0 || domain == PERSISTENCE_CPU_CACHE)
		return;
	switch (instruction) {
	case FLUSH_CLWB:
		for (; line < end; line += CACHE_LINE)
			asm volatile("clwb %0" : : "m"(*line) : "memory");
		break;
	case FLUSH_CLFLUSHOPT:
		for (; line < end; line += CACHE_LINE)
			asm volatile("clflushopt %0" : : "m"(*line) : "memory");
		break;
	case FLUSH_CLFLUSH:
		for (; line < end; line += CACHE_LINE)
			asm volatile("clflush %0" : : "m"(*line) : "memory");
		break;
	}
}

void persist_fence(void)
{
	asm volatile("sfence" : : : "memory");
}

void persist_drain(const void *where)
{
	const struct flush_range *range = flush_hints_of(where);

	persist_fence();
	if (!range)
		return;
	flush_hints_store(range);
	persist_fence();
}

/* The load that saw the device's word is over before a line is flushed: CLWB does not wait for it.
 */
void persist_dma(const void *start, size_t bytes)
{
	asm volatile("mfence" : : : "memory");
	persist_flush(start, bytes);
	persist_drain(start);
}

/* What a CPU stores, and a medium keeps, in one piece; of memory of any type. */
typedef uint64_t __attribute__((may_alias)) word_t;

/*
 * Bytes as they are stored. Only whole words can go around the cache from general registers, so a
 * line of which a part of a word is wanted is stored to as usual and flushed. No line is both, and
 * none is flushed twice.
 */
struct parts {
	size_t head; /* in the first line */
	size_t body; /* whole words */
	size_t tail; /* in the last line */
};

static size_t at_most(size_t bytes, size_t limit)
{
	return bytes < limit ? bytes : limit;
}

static struct parts parts_of(const void *to, size_t bytes)
{
	uintptr_t start = (uintptr_t)to;
	uintptr_t end = start + bytes;
	size_t head = 0, tail = 0;

	if (start % sizeof(word_t))
		head = at_most(CACHE_LINE - start % CACHE_LINE, bytes);
	if (end % sizeof(word_t))
		tail = at_most(end % CACHE_LINE, bytes - head);
	return (struct parts){head, bytes - head - tail, tail};
}

static word_t word_at(const char *from)
{
	word_t word;

	/* A call, were it not the builtin: code without a C library below it has no other. */
	__builtin_memcpy(&word, from, sizeof(word));
	return word;
}

static void store_around_cache(char *to, word_t word)
{
	asm volatile("movnti %1, %0" : "=m"(*(word_t *)to) : "r"(word));
}

static inline void copy_line(char *to, const char *from)
{
	store_around_cache(to, word_at(from));
	store_around_cache(to + 8, word_at(from + 8));
	store_around_cache(to + 16, word_at(from + 16));
	store_around_cache(to + 24, word_at(from + 24));
	store_around_cache(to + 32, word_at(from + 32));
	store_around_cache(to + 40, word_at(from + 40));
	store_around_cache(to + 48, word_at(from + 48));
	store_around_cache(to + 56, word_at(from + 56));
}

static inline void set_line(char *to, word_t word)
{
	store_around_cache(to, word);
	store_around_cache(to + 8, word);
	store_around_cache(to + 16, word);
	store_around_cache(to + 24, word);
	store_around_cache(to + 32, word);
	store_around_cache(to + 40, word);
	store_around_cache(to + 48, word);
	store_around_cache(to + 56, word);
}

/* By four lines, so that nearly all instructions are loads and stores. */
static void copy_around_cache(char *to, const char *from, size_t bytes)
{
	const char *end = to + bytes;

	for (; end - to >= 4 * CACHE_LINE; to += 4 * CACHE_LINE, from += 4 * CACHE_LINE) {
		copy_line(to, from);
		copy_line(to + CACHE_LINE, from + CACHE_LINE);
		copy_line(to + 2 * CACHE_LINE, from + 2 * CACHE_LINE);
		copy_line(to + 3 * CACHE_LINE, from + 3 * CACHE_LINE);
	}
	for (; end - to >= CACHE_LINE; to += CACHE_LINE, from += CACHE_LINE)
		copy_line(to, from);
	for (; to < end; to += sizeof(word_t), from += sizeof(word_t))
		store_around_cache(to, word_at(from));
}

static void set_around_cache(char *to, word_t word, size_t bytes)
{
	const char *end = to + bytes;

	for (; end - to >= 4 * CACHE_LINE; to += 4 * CACHE_LINE) {
		set_line(to, word);
		set_line(to + CACHE_LINE, word);
		set_line(to + 2 * CACHE_LINE, word);
		set_line(to + 3 * CACHE_LINE, word);
	}
	for (; end - to >= CACHE_LINE; to += CACHE_LINE)
		set_line(to, word);
	for (; to < end; to += sizeof(word_t))
		store_around_cache(to, word);
}

/*
 * Within a line, and in whole words as far as there are any: the medium does not tear those. Most
 * copies need none of it, and should not save registers for it.
 */
static __attribute__((noinline)) void copy_and_flush(char *to, const char *from, size_t bytes)
{
	char *at = to, *end = to + bytes;

	for (; at < end && (uintptr_t)at % sizeof(word_t); at++, from++)
		*(volatile char *)at = *from;
	for (; end - at >= (ptrdiff_t)sizeof(word_t); at += sizeof(word_t), from += sizeof(word_t))
		*(volatile word_t *)at = word_at(from);
	for (; at < end; at++, from++)
		*(volatile char *)at = *from;
	persist_flush(to, bytes);
}

static __attribute__((noinline)) void set_and_flush(char *to, word_t word, size_t bytes)
{
	char *at = to, *end = to + bytes;

	for (; at < end && (uintptr_t)at % sizeof(word_t); at++)
		*(volatile char *)at = (char)word;
	for (; end - at >= (ptrdiff_t)sizeof(word_t); at += sizeof(word_t))
		*(volatile word_t *)at = word;
	for (; at < end; at++)
		*(volatile char *)at = (char)word;
	persist_flush(to, bytes);
}

void persist_copy(void *to, const void *from, size_t bytes)
{
	struct parts parts = parts_of(to, bytes);
	size_t tail = parts.head + parts.body;
	char *target = to;
	const char *source = from;

	if (parts.head)
		copy_and_flush(target, source, parts.head);
	copy_around_cache(target + parts.head, source + parts.head, parts.body);
	if (parts.tail)
		copy_and_flush(target + tail, source + tail, parts.tail);
}

void persist_set(void *to, int byte, size_t bytes)
{
	struct parts parts = parts_of(to, bytes);
	size_t tail = parts.head + parts.body;
	char *target = to;
	word_t word = UINT64_C(0x0101010101010101) * (unsigned char)byte;

	if (parts.head)
		set_and_flush(target, word, parts.head);
	set_around_cache(target + parts.head, word, parts.body);
	if (parts.tail)
		set_and_flush(target + tail, word, parts.tail);
}

void persist_publish(uint64_t *flag, uint64_t value)
{
	persist_drain(flag);
	*(volatile uint64_t *)flag = value;
	persist_flush(flag, sizeof(*flag));
	persist_drain(flag);
}
