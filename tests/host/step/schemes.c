/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two CPUs use one scheme of page descriptors at the same time. Every pair of operations meets at
 * every point, from each of some states; afterwards the scheme must have what the two were told.
 */
#include <errno.h>

#include "mm/schemes/dynamic.h"
#include "mm/schemes/flat.h"
#include "mm/schemes/proxy.h"
#include "tests/harness/scheme_ground.h"
#include "tests/host/step/step.h"
#include "tests/test.h"

/* A pool of 5 has 16 buckets: the first CPU's HELD is in that of A, the other one's in the next. */
enum { FRAMES = 64, POOL = 5, PROXIES = 80, CPUS = 2, PINS_MAX = 8, A = 1, HELD = 33, IDLE = 50 };

static struct scheme *scheme;
static struct scheme_page *shared; /* a proxy that both have pins on */
static unsigned b;                 /* a frame beside A, in another bucket or in the same */

/* What each CPU has, as it was told. */
static struct cpu {
	struct scheme_page *held; /* a page of its own, to point elsewhere */
	unsigned held_frame;
	struct scheme_page *before; /* a pin on A that it had before */
	struct scheme_page *pins[PINS_MAX];
	unsigned frames[PINS_MAX];
	unsigned nr;
	bool locked;
	bool again; /* a pin on the shared proxy */
} cpus[CPUS];

struct operation {
	const char *name;
	void (*run)(struct cpu *);
};

static pfn_t frame_at(unsigned number)
{
	return pfn_add(scheme->start, number);
}

static void pin(struct cpu *cpu, unsigned number)
{
	int error = scheme_pin(scheme, frame_at(number), &cpu->pins[cpu->nr]);

	if (error) {
		fail("a pin of frame %u is refused by %d", number, error);
		return;
	}
	cpu->frames[cpu->nr++] = number;
}

static void pin_a(struct cpu *cpu)
{
	pin(cpu, A);
}

static void pin_b(struct cpu *cpu)
{
	pin(cpu, b);
}

static void pin_and_unpin_a(struct cpu *cpu)
{
	pin(cpu, A);
	scheme_unpin(scheme, cpu->pins[--cpu->nr], SCHEME_CLEAN);
}

static void unpin_a(struct cpu *cpu)
{
	scheme_unpin(scheme, cpu->before, SCHEME_CLEAN);
	cpu->before = NULL;
}

static void unpin_a_written(struct cpu *cpu)
{
	scheme_unpin(scheme, cpu->before, SCHEME_WRITTEN);
	cpu->before = NULL;
}

static void lock_a(struct cpu *cpu)
{
	cpu->locked = scheme_trylock(scheme, cpu->before) == 0;
}

static void mark_a(struct cpu *cpu)
{
	(void)scheme_mark_dirty(scheme, cpu->before);
}

static void clear_a(struct cpu *cpu)
{
	(void)scheme_mark_dirty(scheme, cpu->before);
	(void)scheme_clear_dirty(scheme, cpu->before);
}

static void look_at_a(struct cpu *cpu)
{
	(void)cpu;
	expect(scheme_pins(scheme, frame_at(A)) <= 2 * CPUS);
}

static void repoint(struct cpu *cpu, unsigned number)
{
	int error = dynamic_repoint(scheme, cpu->held, frame_at(number));

	if (!error)
		cpu->held_frame = number;
	else if (error != -EEXIST && error != -EBUSY)
		fail("pointing at frame %u ends in %d", number, error);
}

static void repoint_to_a(struct cpu *cpu)
{
	repoint(cpu, A);
}

static void repoint_to_b(struct cpu *cpu)
{
	repoint(cpu, b);
}

/* At the other CPU's frame, which is in use, and the other one perhaps at this one's. */
static void repoint_to_each_other(struct cpu *cpu)
{
	repoint(cpu, cpus[cpu == cpus].held_frame);
}

/* --- Pairs --- */

static const struct operation *pair[CPUS];

static void run_first(void)
{
	pair[0]->run(&cpus[0]);
}

static void run_second(void)
{
	pair[1]->run(&cpus[1]);
}

