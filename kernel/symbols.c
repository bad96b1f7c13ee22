/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/symbols.h"

#include "kernel/layout.h"

/* By tools/make-symbols, sorted by address. */
extern const uint64_t symbol_count;
extern const uint32_t symbol_offsets[]; /* of the function, from kernel_text_start */
extern const uint32_t symbol_names[];   /* where its name starts in symbol_text */
extern const char symbol_text[];

const char *symbol_find(uintptr_t address, size_t *offset)
{
	uintptr_t start = (uintptr_t)kernel_text_start;
	size_t low = 0, high = symbol_count; /* the first one past the address is in [low, high] */

	if (address < start || address >= (uintptr_t)kernel_text_end)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbol_offsets[middle] <= address - start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	*offset = address - start - symbol_offsets[low - 1];
	return symbol_text + symbol_names[low - 1];
}
