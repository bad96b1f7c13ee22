/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processors the MADT says can be started, by their local APICs. */
#pragma once

#include "drivers/acpi.h"

/*
 * Lists the enabled processors, each once, in the order of the table, without the one whose local
 * APIC is `own`. *left is how many more than `max` there are. None without a MADT.
 */
size_t processors_list(struct acpi_bytes madt, uint32_t own, uint32_t *apic_ids, size_t max,
		       size_t *left);
