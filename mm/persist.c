/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/persist.h"

#include <cpuid.h>
#include <string.h>

enum {
	CPUID_EXTENDED_FEATURES = 7,
	EBX_CLFLUSHOPT = 1 << 23,
	EBX_CLWB = 1 << 24,
};

static enum flush_instruction instruction = FLUSH_CLFLUSH;

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

static void flush_line(const char *line)
{
	switch (instruction) {
	case FLUSH_CLWB:
		asm volatile("clwb %0" : : "m"(*line) : "memory");
		break;
	case FLUSH_CLFLUSHOPT:
		asm volatile("clflushopt %0" : : "m"(*line) : "memory");
		break;
	case FLUSH_CLFLUSH:
		asm volatile("clflush %0" : : "m"(*line) : "memory");
		break;
	}
}

void persist_flush(const void *start, size_t bytes)
{
	uintptr_t line = align_down((uintptr_t)start, CACHE_LINE);
	uintptr_t end = (uintptr_t)start + bytes;

	if (bytes == 0)
		return;
	for (; line < end; line += CACHE_LINE)
		flush_line((const char *)line);
}

void persist_fence(void)
{
	asm volatile("sfence" : : : "memory");
}

void persist_drain(const void *where)
{
	(void)where; /* no NVDIMM is known to want more than the fence */
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

/* Past the caches; the destination is 8-byte aligned. */
static void store_around_cache(void *to, uint64_t value)
{
	asm volatile("movnti %1, %0" : "=m"(*(uint64_t *)to) : "r"(value));
}

/* Bytes before the first 8-byte boundary, at most `bytes`. */
static size_t head_of(const void *to, size_t bytes)
{
	size_t head = -(uintptr_t)to % sizeof(uint64_t);

	return head < bytes ? head : bytes;
}

/*
 * Only aligned words of 8 bytes can go around the cache in general registers: the bytes before and
 * after them are stored as usual and their lines flushed.
 */
void persist_copy(void *to, const void *from, size_t bytes)
{
	char *target = to;
	const char *source = from;
	size_t head = head_of(to, bytes);
	size_t tail = (bytes - head) % sizeof(uint64_t);
	size_t body = bytes - head - tail;

	memcpy(target, source, head);
	persist_flush(target, head);
	for (size_t i = head; i < head + body; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, source + i, sizeof(word));
		store_around_cache(target + i, word);
	}
	memcpy(target + head + body, source + head + body, tail);
	persist_flush(target + head + body, tail);
}

void persist_set(void *to, int byte, size_t bytes)
{
	char *target = to;
	size_t head = head_of(to, bytes);
	size_t tail = (bytes - head) % sizeof(uint64_t);
	size_t body = bytes - head - tail;
	uint64_t word = 0x0101010101010101UL * (unsigned char)byte;

	memset(target, byte, head);
	persist_flush(target, head);
	for (size_t i = head; i < head + body; i += sizeof(uint64_t))
		store_around_cache(target + i, word);
	memset(target + head + body, byte, tail);
	persist_flush(target + head + body, tail);
}

void persist_publish(uint64_t *flag, uint64_t value)
{
	persist_drain(flag);
	*(volatile uint64_t *)flag = value;
	persist_flush(flag, sizeof(*flag));
	persist_drain(flag);
}
