/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying, filling and comparing memory: every alignment, small sizes, overlaps. */
#include "tests/test.h"

#include <string.h>

enum { ROOM = 96, OFFSETS = 9, SIZES = 40 };

/* The compiler shall call the functions, not know better. */
static void *(*volatile copy)(void *restrict, const void *restrict, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile fill)(void *, int, size_t) = memset;
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;

static void number(uint8_t *bytes, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		bytes[i] = (uint8_t)(i + 1);
}

static bool same(const uint8_t *left, const uint8_t *right, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (left[i] != right[i])
			return false;
	return true;
}

/* memcpy() copies exactly the bytes asked for. */
TEST(string, memcpy_at_every_alignment)
{
	uint8_t from[ROOM], to[ROOM], model[ROOM];

	number(from, ROOM);
	for (size_t source = 0; source < OFFSETS; source++)
		for (size_t target = 0; target < OFFSETS; target++)
			for (size_t size = 0; size < SIZES; size++) {
				for (size_t i = 0; i < ROOM; i++)
					to[i] = model[i] = 0xee;
				for (size_t i = 0; i < size; i++)
					model[target + i] = from[source + i];
				require(copy(to + target, from + source, size) == to + target);
				require(same(to, model, ROOM));
			}
}

/* memmove() copies as if by way of a third place, however source and destination overlap. */
TEST(string, memmove_of_every_overlap)
{
	uint8_t bytes[ROOM], model[ROOM], third[ROOM];

	for (size_t source = 0; source < 2 * OFFSETS; source++)
		for (size_t target = 0; target < 2 * OFFSETS; target++)
			for (size_t size = 0; size < SIZES; size++) {
				number(bytes, ROOM);
				number(model, ROOM);
				for (size_t i = 0; i < size; i++)
					third[i] = model[source + i];
				for (size_t i = 0; i < size; i++)
					model[target + i] = third[i];
				require(move(bytes + target, bytes + source, size) ==
					bytes + target);
				require(same(bytes, model, ROOM));
			}
}

/* memset() sets exactly the bytes asked for, to the lowest 8 bits of the value. */
TEST(string, memset_at_every_alignment)
{
	uint8_t bytes[ROOM], model[ROOM];

	for (size_t target = 0; target < OFFSETS; target++)
		for (size_t size = 0; size < SIZES; size++) {
			number(bytes, ROOM);
			number(model, ROOM);
			for (size_t i = 0; i < size; i++)
				model[target + i] = 0xa5;
			require(fill(bytes + target, 0x7a5, size) == bytes + target);
			require(same(bytes, model, ROOM));
		}
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

/* memcmp() finds the first difference wherever it is, and compares as unsigned. */
TEST(string, memcmp_finds_the_first_difference)
{
	uint8_t left[ROOM], right[ROOM];

	for (size_t size = 1; size < SIZES; size++)
		for (size_t at = 0; at < size; at++) {
			number(left, ROOM);
			number(right, ROOM);
			require(compare(left, right, size) == 0);
			left[at] = 0x7f;
			right[at] = 0x80;
			if (at + 1 < size)
				left[at + 1] = 0xff;
			require(sign(compare(left, right, size)) == -1);
			require(sign(compare(right, left, size)) == 1);
			require(compare(left, right, at) == 0);
		}
}
