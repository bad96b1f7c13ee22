/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the persistence primitives leave when the power fails, in every order that the CPU may
 * choose between two fences. And that such a search finds what is wrong where something is.
 */
#include <string.h>

#include "mm/flush_hints.h"
#include "mm/host.h"
#include "mm/persist.h"
#include "tests/harness/memory.h"
#include "tests/host/crash_states.h"
#include "tests/test.h"

enum { WORD = sizeof(uint64_t), FLAG_AT = 512, MOST = 320 };

static struct trace trace;
static unsigned char *memory; /* TRACE_BYTES of them */
static unsigned char source[MOST];
static size_t offset, length; /* of what is stored from `source` */
static uint64_t *flag;

static unsigned char old_byte(size_t at)
{
	return (unsigned char)(0x80 | at * 3);
}

/* Differs from the old one wherever it goes. */
static unsigned char new_byte(size_t at)
{
	return (unsigned char)(at * 5 & 0x7f);
}

static void take_memory(void)
{
	memory = host_virt(pfn_to_phys(test_take(MEMORY_DRAM, PAGE_SIZE)));
	flag = (uint64_t *)(memory + FLAG_AT);
	trace.nr_lines = 0;
	trace_watch(&trace, memory, TRACE_BYTES);
}

/* Memory as it was, before `bytes` are stored `at` an offset in it. */
static void prepare(size_t at, size_t bytes)
{
	offset = at;
	length = bytes;
	for (size_t i = 0; i < TRACE_BYTES; i++)
		memory[i] = old_byte(i);
	for (size_t i = 0; i < sizeof(source); i++)
		source[i] = new_byte(i);
	*flag = 0;
}

static bool is_new(const unsigned char *medium, size_t start, size_t end)
{
	for (size_t at = start; at < end; at++)
		if (medium[at] != new_byte(at - offset))
			return false;
	return true;
}

static bool is_old(const unsigned char *medium, size_t start, size_t end)
{
	for (size_t at = start; at < end; at++)
		if (medium[at] != old_byte(at))
			return false;
	return true;
}

static struct crash_search search_as(enum persistence_domain domain, void (*fn)(void *),
				     const char *(*judge)(const unsigned char *, uint64_t))
{
	struct crash_search search = {.trace = &trace, .domain = domain, .judge = judge};

	trace_run(&trace, fn, NULL);
	crash_search(&search);
	return search;
}

/* --- Steps --- */

static void all_kinds(void *unused)
{
	uint64_t *words = (uint64_t *)memory;

	(void)unused;
	__asm__ volatile("movq $1, 8(%0)\n\t"
			 "movnti %1, 16(%0)\n\t"
			 "movnti %1, (%0,%1,8)\n\t"
			 "clflush (%0)\n\t"
			 "clflush 70(%0,%1,2)\n\t"
			 "sfence\n\t"
			 "mfence\n\t"
			 "lfence\n\t"
			 "movb $7, 31(%0)"
			 :
			 : "r"(words), "r"(UINT64_C(5))
			 : "memory");
	trace_promise(9);
}

/* Each instruction is seen for what it is, with its address. */
TEST(persist_orders, instructions_are_seen)
{
	static const struct event expected[] = {
		{EVENT_STORE, 8, 1, 0},         {EVENT_STORE_AROUND, 16, 5, 0},
		{EVENT_STORE_AROUND, 40, 5, 0}, {EVENT_FLUSH, 0, 0, 0},
		{EVENT_FLUSH, 64, 0, 0},        {EVENT_FENCE, 0, 0, 0},
		{EVENT_FENCE, 0, 0, 0},         {EVENT_STORE, 24, UINT64_C(7) << 56, 0},
		{EVENT_PROMISE, 0, 9, 0},
	};

	take_memory();
	memset(memory, 0, TRACE_BYTES);
	trace_run(&trace, all_kinds, NULL);
	require(trace.nr == ARRAY_SIZE(expected));
	for (size_t i = 0; i < trace.nr; i++) {
		expect_eq(trace.events[i].kind, expected[i].kind);
		expect_eq(trace.events[i].at, expected[i].at);
		expect_eq(trace.events[i].value, expected[i].value);
	}
	expect(trace.events[0].mask == 0xff);
	expect(trace.events[7].mask == UINT64_C(0xff) << 56);
}

/* --- Flushes --- */

static void flush(void *unused)
{
	(void)unused;
	persist_flush(memory + offset, length);
}

static void use_the_best(void *unused)
{
	(void)unused;
	persist_init();
}

