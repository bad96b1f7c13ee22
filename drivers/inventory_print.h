/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was found, for the report: lines of "# keyword key=value ...", hexadecimal with 0x, no
 * blanks in values. A line that would be too long ends in "...".
 */
#pragma once

#include "drivers/acpi.h"
#include "drivers/inventory.h"
#include "mm/memory_map.h"

/* # firmware, # table and # acpi-fault lines. */
void acpi_print(const struct acpi_tables *, void (*line)(const char *));

/* # map lines, in the firmware's order. */
void memory_map_print(const struct memory_range *, size_t nr, void (*line)(const char *));

/* # processors, # nvdimm, # range, # set, # region and # refused lines. */
void inventory_print(const struct inventory *, void (*line)(const char *));
