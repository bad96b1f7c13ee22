/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * That the search for what a power failure leaves finds what is wrong where something is: a record
 * and its flag, stored with one mistake at a time.
 */
#include "mm/persist.h"
#include "tests/host/stored.h"
#include "tests/test.h"

enum { RECORD_AT = 60, RECORD_BYTES = 77 };

static void set_flag(void)
{
	*(volatile uint64_t *)stored.flag = 1;
	persist_flush(stored.flag, sizeof(*stored.flag));
	persist_fence();
	trace_promise(1);
}

static void store_record(void)
{
	for (size_t i = 0; i < stored.length; i++)
		((volatile unsigned char *)stored.memory)[stored.offset + i] = stored.source[i];
}

static void no_fault(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(stored.memory + stored.offset, stored.length);
	persist_fence();
	set_flag();
}

static void missing_flush(void *unused)
{
	(void)unused;
	store_record();
	persist_fence();
	set_flag();
}

static void missing_fence(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(stored.memory + stored.offset, stored.length);
	set_flag();
}

static void missing_fence_around_the_cache(void *unused)
{
	(void)unused;
	persist_copy(stored.memory + stored.offset, stored.source, stored.length);
	set_flag();
}

static void flush_before_store(void *unused)
{
	(void)unused;
	persist_flush(stored.memory + stored.offset, stored.length);
	store_record();
	persist_fence();
	set_flag();
}

static void flush_of_the_wrong_line(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(stored.memory + stored.offset + 2 * CACHE_LINE, stored.length);
	persist_fence();
	set_flag();
}

static void unflushed_tail(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(stored.memory + stored.offset, 1);
	persist_fence();
	set_flag();
}

static void unflushed_flag(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(stored.memory + stored.offset, stored.length);
	persist_fence();
	*(volatile uint64_t *)stored.flag = 1;
	persist_fence();
	trace_promise(1);
}

static void flag_before_record(void *unused)
{
	(void)unused;
	set_flag();
	no_fault(NULL);
}

static const struct {
	const char *name;
	void (*fn)(void *);
	bool matters_in_cache; /* also where the caches are in the persistence domain */
} faults[] = {
	{"missing flush", missing_flush, false},
	{"missing fence", missing_fence, false},
	{"missing fence after stores around the cache", missing_fence_around_the_cache, true},
	{"flush before store", flush_before_store, false},
	{"flush of the wrong line", flush_of_the_wrong_line, false},
	{"unflushed tail", unflushed_tail, false},
	{"unflushed flag", unflushed_flag, false},
	{"flag before record", flag_before_record, true},
};

static struct crash_search search_fault(size_t i, enum persistence_domain domain)
{
	stored_prepare(RECORD_AT, RECORD_BYTES);
	return stored_search(domain, faults[i].fn, stored_judge_record);
}

/* Each of these mistakes is found, and without one nothing is. */
TEST(persist_orders, seeded_faults_are_found)
{
	unsigned found = 0;

	stored_begin();
	stored_prepare(RECORD_AT, RECORD_BYTES);
	stored_expect_none(
		stored_search(PERSISTENCE_MEMORY_CONTROLLER, no_fault, stored_judge_record));
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct crash_search search = search_fault(i, PERSISTENCE_MEMORY_CONTROLLER);

		if (search.violations)
			found++;
		else
			fail("%s: not found in %llu states", faults[i].name,
			     (unsigned long long)search.states);
	}
	measure("seeded_faults_found", found, "faults");
}

/* With the caches in the persistence domain flushes do not matter, and order still does. */
TEST(persist_orders, caches_that_are_durable_need_order_alone)
{
	stored_begin();
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct crash_search search = search_fault(i, PERSISTENCE_CPU_CACHE);

		if (!search.violations == faults[i].matters_in_cache)
			fail("%s: %llu violations", faults[i].name,
			     (unsigned long long)search.violations);
	}
}