/* Frame A has pins of both before, is bound and idle, or is not bound. */
enum state { PINNED, BOUND, UNBOUND, STATES };

static void bind_and_leave(unsigned number)
{
	struct scheme_page *page;

	require(scheme_pin(scheme, frame_at(number), &page) == 0);
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

static void prepare(const struct scheme_ops *ops, enum state state)
{
	scheme = ground_begin(ops, FRAMES, ops == &proxy_scheme ? PROXIES : POOL);
	/* The whole pool is bound to something, so that a page has to be taken from there. */
	for (unsigned i = 0; i < POOL; i++)
		bind_and_leave(IDLE + i);
	for (unsigned i = 0; i < CPUS; i++) {
		cpus[i] = (struct cpu){.held_frame = HELD + i};
		require(scheme_pin(scheme, frame_at(HELD + i), &cpus[i].held) == 0);
		if (state == PINNED)
			require(scheme_pin(scheme, frame_at(A), &cpus[i].before) == 0);
	}
	if (state == BOUND)
		bind_and_leave(A);
	if (ops == &proxy_scheme) {
		shared = cpus[0].held;
		require(proxy_pin_again(scheme, shared) == 0);
		cpus[1].again = true;
	}
}

/* Pins of a frame that the two were told they have. */
static unsigned told(unsigned number)
{
	unsigned pins = 0;

	for (unsigned i = 0; i < CPUS; i++) {
		pins += cpus[i].held && cpus[i].held_frame == number;
		pins += cpus[i].before && number == A;
		pins += cpus[i].again && cpus[0].held_frame == number;
		for (unsigned j = 0; j < cpus[i].nr; j++)
			pins += cpus[i].frames[j] == number;
	}
	return pins;
}

static unsigned proxies_told(void)
{
	unsigned proxies = 0;

	for (unsigned i = 0; i < CPUS; i++)
		proxies += (cpus[i].held ? 1u : 0) + (cpus[i].before ? 1u : 0) + cpus[i].nr;
	/* Pinned again, it outlives its first pin. */
	if (!cpus[0].held && (cpus[0].again || cpus[1].again))
		proxies++;
	return proxies;
}

static void compare(unsigned at)
{
	for (unsigned number = 0; number < FRAMES; number++) {
		int pins = scheme_pins(scheme, frame_at(number));

		if (pins != (int)told(number))
			fail("%s, then %s at point %u (frame %u): %d pins of frame %u, expected %u",
			     pair[0]->name, pair[1]->name, at, b, pins, number, told(number));
	}
	for (unsigned i = 0; i < CPUS; i++) {
		if (cpus[i].held)
			expect(pfn_eq(scheme_page_to_pfn(scheme, cpus[i].held),
				      frame_at(cpus[i].held_frame)));
		for (unsigned j = 0; j < cpus[i].nr; j++)
			expect(pfn_eq(scheme_page_to_pfn(scheme, cpus[i].pins[j]),
				      frame_at(cpus[i].frames[j])));
	}
	expect(!(cpus[0].locked && cpus[1].locked));
	if (scheme->ops == &dynamic_scheme)
		expect_str(dynamic_check(scheme), NULL);
	if (scheme->ops == &proxy_scheme)
		expect_eq(proxy_free(scheme), PROXIES - proxies_told());
}

/* Returns what the two have: afterwards nobody has anything. */
static void return_all(void)
{
	for (unsigned i = 0; i < CPUS; i++) {
		struct cpu *cpu = &cpus[i];

		while (cpu->nr > 0)
			scheme_unpin(scheme, cpu->pins[--cpu->nr], SCHEME_CLEAN);
		if (cpu->locked)
			expect_eq(scheme_unlock(scheme, cpu->before), 0);
		if (cpu->before)
			scheme_unpin(scheme, cpu->before, SCHEME_CLEAN);
		if (cpu->held)
			scheme_unpin(scheme, cpu->held, SCHEME_CLEAN);
		if (cpu->again)
			scheme_unpin(scheme, shared, SCHEME_CLEAN);
		*cpu = (struct cpu){.nr = 0};
	}
}

static unsigned meet(const struct scheme_ops *ops, enum state state)
{
	bool met = true;
	unsigned at = 0;

	while (met) {
		prepare(ops, state);
		met = step_between(run_first, run_second, at);
		if (!met)
			run_second();
		compare(at);
		if (pair[0]->run == lock_a && pair[1]->run == lock_a)
			expect(cpus[0].locked || cpus[1].locked);
		return_all();
		compare(at++);
	}
	return at;
}

static unsigned meet_all(const struct scheme_ops *ops, const struct operation *operations,
			 size_t nr, enum state state)
{
	unsigned points = 0;

	for (size_t i = 0; i < nr; i++)
		for (size_t j = 0; j < nr; j++) {
			pair[0] = &operations[i];
			pair[1] = &operations[j];
			points += meet(ops, state);
			progress(i * nr + j + 1, nr * nr, "pairs");
		}
	return points;
}

static const struct operation of_pinned[] = {
	{"a pin", pin_a},      {"a pin of the other frame", pin_b},
	{"an unpin", unpin_a}, {"an unpin as written", unpin_a_written},
	{"a lock", lock_a},    {"a pin and an unpin", pin_and_unpin_a},
	{"a mark", mark_a},    {"a mark that is taken away", clear_a},
	{"a look", look_at_a},
};

static const struct operation of_others[] = {
	{"a pin", pin_a},
	{"a pin of the other frame", pin_b},
	{"a pin and an unpin", pin_and_unpin_a},
	{"a look", look_at_a},
	{"pointing at the frame", repoint_to_a},
	{"pointing at the other", repoint_to_b},
	{"pointing at each other's", repoint_to_each_other},
};

/* No order of two operations loses a pin or lets two have a lock, with a descriptor for each. */
TEST(step, flat_descriptors_meet)
{
	b = A + 1;
	ground_take(MEMORY_DRAM);
	note("%u points", meet_all(&flat_scheme, of_pinned, ARRAY_SIZE(of_pinned), PINNED));
}

/* Nor with pooled descriptors; a frame never has two, and one is never two frames'. */
TEST(step, dynamic_pages_meet)
{
	/* In the next bucket, and in the same. */
	static const unsigned others[] = {A + 1, A + 16};
	unsigned points = 0;

	ground_take(MEMORY_DRAM);
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		b = others[i];
		points += meet_all(&dynamic_scheme, of_pinned, ARRAY_SIZE(of_pinned), PINNED);
		for (enum state state = BOUND; state < STATES; state++)
			points +=
				meet_all(&dynamic_scheme, of_others, ARRAY_SIZE(of_others), state);
	}
	note("%u points", points);
}

