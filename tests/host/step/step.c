/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions that gcc calls for each access to memory in code built for ThreadSanitizer
 * (-fsanitize=thread), which is not linked here: these do the access, and are the points.
 */
#include "tests/host/step/step.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "tests/host/cpu_number.h"

enum {
	SITES = 1024,
	VISITS_MAX = 4,
	/* More than any operation needs that waits for nothing. */
	PATIENCE = 300000,
	STACK_BYTES = 1 << 18,
};

/* What the other CPU does, on a stack of its own, so that it can be left while it waits. */
static struct {
	void (*run)(void);
	unsigned left; /* points until it begins */
	unsigned accesses;
	enum { WAITS_FOR_ITS_POINT, RUNS, IS_LEFT, IS_DONE } state;
	ucontext_t itself, back;
} other;

/* Threads of tests that do not step have none. */
static _Thread_local bool stepping;

/* The instructions that the operation has come by, hashed by their address. */
static struct {
	const void *site;
	unsigned visits;
} sites[SITES];

static bool is_point(const void *site)
{
	size_t i = (uintptr_t)site % SITES;

	while (sites[i].site && sites[i].site != site)
		i = (i + 1) % SITES;
	sites[i].site = site;
	return ++sites[i].visits <= VISITS_MAX;
}

static void run_other(void)
{
	other.run();
	other.state = IS_DONE;
}

/* Until it is done or, if it may be left, seems to wait for what this CPU has begun. */
static void let_other_run(void)
{
	other.state = RUNS;
	other.accesses = 0;
	cpu_number_set(1);
	swapcontext(&other.back, &other.itself);
	cpu_number_set(0);
}

static void access_at(const void *site)
{
	if (!stepping)
		return;
	if (other.state == WAITS_FOR_ITS_POINT && is_point(site) && other.left-- == 0) {
		let_other_run();
	} else if (other.state == RUNS && ++other.accesses == PATIENCE) {
		other.state = IS_LEFT;
		swapcontext(&other.itself, &other.back);
	}
}

bool step_between(void (*operation)(void), void (*run)(void), unsigned at)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));

	memset(sites, 0, sizeof(sites));
	other.run = run;
	other.left = at;
	other.state = WAITS_FOR_ITS_POINT;
	getcontext(&other.itself);
	other.itself.uc_stack.ss_sp = stack;
	other.itself.uc_stack.ss_size = sizeof(stack);
	other.itself.uc_link = &other.back;
	makecontext(&other.itself, run_other, 0);
	stepping = true;
	operation();
	while (other.state == IS_LEFT)
		let_other_run();
	stepping = false;
	return other.state == IS_DONE;
}

#define HERE __builtin_return_address(0)

/* Plain accesses are to what is a CPU's own. */
#define PLAIN(name)                     \
	void __tsan_##name(void *);     \
	void __tsan_##name(void *where) \
	{                               \
		(void)where;            \
	}

#define PLAIN_RANGE(name)                             \
	void __tsan_##name(void *, size_t);           \
	void __tsan_##name(void *where, size_t bytes) \
	{                                             \
		(void)where, (void)bytes;             \
	}

#define ATOMIC_LOAD(bits)                                                                      \
	uint##bits##_t __tsan_atomic##bits##_load(const _Atomic uint##bits##_t *, int);        \
	uint##bits##_t __tsan_atomic##bits##_load(const _Atomic uint##bits##_t *at, int order) \
	{                                                                                      \
		(void)order;                                                                   \
		access_at(HERE);                                                               \
		return atomic_load(at);                                                        \
	}

#define ATOMIC_STORE(bits)                                                                 \
	void __tsan_atomic##bits##_store(_Atomic uint##bits##_t *, uint##bits##_t, int);   \
	void __tsan_atomic##bits##_store(_Atomic uint##bits##_t *at, uint##bits##_t value, \
					 int order)                                        \
	{                                                                                  \
		(void)order;                                                               \
		access_at(HERE);                                                           \
		atomic_store(at, value);                                                   \
	}

#define ATOMIC_FETCH(bits, name)                                                             \
	uint##bits##_t __tsan_atomic##bits##_fetch_##name(_Atomic uint##bits##_t *,          \
							  uint##bits##_t, int);              \
	uint##bits##_t __tsan_atomic##bits##_fetch_##name(_Atomic uint##bits##_t *at,        \
							  uint##bits##_t operand, int order) \
	{                                                                                    \
		(void)order;                                                                 \
		access_at(HERE);                                                             \
		return atomic_fetch_##name(at, operand);                                     \
	}

#define ATOMIC_EXCHANGE(bits, strength)                                                       \
	bool __tsan_atomic##bits##_compare_exchange_##strength(                               \
		_Atomic uint##bits##_t *, uint##bits##_t *, uint##bits##_t, int, int);        \
	bool __tsan_atomic##bits##_compare_exchange_##strength(                               \
		_Atomic uint##bits##_t *at, uint##bits##_t *expected, uint##bits##_t desired, \
		int order, int order_of_failure)                                              \
	{                                                                                     \
		(void)order, (void)order_of_failure;                                          \
		access_at(HERE);                                                              \
		return atomic_compare_exchange_strong(at, expected, desired);                 \
	}

void __tsan_init(void);
void __tsan_init(void)
{
}

PLAIN(read1)
PLAIN(read2)
PLAIN(read4)
PLAIN(read8)
PLAIN(read16)
PLAIN(write1)
PLAIN(write2)
PLAIN(write4)
PLAIN(write8)
PLAIN(write16)
PLAIN_RANGE(read_range)
PLAIN_RANGE(write_range)

ATOMIC_LOAD(8)
ATOMIC_LOAD(32)
ATOMIC_LOAD(64)
ATOMIC_STORE(8)
ATOMIC_STORE(32)
ATOMIC_STORE(64)
ATOMIC_FETCH(32, add)
ATOMIC_FETCH(32, or)
ATOMIC_FETCH(32, sub)
ATOMIC_FETCH(64, add)
ATOMIC_FETCH(64, sub)
ATOMIC_FETCH(64, and)
ATOMIC_FETCH(64, or)
ATOMIC_EXCHANGE(64, strong)
ATOMIC_EXCHANGE(64, weak)
