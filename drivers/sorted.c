/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/sorted.h"

static const void *element(const struct sorted *sorted, size_t i)
{
	return (const uint8_t *)sorted->elements + i * sorted->element_bytes;
}

size_t sorted_first(struct sorted sorted, uint64_t number)
{
	size_t low = 0;
	size_t high = sorted.nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted.number(element(&sorted, middle)) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *sorted_find(struct sorted sorted, uint64_t number)
{
	size_t i = sorted_first(sorted, number);

	if (i == sorted.nr || sorted.number(element(&sorted, i)) != number)
		return NULL;
	/* As of bsearch(): who may change the elements may change this one. */
	return (void *)(uintptr_t)element(&sorted, i);
}
