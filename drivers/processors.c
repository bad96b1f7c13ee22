/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/processors.h"

#include "drivers/acpi_layout.h"
#include "drivers/madt.h"

struct list {
	uint32_t own;
	uint32_t *apic_ids;
	size_t nr;
	size_t max;
	size_t left;
};

static bool is_listed(const struct list *list, uint32_t apic_id)
{
	for (size_t i = 0; i < list->nr; i++)
		if (list->apic_ids[i] == apic_id)
			return true;
	return apic_id == list->own;
}

/* Firmware may list a processor by both kinds of records. */
static void add_processor(void *context, uint32_t apic_id, uint32_t flags)
{
	struct list *list = context;

	if (!(flags & MADT_ENABLED) || is_listed(list, apic_id))
		return;
	if (list->nr < list->max)
		list->apic_ids[list->nr++] = apic_id;
	else
		list->left++;
}

static void ignore_address(void *context, phys_t address)
{
	(void)context, (void)address;
}

/* The inventory reports these. */
static void ignore_fault(void *context, size_t offset, const char *what)
{
	(void)context, (void)offset, (void)what;
}

size_t processors_list(struct acpi_bytes madt, uint32_t own, uint32_t *apic_ids, size_t max,
		       size_t *left)
{
	struct list list = {.own = own, .apic_ids = apic_ids, .max = max};
	const struct madt_visitor visitor = {add_processor, ignore_address, ignore_address,
					     ignore_fault, &list};

	if (!madt.bytes || madt_parse(madt.bytes, madt.length, &visitor))
		list.nr = 0;
	*left = list.left;
	return list.nr;
}
