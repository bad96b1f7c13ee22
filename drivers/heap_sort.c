/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/heap_sort.h"

#include <stdint.h>

static void swap(uint8_t *a, uint8_t *b, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

/* Lets the element at `parent` sink until neither of its children belongs after it. */
static void sink(uint8_t *elements, size_t parent, size_t nr, size_t bytes,
		 int (*compare)(const void *, const void *))
{
	for (;;) {
		size_t child = 2 * parent + 1;

		if (child >= nr)
			return;
		if (child + 1 < nr &&
		    compare(elements + child * bytes, elements + (child + 1) * bytes) < 0)
			child++;
		if (compare(elements + parent * bytes, elements + child * bytes) >= 0)
			return;
		swap(elements + parent * bytes, elements + child * bytes, bytes);
		parent = child;
	}
}

void heap_sort(void *elements, size_t nr, size_t element_bytes,
	       int (*compare)(const void *, const void *))
{
	for (size_t parent = nr / 2; parent > 0; parent--)
		sink(elements, parent - 1, nr, element_bytes, compare);
	for (size_t last = nr; last > 1; last--) {
		swap(elements, (uint8_t *)elements + (last - 1) * element_bytes, element_bytes);
		sink(elements, 0, last - 1, element_bytes, compare);
	}
}
