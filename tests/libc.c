/* SPDX-License-Identifier: BSD-2-Clause */
/* The C library, where it rests on what the kernel supplies. */
#include "kernel/heap.h"
#include "mm/frame_alloc.h"
#include "tests/test.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 64, BLOCK_MAX = 20000 };

static struct block {
	uint8_t *data;
	size_t size;
	uint8_t pattern;
} blocks[BLOCKS];

static void fill(struct block *block, size_t size)
{
	block->size = size;
	block->pattern = (uint8_t)test_random();
	memset(block->data, block->pattern, size);
}

static bool is_intact(const struct block *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block->data[i] != block->pattern)
			return false;
	return true;
}

static void free_blocks(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < BLOCKS; i++) {
		free(blocks[i].data);
		blocks[i].data = NULL;
	}
}

/* Blocks do not overlap and keep what is in them, while others come, go and change their size. */
TEST(libc, heap_keeps_what_it_is_given)
{
	test_cleanup(free_blocks, NULL);
	for (int round = 0; round < 2000; round++) {
		struct block *block = &blocks[test_random_below(BLOCKS)];
		size_t size = test_random_below(BLOCK_MAX) + 1;

		if (!block->data) {
			require((block->data = malloc(size)) != NULL);
		} else if (test_random_below(2)) {
			size_t kept = size < block->size ? size : block->size;

			require(is_intact(block, block->size));
			require((block->data = realloc(block->data, size)) != NULL);
			require(is_intact(block, kept));
		} else {
			require(is_intact(block, block->size));
			free(block->data);
			block->data = NULL;
			continue;
		}
		require((uintptr_t)block->data % _Alignof(uint64_t) == 0);
		fill(block, size);
	}
}

/* What was freed is used again. */
TEST(libc, heap_reuses_memory)
{
	size_t before = heap_bytes();

	for (int i = 0; i < 1000; i++) {
		void *block = malloc(1 << 20);

		require(block != NULL);
		free(block);
	}
	expect_eq(heap_bytes(), before);
}

/* More than there is cannot be had, and asking for it costs nothing. */
TEST(libc, heap_refuses_what_it_cannot_give)
{
	size_t before = heap_bytes();
	size_t all = before + (frames_free(MEMORY_DRAM) << PAGE_SHIFT);
	volatile size_t sizes[] = {all + 1, 1UL << 45, SIZE_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		errno = 0;
		expect(malloc(sizes[i]) == NULL);
		expect_eq(errno, ENOMEM);
	}
	expect_eq(heap_bytes(), before);
}

/* calloc() clears what it gives, also when somebody used it before. */
TEST(libc, calloc_clears)
{
	uint8_t *block = malloc(5000);

	require(block != NULL);
	memset(block, 0xff, 5000);
	free(block);
	block = calloc(50, 100);
	require(block != NULL);
	test_cleanup(free, block);
	for (size_t i = 0; i < 5000; i++)
		require(block[i] == 0);
}

static void expect_format(const char *expected, const char *format, ...) printf_like(2, 3);

static void expect_format(const char *expected, const char *format, ...)
{
	char text[80];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	expect_str(text, expected);
}

/* printf formats integers of every size that C99 has, strings cut to length, and pointers. */
TEST(libc, printf_knows_all_sizes)
{
	expect_format("18446744073709551615", "%zu", SIZE_MAX);
	expect_format("-9223372036854775808", "%jd", INTMAX_MIN);
	expect_format("ffffffffffffffff", "%llx", ~0ULL);
	expect_format("0x00000000deadbeef", "0x%016llx", 0xdeadbeefULL);
	expect_format("7f -128", "%hhx %hhd", (unsigned char)0x7f, (signed char)-128);
	expect_format("-2147483648 4294967295", "%d %u", INT32_MIN, UINT32_MAX);
	expect_format("-1 18446744073709551615", "%ld %lu", -1L, ~0UL);
	expect_format("0x1000", "%p", (void *)0x1000);
	expect_format("[  abc][abc  ][ab]", "[%5s][%-5s][%.*s]", "abc", "abc", 2, "abc");
	expect_format("100%", "%d%%", 100);
}

/* Text that is too long is cut, terminated, and its full length told. */
TEST(libc, snprintf_stays_within_its_buffer)
{
	char text[8] = "xxxxxxx";

	expect_eq(snprintf(text, 4, "%d", 123456), 6);
	expect_str(text, "123");
	expect_eq(text[4], 'x');
}
