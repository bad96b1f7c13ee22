/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four functions that the compiler may call by itself. They replace newlib's, which store past
 * the caches from 256 bytes on: wrong for page tables and for persistent memory, whose flushes are
 * counted. They move 8 bytes at a time, since "rep movsb" costs an instruction per byte where
 * instructions are counted, and is slow in emulators.
 */
#include <stdint.h>
#include <string.h>

/* Words of any alignment that alias anything. */
typedef uint64_t word __attribute__((aligned(1), may_alias));

enum { WORD = sizeof(word) };

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	void *result = to;
	size_t words = bytes / WORD, rest = bytes % WORD;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
	return result;
}

void *memset(void *to, int value, size_t bytes)
{
	void *result = to;
	size_t words = bytes / WORD, rest = bytes % WORD;
	uint64_t pattern = (uint8_t)value * 0x0101010101010101UL;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
	return result;
}

/* From the end downwards: for a destination that starts inside the source. */
static void copy_down(char *to, const char *from, size_t bytes)
{
	for (; bytes % WORD; bytes--)
		to[bytes - 1] = from[bytes - 1];
	for (; bytes; bytes -= WORD) {
		*(word *)(to + bytes - WORD) = *(const word *)(from + bytes - WORD);
		/* Or the compiler would make the loop a call of memmove(). */
		__asm__ volatile("" : : : "memory");
	}
}

void *memmove(void *to, const void *from, size_t bytes)
{
	/* Wraps to something large when the destination is below the source. */
	if ((uintptr_t)to - (uintptr_t)from >= bytes)
		return memcpy(to, from, bytes);
	copy_down(to, from, bytes);
	return to;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
	const uint8_t *a = left, *b = right;

	while (bytes >= WORD && *(const word *)a == *(const word *)b) {
		a += WORD;
		b += WORD;
		bytes -= WORD;
	}
	for (; bytes; bytes--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}
