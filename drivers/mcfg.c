/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/mcfg.h"
#include "drivers/acpi.h"
#include "drivers/acpi_layout.h"

#include <errno.h>
#include <string.h>

static void visit(const struct mcfg_visitor *visitor, size_t offset, struct mcfg_window window)
{
	uint64_t start = window.base + window.first_bus * MCFG_BYTES_PER_BUS;
	uint64_t length;

	if (window.last_bus < window.first_bus) {
		visitor->fault(visitor->context, offset,
			       "a window whose last bus precedes its first");
		return;
	}
	length = (window.last_bus - window.first_bus + 1u) * MCFG_BYTES_PER_BUS;
	if (start < window.base || start + length < start) {
		visitor->fault(visitor->context, offset, "a window past the last address");
		return;
	}
	visitor->window(visitor->context, window.segment, window.first_bus, window.last_bus,
			phys(start), length);
}

int mcfg_parse(const void *table, size_t length, const struct mcfg_visitor *visitor)
{
	const uint8_t *bytes = table;
	size_t offset = sizeof(struct mcfg_header);
	struct mcfg_window window;

	length = acpi_table_length(table, length, "MCFG");
	if (length < offset)
		return -EINVAL;
	for (; length - offset >= sizeof(window); offset += sizeof(window)) {
		memcpy(&window, bytes + offset, sizeof(window));
		visit(visitor, offset, window);
	}
	if (offset < length)
		visitor->fault(visitor->context, offset, "bytes after the last window");
	return 0;
}

int hpet_parse(const void *table, size_t length, phys_t *start)
{
	struct hpet_table hpet;

	if (acpi_table_length(table, length, "HPET") < sizeof(hpet))
		return -EINVAL;
	memcpy(&hpet, table, sizeof(hpet));
	if (hpet.space != 0)
		return -EINVAL;
	*start = phys(hpet.address);
	return 0;
}
