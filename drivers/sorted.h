/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds elements of an array that is sorted by a number of theirs, in log n steps. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* An array in ascending order of what number() says of its elements. */
struct sorted {
	const void *elements;
	size_t nr;
	size_t element_bytes;
	uint64_t (*number)(const void *element);
};

/* The index of the first element whose number is at least this one; `nr` if there is none. */
size_t sorted_first(struct sorted, uint64_t number);

/* The first element of this number, or NULL. */
void *sorted_find(struct sorted, uint64_t number);
