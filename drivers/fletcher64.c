/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/fletcher64.h"

#include <string.h>

void fletcher64_add(struct fletcher64 *sum, const void *data, size_t bytes)
{
	const uint8_t *byte = data;
	uint32_t word;

	for (size_t at = 0; bytes - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, byte + at, sizeof(word));
		sum->low += word;
		sum->high += sum->low;
	}
}
