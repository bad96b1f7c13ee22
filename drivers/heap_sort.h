/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorts in place in n log n steps whatever the order was, without recursion and without memory:
 * what is sorted here comes from firmware, and its number and its order are not ours.
 */
#pragma once

#include <stddef.h>

/*
 * compare() is negative, zero or positive as its first argument belongs before, beside or after
 * its second. Elements that compare equal end up in any order.
 */
void heap_sort(void *elements, size_t nr, size_t element_bytes,
	       int (*compare)(const void *, const void *));