static void check_flush(size_t at, size_t bytes)
{
	size_t line = align_down(at, CACHE_LINE);

	prepare(at, bytes);
	trace_run(&trace, flush, NULL);
	expect_eq(trace.nr, bytes ? (align_up(at + bytes, CACHE_LINE) - line) / CACHE_LINE : 0);
	for (size_t i = 0; i < trace.nr; i++) {
		expect_eq(trace.events[i].kind, EVENT_FLUSH);
		expect_eq(trace.events[i].at, line + i * CACHE_LINE);
	}
}

/* A range is flushed by its lines, each once and no other, with every instruction of the CPU. */
TEST(persist_orders, flush_takes_each_line_once)
{
	take_memory();
	test_cleanup(use_the_best, NULL);
	for (unsigned which = FLUSH_CLFLUSH; which <= FLUSH_CLWB; which++) {
		if (!persist_use((enum flush_instruction)which))
			continue;
		check_flush(0, 0);
		check_flush(64, 64);
		check_flush(63, 2);
		check_flush(127, 1);
		check_flush(1, 255);
	}
}

/* --- Copy and set --- */

static void copy(void *unused)
{
	(void)unused;
	persist_copy(memory + offset, source, length);
	persist_drain(memory + offset);
	trace_promise(1);
}

static void set(void *unused)
{
	(void)unused;
	persist_set(memory + offset, new_byte(0), length);
	persist_drain(memory + offset);
	trace_promise(1);
}

/* Words that are stored in whole are old or new in whole; what is beside them stays as it was. */
static const char *judge_words(const unsigned char *medium,
			       bool (*new_range)(const unsigned char *, size_t, size_t),
			       uint64_t promise)
{
	size_t end = offset + length;

	if (!is_old(medium, 0, offset) || !is_old(medium, end, FLAG_AT))
		return "a neighbour changed";
	if (promise && !new_range(medium, offset, end))
		return "promised bytes are not there";
	for (size_t at = align_up(offset, WORD); at + WORD <= end; at += WORD)
		if (!is_old(medium, at, at + WORD) && !new_range(medium, at, at + WORD))
			return "a word is torn";
	return NULL;
}

static const char *judge_copy(const unsigned char *medium, uint64_t promise)
{
	return judge_words(medium, is_new, promise);
}

static bool is_set(const unsigned char *medium, size_t start, size_t end)
{
	for (size_t at = start; at < end; at++)
		if (medium[at] != new_byte(0))
			return false;
	return true;
}

static const char *judge_set(const unsigned char *medium, uint64_t promise)
{
	return judge_words(medium, is_set, promise);
}

/* No line is flushed twice, nor both flushed and stored to around the cache. */
static void check_economy(void)
{
	unsigned flushes[TRACE_BYTES / CACHE_LINE] = {0};
	bool around[TRACE_BYTES / CACHE_LINE] = {false};

	for (size_t i = 0; i < trace.nr; i++) {
		size_t line = trace.events[i].at / CACHE_LINE;

		flushes[line] += trace.events[i].kind == EVENT_FLUSH;
		around[line] |= trace.events[i].kind == EVENT_STORE_AROUND;
	}
	for (size_t line = 0; line < ARRAY_SIZE(flushes); line++)
		if (flushes[line] > 1 || (flushes[line] && around[line]))
			fail("offset %zu length %zu: line %zu has %u flushes%s", offset, length,
			     line, flushes[line], around[line] ? " and stores around" : "");
}

static uint64_t states, distinct;

static void expect_none(struct crash_search search)
{
	if (search.violations)
		fail("offset %zu length %zu: %llu of %llu states: %s, before event %zu of %zu",
		     offset, length, (unsigned long long)search.violations,
		     (unsigned long long)search.states, search.first, search.event, trace.nr);
	states += search.states;
	distinct += search.distinct;
}

static void measure_states(void)
{
	measure("crash_states", states, "states");
	measure("distinct_crash_states", distinct, "states");
	states = distinct = 0;
}

/* Small enough for all orders: eleven words around the cache are 2048 states. */
static const struct {
	size_t at, bytes;
} small[] = {{0, 8},  {0, 16}, {8, 64}, {0, 88}, {3, 1},   {7, 2},    {1, 62},   {1, 64},
	     {60, 8}, {56, 9}, {0, 3},  {64, 5}, {62, 70}, {120, 17}, {65, 126}, {5, 123}};

static void check_small(void (*fn)(void *), const char *(*judge)(const unsigned char *, uint64_t))
{
	take_memory();
	for (size_t i = 0; i < ARRAY_SIZE(small); i++) {
		prepare(small[i].at, small[i].bytes);
		expect_none(search_as(PERSISTENCE_MEMORY_CONTROLLER, fn, judge));
		check_economy();
	}
	measure_states();
}

/* A copy is there after the drain, and before it each word is old or new. */
TEST(persist_orders, copy_is_durable)
{
	check_small(copy, judge_copy);
}

