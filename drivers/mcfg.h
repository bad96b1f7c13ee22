/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where configuration registers of devices lie in physical memory: PCI Express's (MCFG, PCI
 * Firmware Specification 3.3, 4.1.2) and the event timer's (HPET). Nothing else may be mapped
 * there.
 */
#pragma once

#include "mm/compiler.h"
#include "mm/types.h"

/* What parsing calls; all are to be there. */
struct mcfg_visitor {
	/* The window of the buses [first, last], start and length in bytes; it does not wrap. */
	void (*window)(void *context, uint16_t segment, uint8_t first, uint8_t last, phys_t start,
		       uint64_t length);
	void (*fault)(void *context, size_t offset, const char *what);
	void *context;
};

/* -EINVAL: this is no MCFG. What is wrong within it is a fault, and parsing goes on. */
int mcfg_parse(const void *table, size_t length, const struct mcfg_visitor *) must_check;

/* The event timer's registers, HPET_BYTES of them. -EINVAL: no HPET table, or not in memory. */
int hpet_parse(const void *table, size_t length, phys_t *start) must_check;

enum { HPET_BYTES = 1024 };
