/* SPDX-License-Identifier: BSD-2-Clause */
#include "mm/machine_error.h"

#include "mm/persist.h"

/*
 * Simple codes are numbers; compound ones are known by their highest bit, bit 12 apart, by which a
 * CPU says that it stopped counting corrected errors of this kind (SDM 16.9).
 */
enum {
	CODE_FILTERED = 1 << 12,
	CODE_BUS = 1 << 11,
	CODE_INTERNAL = 1 << 10,
	CODE_CACHED_MEMORY = 1 << 9, /* beside CODE_MEMORY: that caches slower memory */
	CODE_CACHE = 1 << 8,
	CODE_MEMORY = 1 << 7,
	CODE_TRANSLATION = 1 << 4,
	CODE_ANY_CACHE = 3 << 2,

	/* Bits 7:4 of a cache's code: what was to be done. */
	REQUEST_SHIFT = 4,
	REQUEST_MASK = 0xf,
	REQUEST_FETCH = 5,

	/* Bits 6:4 of memory's. */
	TRANSACTION_SHIFT = 4,
	TRANSACTION_MASK = 7,
};

static const char *request_name(unsigned request)
{
	static const char *const names[REQUEST_MASK + 1] = {
		[0] = "cache access",   [1] = "cache read",
		[2] = "cache write",    [3] = "data read",
		[4] = "data write",     [REQUEST_FETCH] = "instruction fetch",
		[6] = "cache prefetch", [7] = "cache eviction",
		[8] = "cache snoop",
	};

	return names[request] ? names[request] : "cache error of a reserved kind";
}

static const char *transaction_name(unsigned transaction)
{
	static const char *const names[TRANSACTION_MASK + 1] = {
		[0] = "memory error",   [1] = "memory read",  [2] = "memory write",
		[3] = "memory command", [4] = "memory scrub",
	};

	return names[transaction] ? names[transaction] : "memory error of a reserved kind";
}

static void decode_code(unsigned code, struct machine_error *error)
{
	code &= ~(unsigned)CODE_FILTERED;
	if (code >= CODE_BUS * 2) {
		error->what = "error of an unknown kind";
	} else if (code & CODE_BUS) {
		error->what = "bus error";
	} else if (code & CODE_INTERNAL) {
		error->what = "error inside the CPU";
	} else if (code & CODE_CACHE) {
		unsigned request = code >> REQUEST_SHIFT & REQUEST_MASK;

		error->what = request_name(request);
		error->in_memory = true;
		error->in_code = request == REQUEST_FETCH;
	} else if (code & CODE_MEMORY) {
		error->what = transaction_name(code >> TRANSACTION_SHIFT & TRANSACTION_MASK);
		error->in_memory = true;
	} else if (code & CODE_TRANSLATION) {
		error->what = "translation cache error";
	} else if ((code & CODE_ANY_CACHE) == CODE_ANY_CACHE) {
		error->what = "cache error";
		error->in_memory = true;
	} else {
		error->what = "error inside the CPU";
	}
}

/* SDM 16.6.3, table 16-6. */
static enum machine_severity severity_of(uint64_t status, bool recovery)
{
	if (!(status & BANK_VALID))
		return MACHINE_NONE;
	if (!(status & BANK_UNCORRECTED))
		return MACHINE_CORRECTED;
	if (!(status & BANK_ENABLED))
		return MACHINE_DEFERRED;
	if ((status & BANK_CORRUPT) || !recovery)
		return MACHINE_FATAL;
	if (!(status & BANK_SIGNALLED))
		return status & BANK_ACTION ? MACHINE_FATAL : MACHINE_DEFERRED;
	if (!(status & BANK_ACTION))
		return MACHINE_OPTIONAL;
	/* What was lost may have needed action as well. */
	return status & BANK_LOST ? MACHINE_FATAL : MACHINE_REQUIRED;
}

/* SDM 16.3.2.4: other kinds of addresses are none that memory is known by. */
static void decode_range(const struct machine_bank *bank, struct machine_error *error)
{
	const uint64_t needed = BANK_HAS_ADDRESS | BANK_HAS_MISC;
	unsigned bit = bank->misc & BANK_MISC_BIT;

	if ((bank->status & needed) != needed || bit > PAGE_SHIFT ||
	    (bank->misc & BANK_MISC_MODE) != BANK_MISC_PHYSICAL)
		return;
	error->bytes = (size_t)1 << bit < CACHE_LINE ? CACHE_LINE : (size_t)1 << bit;
	error->start = phys(align_down(bank->address, error->bytes));
}

struct machine_error machine_error_decode(const struct machine_bank *bank, uint64_t capabilities)
{
	struct machine_error error = {
		.severity = severity_of(bank->status, capabilities & MCG_CAP_RECOVERY),
		.lost = bank->status & BANK_LOST,
	};

	decode_code(bank->status & BANK_CODE, &error);
	decode_range(bank, &error);
	return error;
}

const char *machine_severity_name(enum machine_severity severity)
{
	static const char *const names[] = {
		[MACHINE_NONE] = "none",
		[MACHINE_CORRECTED] = "corrected",
		[MACHINE_DEFERRED] = "deferred",
		[MACHINE_OPTIONAL] = "action-optional",
		[MACHINE_REQUIRED] = "action-required",
		[MACHINE_FATAL] = "fatal",
	};

	return names[severity];
}

enum machine_action machine_error_action(const struct machine_error *error, uint64_t global_status)
{
	if (error->severity == MACHINE_FATAL || !(global_status & MCG_STATUS_RESTART))
		return MACHINE_END;
	if (error->severity != MACHINE_REQUIRED || !(global_status & MCG_STATUS_ITS_CODE))
		return MACHINE_GO_ON;
	return error->in_memory && !error->in_code && error->bytes ? MACHINE_CONTAIN : MACHINE_END;
}