/* The same of a set. */
TEST(persist_orders, set_is_durable)
{
	check_small(set, judge_set);
}

/* --- What counts once a flag says so --- */

enum { RECORD_AT = 60, RECORD_BYTES = 77 };

/* The flag tells of the record, and a promise tells of the flag. */
static const char *judge_record(const unsigned char *medium, uint64_t promise)
{
	uint64_t value;

	memcpy(&value, medium + FLAG_AT, sizeof(value));
	if (value != 0 && value != 1)
		return "the flag is torn";
	if (value && !is_new(medium, offset, offset + length))
		return "the flag is set, and the record is not there";
	if (promise && !value)
		return "the flag was promised and is not set";
	return NULL;
}

static void publish(void *unused)
{
	(void)unused;
	persist_copy(memory + offset, source, length);
	persist_publish(flag, 1);
	trace_promise(1);
}

/* No order leaves a flag without its record, nor loses a flag that was published. */
TEST(persist_orders, publish_never_shows_a_flag_without_its_record)
{
	take_memory();
	for (size_t at = 56; at < 72; at++) {
		prepare(at, 13);
		expect_none(search_as(PERSISTENCE_MEMORY_CONTROLLER, publish, judge_record));
	}
	measure_states();
}

static void two_rounds(void *unused)
{
	(void)unused;
	publish(NULL);
	trace_promise(0); /* from here on the flag may be taken back */
	persist_publish(flag, 0);
	persist_set(memory + offset, 0, length);
	persist_drain(memory);
}

/* A record that is taken back by its flag first is never half there under a flag either. */
TEST(persist_orders, a_flag_is_taken_back_before_its_record)
{
	take_memory();
	prepare(RECORD_AT, RECORD_BYTES);
	expect_none(search_as(PERSISTENCE_MEMORY_CONTROLLER, two_rounds, judge_record));
	measure_states();
}

/* What a device put into the caches, which for the caches is a store like any. */
static void receive(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < length; i++)
		((volatile unsigned char *)memory)[offset + i] = source[i];
	persist_dma(memory + offset, length);
	trace_promise(1);
}

static const char *judge_promise(const unsigned char *medium, uint64_t promise)
{
	return promise && !is_new(medium, offset, offset + length) ? "promised bytes are not there"
								   : NULL;
}

/* What DMA left in the caches is on the medium when persist_dma() returns. */
TEST(persist_orders, dma_is_durable)
{
	take_memory();
	prepare(61, 70);
	expect_none(search_as(PERSISTENCE_MEMORY_CONTROLLER, receive, judge_promise));
	measure_states();
}

/* --- Drains tell NVDIMMs --- */

enum { FIRST_NVDIMM = 768, SECOND_NVDIMM = 776, OTHER_NVDIMM = 784 };

static void use_no_hints(void *unused)
{
	(void)unused;
	flush_hints_use(NULL, 0);
}

/*
 * The first half of the memory lies on two NVDIMMs, the next quarter on another one; their hints
 * are in the last quarter. The third NVDIMM has two, for CPUs to take turns.
 */
static void use_hints(void)
{
	static volatile uint64_t *first[1], *second[1], *other[2];
	static const struct flush_hints both[] = {{first, 1}, {second, 1}}, one[] = {{other, 2}};
	static struct flush_range ranges[2];
	uintptr_t start = (uintptr_t)memory;

	first[0] = (uint64_t *)(memory + FIRST_NVDIMM);
	second[0] = (uint64_t *)(memory + SECOND_NVDIMM);
	other[0] = (uint64_t *)(memory + OTHER_NVDIMM);
	other[1] = other[0] + 1;
	ranges[0] = (struct flush_range){start, start + 512, both, ARRAY_SIZE(both)};
	ranges[1] = (struct flush_range){start + 512, start + 768, one, ARRAY_SIZE(one)};
	test_cleanup(use_no_hints, NULL);
	flush_hints_use(ranges, ARRAY_SIZE(ranges));
}

static void drain(void *unused)
{
	(void)unused;
	persist_drain(memory + offset);
}

/* A drain of what lies at `at` is a fence, stores to these hints, and a fence if there were any. */
static void check_drain(size_t at, const size_t *hints, size_t nr)
{
	size_t events = nr ? nr + 2 : 1;

	prepare(at, 0);
	trace_run(&trace, drain, NULL);
	if (trace.nr != events) {
		fail("offset %zu: %zu events, expected %zu", at, trace.nr, events);
		return;
	}
	expect_eq(trace.events[0].kind, EVENT_FENCE);
	expect_eq(trace.events[events - 1].kind, EVENT_FENCE);
	for (size_t i = 0; i < nr; i++) {
		expect_eq(trace.events[i + 1].kind, EVENT_STORE);
		expect_eq(trace.events[i + 1].at, hints[i]);
	}
}

