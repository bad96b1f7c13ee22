/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the persistence primitives leave when the power fails, in every order that the CPU may
 * choose between two fences.
 */
#include <string.h>

#include "mm/flush_hints.h"
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/host/stored.h"
#include "tests/test.h"

enum { WORD = sizeof(uint64_t), RECORD_AT = 60, RECORD_BYTES = 77 };

/* --- Steps --- */

static void all_kinds(void *unused)
{
	uint64_t *words = (uint64_t *)stored.memory;

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

	stored_begin();
	memset(stored.memory, 0, TRACE_BYTES);
	trace_run(&stored.trace, all_kinds, NULL);
	require(stored.trace.nr == ARRAY_SIZE(expected));
	for (size_t i = 0; i < stored.trace.nr; i++) {
		expect_eq(stored.trace.events[i].kind, expected[i].kind);
		expect_eq(stored.trace.events[i].at, expected[i].at);
		expect_eq(stored.trace.events[i].value, expected[i].value);
	}
	expect(stored.trace.events[0].mask == 0xff);
	expect(stored.trace.events[7].mask == UINT64_C(0xff) << 56);
}

/* --- Flushes --- */

static void flush(void *unused)
{
	(void)unused;
	persist_flush(stored.memory + stored.offset, stored.length);
}

static void use_the_best(void *unused)
{
	(void)unused;
	persist_init();
}

static void check_flush(size_t at, size_t bytes)
{
	size_t line = align_down(at, CACHE_LINE);

	stored_prepare(at, bytes);
	trace_run(&stored.trace, flush, NULL);
	expect_eq(stored.trace.nr,
		  bytes ? (align_up(at + bytes, CACHE_LINE) - line) / CACHE_LINE : 0);
	for (size_t i = 0; i < stored.trace.nr; i++) {
		expect_eq(stored.trace.events[i].kind, EVENT_FLUSH);
		expect_eq(stored.trace.events[i].at, line + i * CACHE_LINE);
	}
}

/* A range is flushed by its lines, each once and no other, with every instruction of the CPU. */
TEST(persist_orders, flush_takes_each_line_once)
{
	stored_begin();
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
	persist_copy(stored.memory + stored.offset, stored.source, stored.length);
	persist_drain(stored.memory + stored.offset);
	trace_promise(1);
}

static void set(void *unused)
{
	(void)unused;
	persist_set(stored.memory + stored.offset, stored_new_byte(0), stored.length);
	persist_drain(stored.memory + stored.offset);
	trace_promise(1);
}

/* Words that are stored in whole are old or new in whole; what is beside them stays as it was. */
static const char *judge_words(const unsigned char *medium,
			       bool (*new_range)(const unsigned char *, size_t, size_t),
			       uint64_t promise)
{
	size_t end = stored.offset + stored.length;

	if (!stored_is_old(medium, 0, stored.offset) || !stored_is_old(medium, end, STORED_FLAG_AT))
		return "a neighbour changed";
	if (promise && !new_range(medium, stored.offset, end))
		return "promised bytes are not there";
	for (size_t at = align_up(stored.offset, WORD); at + WORD <= end; at += WORD)
		if (!stored_is_old(medium, at, at + WORD) && !new_range(medium, at, at + WORD))
			return "a word is torn";
	return NULL;
}

static const char *judge_copy(const unsigned char *medium, uint64_t promise)
{
	return judge_words(medium, stored_is_new, promise);
}

static bool is_set(const unsigned char *medium, size_t start, size_t end)
{
	for (size_t at = start; at < end; at++)
		if (medium[at] != stored_new_byte(0))
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

	for (size_t i = 0; i < stored.trace.nr; i++) {
		size_t line = stored.trace.events[i].at / CACHE_LINE;

		flushes[line] += stored.trace.events[i].kind == EVENT_FLUSH;
		around[line] |= stored.trace.events[i].kind == EVENT_STORE_AROUND;
	}
	for (size_t line = 0; line < ARRAY_SIZE(flushes); line++)
		if (flushes[line] > 1 || (flushes[line] && around[line]))
			fail("offset %zu length %zu: line %zu has %u flushes%s", stored.offset,
			     stored.length, line, flushes[line],
			     around[line] ? " and stores around" : "");
}

/* Small enough for all orders: eleven words around the cache are 2048 states. */
static const struct {
	size_t at, bytes;
} small[] = {{0, 8},  {0, 16}, {8, 64}, {0, 88}, {3, 1},   {7, 2},    {1, 62},   {1, 64},
	     {60, 8}, {56, 9}, {0, 3},  {64, 5}, {62, 70}, {120, 17}, {65, 126}, {5, 123}};

