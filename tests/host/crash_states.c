/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/crash_states.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/heap_sort.h"
#include "mm/persist.h"
#include "tests/test.h"

#define STATES_MAX (UINT64_C(1) << 22)

enum { PENDING_MAX = 256, NO_STORE = -1 };

/* Stores that may have reached the medium or not, in their order. */
struct pending {
	const struct event *store;
	uint64_t mask; /* of its bytes, those that nothing later has put on the medium */
	int after;     /* the store that reaches the medium first, or NO_STORE */
	bool flushed;  /* reaches it by the next fence */
	bool chosen;   /* has reached it, in the state that is looked at */
};

struct search {
	struct crash_search *result;
	unsigned char medium[TRACE_BYTES]; /* what is on it for sure */
	struct pending pending[PENDING_MAX];
	int nr;
	uint64_t promise;
	uint64_t round; /* states since the last fence */
	uint64_t *hashes;
	size_t room;
};

static void apply(unsigned char *medium, const struct event *store, uint64_t mask)
{
	uint64_t word;

	memcpy(&word, medium + store->at, sizeof(word));
	word = (word & ~mask) | (store->value & mask);
	memcpy(medium + store->at, &word, sizeof(word));
}

/* FNV-1a, by words. */
static uint64_t hash_of(const unsigned char *medium, uint64_t promise)
{
	uint64_t hash = (UINT64_C(0xcbf29ce484222325) ^ promise) * UINT64_C(0x100000001b3);
	uint64_t word;

	for (size_t at = 0; at < TRACE_BYTES; at += sizeof(word)) {
		memcpy(&word, medium + at, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x100000001b3);
		hash ^= hash >> 29;
	}
	return hash;
}

static void remember(struct search *search, uint64_t hash)
{
	if (search->result->states == search->room) {
		search->room = search->room ? 2 * search->room : 1024;
		search->hashes = realloc(search->hashes, search->room * sizeof(*search->hashes));
		require(search->hashes != NULL);
	}
	search->hashes[search->result->states++] = hash;
}

static void judge(struct search *search, size_t event)
{
	struct crash_search *result = search->result;
	unsigned char medium[TRACE_BYTES];
	const char *wrong;

	memcpy(medium, search->medium, sizeof(medium));
	for (int i = 0; i < search->nr; i++)
		if (search->pending[i].chosen)
			apply(medium, search->pending[i].store, search->pending[i].mask);
	remember(search, hash_of(medium, search->promise));
	wrong = result->judge(medium, search->promise);
	if (wrong && result->violations++ == 0) {
		result->first = wrong;
		result->event = event;
	}
}

/* Every choice among the stores from number `i` on. */
static void choose(struct search *search, int i, size_t event)
{
	struct pending *pending = &search->pending[i];

	if (search->round >= STATES_MAX)
		return;
	if (i == search->nr) {
		search->round++;
		judge(search, event);
		return;
	}
	pending->chosen = false;
	choose(search, i + 1, event);
	if (pending->after != NO_STORE && !search->pending[pending->after].chosen)
		return;
	pending->chosen = true;
	choose(search, i + 1, event);
}

static void judge_all(struct search *search, size_t event)
{
	search->round = 0;
	choose(search, 0, event);
	if (search->round >= STATES_MAX)
		fail("event %zu: %d stores under way make too many states", event, search->nr);
}

static bool eadr(const struct search *search)
{
	return search->result->domain == PERSISTENCE_CPU_CACHE;
}

/* The plain store that reaches the medium before one at `at`. */
static int store_before(const struct search *search, size_t at)
{
	for (int i = search->nr - 1; i >= 0; i--) {
		const struct event *store = search->pending[i].store;

		if (store->kind == EVENT_STORE &&
		    (eadr(search) || store->at / CACHE_LINE == at / CACHE_LINE))
			return i;
	}
	return NO_STORE;
}

static void add_store(struct search *search, const struct event *store)
{
	bool plain = store->kind == EVENT_STORE;

	require(search->nr < PENDING_MAX);
	search->pending[search->nr] = (struct pending){
		.store = store,
		.mask = store->mask,
		.after = plain ? store_before(search, store->at) : NO_STORE,
		.flushed = !plain || eadr(search),
	};
	search->nr++;
}

static void flush(struct search *search, size_t line)
{
	for (int i = 0; i < search->nr; i++)
		if (search->pending[i].store->at / CACHE_LINE == line / CACHE_LINE)
			search->pending[i].flushed = true;
}

/* A store that is on the medium takes the place of earlier ones that never got there. */
static void supersede(struct search *search, int by)
{
	for (int i = 0; i < by; i++)
		if (search->pending[i].store->at == search->pending[by].store->at)
			search->pending[i].mask &= ~search->pending[by].mask;
}

static void fence(struct search *search)
{
	struct pending left[PENDING_MAX];
	int nr = 0;

	for (int i = 0; i < search->nr; i++)
		if (search->pending[i].flushed) {
			apply(search->medium, search->pending[i].store, search->pending[i].mask);
			supersede(search, i);
		}
	for (int i = 0; i < search->nr; i++)
		if (!search->pending[i].flushed)
			left[nr++] = search->pending[i];
	search->nr = 0;
	for (int i = 0; i < nr; i++) {
		search->pending[search->nr] = left[i];
		search->pending[search->nr].after = store_before(search, left[i].store->at);
		search->nr++;
	}
}

static int by_value(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static uint64_t count_distinct(uint64_t *hashes, size_t nr)
{
	uint64_t distinct = nr > 0;

	heap_sort(hashes, nr, sizeof(*hashes), by_value);
	for (size_t i = 1; i < nr; i++)
		distinct += hashes[i] != hashes[i - 1];
	return distinct;
}

void crash_search(struct crash_search *result)
{
	static struct search search;
	const struct trace *trace = result->trace;

	search = (struct search){.result = result};
	memcpy(search.medium, trace->before, sizeof(search.medium));
	result->states = result->violations = 0;
	result->first = NULL;
	for (size_t i = 0; i < trace->nr; i++) {
		const struct event *event = &trace->events[i];

		switch (event->kind) {
		case EVENT_STORE:
		case EVENT_STORE_AROUND:
			add_store(&search, event);
			break;
		case EVENT_FLUSH:
			flush(&search, event->at);
			break;
		case EVENT_FENCE:
			judge_all(&search, i);
			fence(&search);
			break;
		case EVENT_PROMISE:
			search.promise = event->value;
			break;
		}
	}
	judge_all(&search, trace->nr);
	result->distinct = count_distinct(search.hashes, (size_t)result->states);
	free(search.hashes);
}
