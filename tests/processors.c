/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processors of the MADT are to be started. */
#include "drivers/processors.h"

#include "drivers/acpi_layout.h"
#include "tests/firmware.h"
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

enum { MAX = 4, OWN = 7 };

static struct firmware madt;
static uint32_t ids[MAX];
static size_t left;

static void begin(void)
{
	firmware_begin(&madt, "APIC", 3, sizeof(struct madt_header));
}

static void add_old(uint8_t apic_id, uint32_t flags)
{
	const struct madt_local_apic record = {
		{MADT_LOCAL_APIC, sizeof(record)}, 0, apic_id, flags};

	firmware_add(&madt, &record, sizeof(record));
}

static void add_new(uint32_t apic_id, uint32_t flags)
{
	const struct madt_local_x2apic record = {
		{MADT_LOCAL_X2APIC, sizeof(record)}, 0, apic_id, flags, 0};

	firmware_add(&madt, &record, sizeof(record));
}

static size_t list(size_t bytes)
{
	return processors_list((struct acpi_bytes){madt.bytes, bytes}, OWN, ids, MAX, &left);
}

/* Both kinds of records count, in the order of the table. */
TEST(processors, are_listed_in_order)
{
	begin();
	add_old(3, MADT_ENABLED);
	add_new(300, MADT_ENABLED);
	add_old(1, MADT_ENABLED | MADT_ONLINE_CAPABLE);
	require(list(madt.length) == 3);
	expect_eq(ids[0], 3);
	expect_eq(ids[1], 300);
	expect_eq(ids[2], 1);
	expect_eq(left, 0);
}

/* One that is not enabled is not there. */
TEST(processors, that_are_not_enabled_are_left_out)
{
	begin();
	add_old(1, 0);
	add_new(2, MADT_ONLINE_CAPABLE);
	expect_eq(list(madt.length), 0);
	expect_eq(left, 0);
}

/* The CPU that runs is not started again, and no other one twice. */
TEST(processors, are_listed_once)
{
	begin();
	add_old(OWN, MADT_ENABLED);
	add_old(1, MADT_ENABLED);
	add_new(1, MADT_ENABLED);
	add_old(1, MADT_ENABLED);
	add_new(OWN, MADT_ENABLED);
	require(list(madt.length) == 1);
	expect_eq(ids[0], 1);
	expect_eq(left, 0);
}

/* Those that there is no room for are counted. */
TEST(processors, that_are_too_many_are_counted)
{
	begin();
	for (uint8_t i = 0; i < 4 * MAX; i++)
		add_old(i, MADT_ENABLED);
	expect_eq(list(madt.length), MAX);
	expect_eq(left, 3 * MAX - 1);
	expect_eq(ids[MAX - 1], MAX - 1);
}

/* A table that ends too early, or is none, lists nothing. */
TEST(processors, of_a_broken_table_are_not_believed)
{
	begin();
	add_old(1, MADT_ENABLED);
	for (size_t bytes = 0; bytes < madt.length; bytes++)
		expect_eq(list(bytes), 0);
	expect_eq(processors_list((struct acpi_bytes){NULL, 0}, OWN, ids, MAX, &left), 0);
	expect_eq(left, 0);
}
