/* SPDX-License-Identifier: BSD-2-Clause */
/* The SRAT: which node (proximity domain) memory and processors belong to (ACPI 6.5, 5.2.16). */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* What parsing calls, for enabled records only; all are to be there. */
struct srat_visitor {
	/*
	 * Flags in acpi_layout.h. start + length may wrap. A window for hot-plugging may lie over
	 * memory that a record of its own describes better.
	 */
	void (*memory)(void *context, uint32_t node, phys_t start, uint64_t length, uint32_t flags);
	void (*processor)(void *context, uint32_t node, uint32_t apic_id);
	void (*fault)(void *context, size_t offset, const char *what);
	void *context;
};

/* -EINVAL: this is no SRAT. What is wrong within it is a fault, and parsing goes on. */
int srat_parse(const void *table, size_t length, const struct srat_visitor *) must_check;
