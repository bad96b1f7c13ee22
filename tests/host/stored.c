/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/stored.h"

#include <string.h>

#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

struct stored stored;

static uint64_t states, distinct; /* since they were measured */

unsigned char stored_old_byte(size_t at)
{
	return (unsigned char)(0x80 | at * 3);
}

unsigned char stored_new_byte(size_t at)
{
	return (unsigned char)(at * 5 & 0x7f);
}

void stored_begin(void)
{
	stored.memory = host_virt(pfn_to_phys(test_take(MEMORY_DRAM, PAGE_SIZE)));
	stored.flag = (uint64_t *)(stored.memory + STORED_FLAG_AT);
	stored.trace.nr_lines = 0;
	trace_watch(&stored.trace, stored.memory, TRACE_BYTES);
}

void stored_prepare(size_t offset, size_t length)
{
	stored.offset = offset;
	stored.length = length;
	for (size_t i = 0; i < TRACE_BYTES; i++)
		stored.memory[i] = stored_old_byte(i);
	for (size_t i = 0; i < sizeof(stored.source); i++)
		stored.source[i] = stored_new_byte(i);
	*stored.flag = 0;
}

bool stored_is_new(const unsigned char *medium, size_t start, size_t end)
{
	for (size_t at = start; at < end; at++)
		if (medium[at] != stored_new_byte(at - stored.offset))
			return false;
	return true;
}

bool stored_is_old(const unsigned char *medium, size_t start, size_t end)
{
	for (size_t at = start; at < end; at++)
		if (medium[at] != stored_old_byte(at))
			return false;
	return true;
}

struct crash_search stored_search(enum persistence_domain domain, void (*fn)(void *),
				  const char *(*judge)(const unsigned char *, uint64_t))
{
	struct crash_search search = {.trace = &stored.trace, .domain = domain, .judge = judge};

	trace_run(&stored.trace, fn, NULL);
	crash_search(&search);
	return search;
}

const char *stored_judge_record(const unsigned char *medium, uint64_t promise)
{
	uint64_t value;

	memcpy(&value, medium + STORED_FLAG_AT, sizeof(value));
	if (value != 0 && value != 1)
		return "the flag is torn";
	if (value && !stored_is_new(medium, stored.offset, stored.offset + stored.length))
		return "the flag is set, and the record is not there";
	if (promise && !value)
		return "the flag was promised and is not set";
	return NULL;
}

void stored_expect_none(struct crash_search search)
{
	if (search.violations)
		fail("offset %zu length %zu: %llu of %llu states: %s, before event %zu of %zu",
		     stored.offset, stored.length, (unsigned long long)search.violations,
		     (unsigned long long)search.states, search.first, search.event,
		     stored.trace.nr);
	states += search.states;
	distinct += search.distinct;
}

void stored_measure_states(void)
{
	measure("crash_states", states, "states");
	measure("distinct_crash_states", distinct, "states");
	states = distinct = 0;
}