static void pin_and_unpin_again(struct cpu *cpu)
{
	(void)cpu;
	expect_eq(proxy_pin_again(scheme, shared), 0);
	scheme_unpin(scheme, shared, SCHEME_CLEAN);
}

static void unpin_again(struct cpu *cpu)
{
	if (cpu->again)
		scheme_unpin(scheme, shared, SCHEME_CLEAN);
	cpu->again = false;
}

/* The first CPU's own pin: that or the other one's is the proxy's last. */
static void unpin_held(struct cpu *cpu)
{
	scheme_unpin(scheme, cpu->held, SCHEME_CLEAN);
	cpu->held = NULL;
}

static const struct operation of_proxies[] = {
	{"a pin", pin_a},
	{"an unpin", unpin_a},
	{"a pin and an unpin", pin_and_unpin_a},
	{"a lock", lock_a},
	{"a pin and an unpin of one proxy", pin_and_unpin_again},
	{"an unpin of one proxy", unpin_again},
	{"an unpin of its first pin", unpin_held},
};

/* Nor with proxies, none of which is lost or two pins'. */
TEST(step, proxies_meet)
{
	b = A + 1;
	ground_take(MEMORY_DRAM);
	note("%u points", meet_all(&proxy_scheme, of_proxies, ARRAY_SIZE(of_proxies), PINNED));
}
