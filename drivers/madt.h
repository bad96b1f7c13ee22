/* SPDX-License-Identifier: BSD-2-Clause */
/* The MADT: processors and interrupt controllers (ACPI 6.5, 5.2.12). */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* What parsing calls; all are to be there. */
struct madt_visitor {
	/* As listed: firmware lists processors that are not there, too (flags, acpi_layout.h). */
	void (*processor)(void *context, uint32_t apic_id, uint32_t flags);
	void (*local_apic)(void *context, phys_t); /* later calls take the place of earlier ones */
	void (*io_apic)(void *context, phys_t);
	void (*fault)(void *context, size_t offset, const char *what);
	void *context;
};

/* -EINVAL: this is no MADT. What is wrong within it is a fault, and parsing goes on. */
int madt_parse(const void *table, size_t length, const struct madt_visitor *) must_check;