static void check_small(void (*fn)(void *), const char *(*judge)(const unsigned char *, uint64_t))
{
	stored_begin();
	for (size_t i = 0; i < ARRAY_SIZE(small); i++) {
		stored_prepare(small[i].at, small[i].bytes);
		stored_expect_none(stored_search(PERSISTENCE_MEMORY_CONTROLLER, fn, judge));
		check_economy();
	}
	stored_measure_states();
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

static void publish(void *unused)
{
	(void)unused;
	persist_copy(stored.memory + stored.offset, stored.source, stored.length);
	persist_publish(stored.flag, 1);
	trace_promise(1);
}

/* No order leaves a flag without its record, nor loses a flag that was published. */
TEST(persist_orders, publish_never_shows_a_flag_without_its_record)
{
	stored_begin();
	for (size_t at = 56; at < 72; at++) {
		stored_prepare(at, 13);
		stored_expect_none(
			stored_search(PERSISTENCE_MEMORY_CONTROLLER, publish, stored_judge_record));
	}
	stored_measure_states();
}

static void two_rounds(void *unused)
{
	(void)unused;
	publish(NULL);
	trace_promise(0); /* from here on the flag may be taken back */
	persist_publish(stored.flag, 0);
	persist_set(stored.memory + stored.offset, 0, stored.length);
	persist_drain(stored.memory);
}

/* A record that is taken back by its flag first is never half there under a flag either. */
TEST(persist_orders, a_flag_is_taken_back_before_its_record)
{
	stored_begin();
	stored_prepare(RECORD_AT, RECORD_BYTES);
	stored_expect_none(
		stored_search(PERSISTENCE_MEMORY_CONTROLLER, two_rounds, stored_judge_record));
	stored_measure_states();
}

/* What a device put into the caches, which for the caches is a store like any. */
static void receive(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < stored.length; i++)
		((volatile unsigned char *)stored.memory)[stored.offset + i] = stored.source[i];
	persist_dma(stored.memory + stored.offset, stored.length);
	trace_promise(1);
}

static const char *judge_promise(const unsigned char *medium, uint64_t promise)
{
	return promise && !stored_is_new(medium, stored.offset, stored.offset + stored.length)
		       ? "promised bytes are not there"
		       : NULL;
}

/* What DMA left in the caches is on the medium when persist_dma() returns. */
TEST(persist_orders, dma_is_durable)
{
	size_t at = 0;

	stored_begin();
	stored_prepare(61, 70);
	stored_expect_none(stored_search(PERSISTENCE_MEMORY_CONTROLLER, receive, judge_promise));
	stored_measure_states();
	/* The load that saw the device's word must not be overtaken. */
	while (at < stored.trace.nr && stored.trace.events[at].kind == EVENT_STORE)
		at++;
	require(at < stored.trace.nr);
	expect_eq(stored.trace.events[at].kind, EVENT_FENCE);
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
	uintptr_t start = (uintptr_t)stored.memory;

	first[0] = (uint64_t *)(stored.memory + FIRST_NVDIMM);
	second[0] = (uint64_t *)(stored.memory + SECOND_NVDIMM);
	other[0] = (uint64_t *)(stored.memory + OTHER_NVDIMM);
	other[1] = other[0] + 1;
	ranges[0] = (struct flush_range){start, start + 512, both, ARRAY_SIZE(both)};
	ranges[1] = (struct flush_range){start + 512, start + 768, one, ARRAY_SIZE(one)};
	test_cleanup(use_no_hints, NULL);
	flush_hints_use(ranges, ARRAY_SIZE(ranges));
}

static void drain(void *unused)
{
	(void)unused;
	persist_drain(stored.memory + stored.offset);
}

/* A drain of what lies at `at` is a fence, stores to these hints, and a fence if there were any. */
static void check_drain(size_t at, const size_t *hints, size_t nr)
{
	size_t events = nr ? nr + 2 : 1;

	stored_prepare(at, 0);
	trace_run(&stored.trace, drain, NULL);
	if (stored.trace.nr != events) {
		fail("offset %zu: %zu events, expected %zu", at, stored.trace.nr, events);
		return;
	}
	expect_eq(stored.trace.events[0].kind, EVENT_FENCE);
	expect_eq(stored.trace.events[events - 1].kind, EVENT_FENCE);
	for (size_t i = 0; i < nr; i++) {
		expect_eq(stored.trace.events[i + 1].kind, EVENT_STORE);
		expect_eq(stored.trace.events[i + 1].at, hints[i]);
	}
}

/* A drain tells the NVDIMMs of what it drains, each once, between two fences; and no other. */
TEST(persist_orders, drain_tells_each_nvdimm_once)
{
	static const size_t both[] = {FIRST_NVDIMM, SECOND_NVDIMM}, one[] = {OTHER_NVDIMM};

	stored_begin();
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

	stored_begin();
	stored_prepare(0, 0);
	use_hints();
	other = (const uint64_t *)(stored.memory + OTHER_NVDIMM);
	host_on_each_cpu(drain_on_this_cpu, stored.memory + 512);
	expect(other[0] == 1);
	expect(other[1] == 1);
	expect(other[-1] != 1 && other[2] != 1);
}

/* Hints come on top: what is published is durable, and in order, with them as without. */
TEST(persist_orders, hints_keep_the_order)
{
	stored_begin();
	use_hints();
	stored_prepare(RECORD_AT, 13);
	stored_expect_none(
		stored_search(PERSISTENCE_MEMORY_CONTROLLER, publish, stored_judge_record));
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
	stored_begin();
	test_cleanup(forget_domain, NULL);
	persist_set_domain(PERSISTENCE_CPU_CACHE);
	expect_eq(persist_domain(), PERSISTENCE_CPU_CACHE);
	for (size_t at = 56; at < 72; at += 5) {
		stored_prepare(at, 77);
		stored_expect_none(
			stored_search(PERSISTENCE_CPU_CACHE, publish, stored_judge_record));
		for (size_t i = 0; i < stored.trace.nr; i++)
			expect(stored.trace.events[i].kind != EVENT_FLUSH);
	}
	/* The same stores would not do anywhere else. */
	stored_prepare(61, 77);
	expect(stored_search(PERSISTENCE_MEMORY_CONTROLLER, publish, stored_judge_record)
		       .violations > 0);
	stored_measure_states();
}
