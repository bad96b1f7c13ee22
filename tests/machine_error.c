/* SPDX-License-Identifier: BSD-2-Clause */
/* What machine-check banks say. The words are what CPUs and QEMU put there. */
#include "mm/machine_error.h"

#include "tests/test.h"

#define RECOVERS (MCG_CAP_RECOVERY | 10)

/* What every uncorrected error of this suite has. */
#define LOST_DATA    (BANK_VALID | BANK_UNCORRECTED | BANK_ENABLED)
#define WITH_ADDRESS (BANK_HAS_ADDRESS | BANK_HAS_MISC)

/* Data read; scrub by a memory controller. */
enum { CODE_DATA_READ = 0x134, CODE_SCRUB = 0xcf, CODE_FETCH = 0x150 };

static struct machine_error decode(uint64_t status, uint64_t address, uint64_t misc)
{
	struct machine_bank bank = {status, address, misc};

	return machine_error_decode(&bank, RECOVERS);
}

static enum machine_severity severity(uint64_t status)
{
	return decode(status, 0, 0).severity;
}

/* Each combination of UC, EN, PCC, S and AR is one class, and no other (SDM table 16-6). */
TEST(machine_error, severity_is_what_the_bits_say)
{
	expect_eq(severity(0), MACHINE_NONE);
	expect_eq(severity(~BANK_VALID), MACHINE_NONE);
	expect_eq(severity(BANK_VALID), MACHINE_CORRECTED);
	expect_eq(severity(BANK_VALID | BANK_ENABLED | BANK_LOST), MACHINE_CORRECTED);
	expect_eq(severity(LOST_DATA), MACHINE_DEFERRED);
	expect_eq(severity(LOST_DATA | BANK_SIGNALLED), MACHINE_OPTIONAL);
	expect_eq(severity(LOST_DATA | BANK_SIGNALLED | BANK_LOST), MACHINE_OPTIONAL);
	expect_eq(severity(LOST_DATA | BANK_SIGNALLED | BANK_ACTION), MACHINE_REQUIRED);
	expect_eq(severity(LOST_DATA | BANK_SIGNALLED | BANK_ACTION | BANK_LOST), MACHINE_FATAL);
	expect_eq(severity(LOST_DATA | BANK_ACTION), MACHINE_FATAL);
	expect_eq(severity(LOST_DATA | BANK_CORRUPT), MACHINE_FATAL);
	expect_eq(severity(LOST_DATA | BANK_SIGNALLED | BANK_CORRUPT), MACHINE_FATAL);
}

/* What a CPU is told of another one's error is not enabled here: it is not its own (QEMU's -b). */
TEST(machine_error, what_is_not_enabled_raised_nothing)
{
	expect_eq(severity(BANK_VALID | BANK_UNCORRECTED), MACHINE_DEFERRED);
	expect_eq(severity(BANK_VALID | BANK_UNCORRECTED | BANK_CORRUPT), MACHINE_DEFERRED);
}

/* A CPU that has no recovery gives S and AR another meaning: what is uncorrected is fatal. */
TEST(machine_error, without_recovery_uncorrected_is_fatal)
{
	struct machine_bank bank = {LOST_DATA | BANK_SIGNALLED | BANK_ACTION, 0, 0};

	expect_eq(machine_error_decode(&bank, 10).severity, MACHINE_FATAL);
	bank.status = BANK_VALID;
	expect_eq(machine_error_decode(&bank, 10).severity, MACHINE_CORRECTED);
}

static void expect_range(uint64_t status, uint64_t address, uint64_t misc, uint64_t start,
			 size_t bytes)
{
	struct machine_error error = decode(status, address, misc);

	expect_eq(error.bytes, bytes);
	expect_eq(error.start.addr, start);
}

/* The lowest valid bit of the address says how much is bad: from a cache line to a page. */
TEST(machine_error, range_is_as_long_as_the_address_is_uncertain)
{
	const uint64_t status = LOST_DATA | WITH_ADDRESS;

	expect_range(status, 0x123456789, 0x86, 0x123456780, 64);
	expect_range(status, 0x123456789, 0x88, 0x123456700, 256);
	expect_range(status, 0x123456789, 0x8c, 0x123456000, 4096);
	expect_range(status, 0x123456789, 0x80, 0x123456780, 64);
}

/* An address that is uncertain by more than a page, or of no physical kind, or not there, is none.
 */
TEST(machine_error, unusable_addresses_are_not_used)
{
	expect_range(LOST_DATA | WITH_ADDRESS, 0x123456789, 0x8d, 0, 0);
	expect_range(LOST_DATA | WITH_ADDRESS, 0x123456789, 0xbf, 0, 0);
	expect_range(LOST_DATA | WITH_ADDRESS, 0x123456789, 0x46, 0, 0);
	expect_range(LOST_DATA | WITH_ADDRESS, 0x123456789, 0x1c6, 0, 0);
	expect_range(LOST_DATA | BANK_HAS_ADDRESS, 0x123456789, 0x86, 0, 0);
	expect_range(LOST_DATA | BANK_HAS_MISC, 0x123456789, 0x86, 0, 0);
}