/* A drain tells the NVDIMMs of what it drains, each once, between two fences; and no other. */
TEST(persist_orders, drain_tells_each_nvdimm_once)
{
	static const size_t both[] = {FIRST_NVDIMM, SECOND_NVDIMM}, one[] = {OTHER_NVDIMM};

	take_memory();
	use_hints();
	check_drain(0, both, 2);
	check_drain(511, both, 2);
	check_drain(512, one, 1);
	check_drain(767, one, 1);
	check_drain(768, NULL, 0);
	use_no_hints(NULL);
	check_drain(0, NULL, 0);
}

static void drain_on_this_cpu(void *where)
{
	persist_drain(where);
}

/* CPUs take turns at the hints of an NVDIMM, and no hint is left out. */
TEST(persist_orders, cpus_share_hints)
{
	const uint64_t *other;

	take_memory();
	prepare(0, 0);
	use_hints();
	other = (const uint64_t *)(memory + OTHER_NVDIMM);
	host_on_each_cpu(drain_on_this_cpu, memory + 512);
	expect(other[0] == 1);
	expect(other[1] == 1);
	expect(other[-1] != 1 && other[2] != 1);
}

/* Hints come on top: what is published is durable, and in order, with them as without. */
TEST(persist_orders, hints_keep_the_order)
{
	take_memory();
	use_hints();
	prepare(RECORD_AT, 13);
	expect_none(search_as(PERSISTENCE_MEMORY_CONTROLLER, publish, judge_record));
}

/* --- Domains --- */

static void forget_domain(void *unused)
{
	(void)unused;
	persist_set_domain(PERSISTENCE_UNKNOWN);
}

/* Where the caches are saved nothing is flushed, and what is published is durable all the same. */
TEST(persist_orders, durable_caches_are_not_flushed)
{
	take_memory();
	test_cleanup(forget_domain, NULL);
	persist_set_domain(PERSISTENCE_CPU_CACHE);
	expect_eq(persist_domain(), PERSISTENCE_CPU_CACHE);
	for (size_t at = 56; at < 72; at += 5) {
		prepare(at, 77);
		expect_none(search_as(PERSISTENCE_CPU_CACHE, publish, judge_record));
		for (size_t i = 0; i < trace.nr; i++)
			expect(trace.events[i].kind != EVENT_FLUSH);
	}
	/* The same stores would not do anywhere else. */
	prepare(61, 77);
	expect(search_as(PERSISTENCE_MEMORY_CONTROLLER, publish, judge_record).violations > 0);
	measure_states();
}

/* --- The search finds what is wrong --- */

static void set_flag(void)
{
	*(volatile uint64_t *)flag = 1;
	persist_flush(flag, sizeof(*flag));
	persist_fence();
	trace_promise(1);
}

static void store_record(void)
{
	for (size_t i = 0; i < length; i++)
		((volatile unsigned char *)memory)[offset + i] = source[i];
}

static void no_fault(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(memory + offset, length);
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
	persist_flush(memory + offset, length);
	set_flag();
}

static void missing_fence_around_the_cache(void *unused)
{
	(void)unused;
	persist_copy(memory + offset, source, length);
	set_flag();
}

static void flush_before_store(void *unused)
{
	(void)unused;
	persist_flush(memory + offset, length);
	store_record();
	persist_fence();
	set_flag();
}

static void flush_of_the_wrong_line(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(memory + offset + 2 * CACHE_LINE, length);
	persist_fence();
	set_flag();
}

static void unflushed_tail(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(memory + offset, 1);
	persist_fence();
	set_flag();
}

static void unflushed_flag(void *unused)
{
	(void)unused;
	store_record();
	persist_flush(memory + offset, length);
	persist_fence();
	*(volatile uint64_t *)flag = 1;
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
	prepare(RECORD_AT, RECORD_BYTES);
	return search_as(domain, faults[i].fn, judge_record);
}

/* Each of these mistakes is found, and without one nothing is. */
TEST(persist_orders, seeded_faults_are_found)
{
	unsigned found = 0;

	take_memory();
	prepare(RECORD_AT, RECORD_BYTES);
	expect_none(search_as(PERSISTENCE_MEMORY_CONTROLLER, no_fault, judge_record));
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
	take_memory();
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct crash_search search = search_fault(i, PERSISTENCE_CPU_CACHE);

		if (!search.violations == faults[i].matters_in_cache)
			fail("%s: %llu violations", faults[i].name,
			     (unsigned long long)search.violations);
	}
}
