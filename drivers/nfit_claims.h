/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For whoever uses memory before there is an inventory: RAM of the memory map that the NFIT says
 * is persistent. One of the two is wrong, and until it is known which, nothing is written there.
 */
#pragma once

#include "drivers/acpi.h"
#include "mm/compiler.h"
#include "mm/memory_map.h"

/*
 * Adds such ranges, whole, to the `nr` of an array with room for `max`. -ENOSPC: there are more.
 * A table that is none claims nothing.
 */
int nfit_claims(struct acpi_bytes nfit, const struct memory_range *map, size_t nr_map,
		struct memory_range *claims, size_t *nr, size_t max) must_check;