static void expect_code(unsigned code, const char *what, bool in_memory)
{
	struct machine_error error = decode(BANK_VALID | code, 0, 0);

	expect_str(error.what, what);
	if (error.in_memory != in_memory)
		fail("code %#x, %s: in memory: %d, expected %d", code, what, error.in_memory,
		     in_memory);
	expect_eq(error.in_code, (code & 0xfff0) == CODE_FETCH);
}

/* Each kind of code has its name, and it is known which are about what memory holds. */
TEST(machine_error, codes_have_names)
{
	expect_code(0, "error inside the CPU", false);
	expect_code(5, "error inside the CPU", false);
	expect_code(0x400, "error inside the CPU", false);
	expect_code(0x0e, "cache error", true);
	expect_code(0x14, "translation cache error", false);
	expect_code(CODE_SCRUB, "memory scrub", true);
	expect_code(0x9f, "memory read", true);
	expect_code(0x109f, "memory read", true);
	expect_code(0x2a0, "memory write", true);
	expect_code(0xf0, "memory error of a reserved kind", true);
	expect_code(CODE_DATA_READ, "data read", true);
	expect_code(CODE_FETCH, "instruction fetch", true);
	expect_code(0x17a, "cache eviction", true);
	expect_code(0x1f0, "cache error of a reserved kind", true);
	expect_code(0xe0b, "bus error", false);
	expect_code(0x8000, "error of an unknown kind", false);
}

/* Every code is decoded, whatever its bits. */
TEST(machine_error, every_code_is_decoded)
{
	for (unsigned code = 0; code <= BANK_CODE; code++)
		expect(decode(BANK_VALID | code, 0, 0).what != NULL);
}

static enum machine_action action(uint64_t status, uint64_t misc, uint64_t global_status)
{
	struct machine_error error = decode(status, 0x1000, misc);

	return machine_error_action(&error, global_status);
}

#define REQUIRED \
	(LOST_DATA | WITH_ADDRESS | BANK_SIGNALLED | BANK_ACTION | (uint64_t)CODE_DATA_READ)
#define ITS_OWN    (MCG_STATUS_RESTART | MCG_STATUS_ITS_CODE | MCG_STATUS_BUSY)
#define OF_ANOTHER (MCG_STATUS_RESTART | MCG_STATUS_BUSY)

/* A read of bad memory is contained; whoever only heard of it goes on. */
TEST(machine_error, bad_reads_are_contained_where_they_were_made)
{
	expect_eq(action(REQUIRED, 0x86, ITS_OWN), MACHINE_CONTAIN);
	expect_eq(action(REQUIRED, 0x86, OF_ANOTHER), MACHINE_GO_ON);
}

/* What needs nothing to be done lets the interrupted code go on. */
TEST(machine_error, scrubbed_memory_stops_nobody)
{
	const uint64_t status = LOST_DATA | WITH_ADDRESS | BANK_SIGNALLED | CODE_SCRUB;

	expect_eq(action(status, 0x86, ITS_OWN), MACHINE_GO_ON);
	expect_eq(action(status, 0x86, OF_ANOTHER), MACHINE_GO_ON);
	expect_eq(action(BANK_VALID, 0, OF_ANOTHER), MACHINE_GO_ON);
	expect_eq(action(0, 0, OF_ANOTHER), MACHINE_GO_ON);
}

/*
 * The run ends where the code cannot go on, where nobody knows what was read, where it was no
 * memory or the code itself, and where the CPU's state is corrupt.
 */
TEST(machine_error, what_cannot_be_contained_ends_the_run)
{
	expect_eq(action(REQUIRED, 0x86, MCG_STATUS_ITS_CODE | MCG_STATUS_BUSY), MACHINE_END);
	expect_eq(action(0, 0, MCG_STATUS_BUSY), MACHINE_END);
	expect_eq(action(REQUIRED, 0x8d, ITS_OWN), MACHINE_END);
	expect_eq(action((REQUIRED & ~BANK_CODE) | CODE_FETCH, 0x86, ITS_OWN), MACHINE_END);
	expect_eq(action((REQUIRED & ~BANK_CODE) | 0xe0b, 0x86, ITS_OWN), MACHINE_END);
	expect_eq(action(REQUIRED | BANK_CORRUPT, 0x86, ITS_OWN), MACHINE_END);
	expect_eq(action(REQUIRED | BANK_LOST, 0x86, OF_ANOTHER), MACHINE_END);
}

/* Every severity has a name of its own. */
TEST(machine_error, severities_have_names)
{
	expect_str(machine_severity_name(MACHINE_NONE), "none");
	expect_str(machine_severity_name(MACHINE_CORRECTED), "corrected");
	expect_str(machine_severity_name(MACHINE_DEFERRED), "deferred");
	expect_str(machine_severity_name(MACHINE_OPTIONAL), "action-optional");
	expect_str(machine_severity_name(MACHINE_REQUIRED), "action-required");
	expect_str(machine_severity_name(MACHINE_FATAL), "fatal");
}
