/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the interface of schemes costs, which must be the same for all: the instructions of its
 * caller, into which it is compiled, are counted one by one, and so is every way out of it. None
 * may be inlined or known by its name where another is called.
 */
#define _GNU_SOURCE /* the names of registers in a signal's context */
#include <stddef.h>

#include "mm/schemes/scheme.h"
#include "tests/harness/scheme_ground.h"
#include "tests/host/single_step.h"
#include "tests/test.h"

enum { FRAMES = PAGES_PER_AREA, POOL = 64, RANGE_FRAMES = 20, CALLS_MAX = 20 };

static struct scheme *scheme;
static struct scheme_page *page;
static struct scheme_page *notes[RANGE_FRAMES];
static struct segment segment;
static struct scheme_range range;
static struct scheme_owner owner;
static pfn_t frame;
static volatile uint64_t result; /* of a call, or nobody would need it */

/* --- The callers --- */

#define CALLER static __attribute__((noinline)) void

CALLER pin(void)
{
	result = (uint64_t)scheme_pin(scheme, frame, &page);
}

CALLER unpin(void)
{
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

CALLER unpin_written(void)
{
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
}

CALLER pin_range(void)
{
	result = (uint64_t)scheme_pin_range(scheme, &range);
}

CALLER unpin_range(void)
{
	scheme_unpin_range(scheme, &range, SCHEME_CLEAN);
}

CALLER find(void)
{
	result = (uintptr_t)scheme_find(scheme, frame);
}

CALLER to_pfn(void)
{
	result = scheme_page_to_pfn(scheme, page).n;
}

CALLER size(void)
{
	result = scheme_page_size(scheme, page);
}

CALLER trylock(void)
{
	result = (uint64_t)scheme_trylock(scheme, page);
}

CALLER unlock(void)
{
	result = (uint64_t)scheme_unlock(scheme, page);
}

CALLER mark_dirty(void)
{
	result = (uint64_t)scheme_mark_dirty(scheme, page);
}

CALLER clear_dirty(void)
{
	result = (uint64_t)scheme_clear_dirty(scheme, page);
}

CALLER pins(void)
{
	result = (uint64_t)scheme_pins(scheme, frame);
}

CALLER poison(void)
{
	result = (uint64_t)scheme_poison(scheme, frame);
}

CALLER unpoison(void)
{
	result = (uint64_t)scheme_unpoison(scheme, frame);
}

CALLER pin_as(void)
{
	result = (uint64_t)scheme_pin_as(scheme, frame, owner, &page);
}

CALLER find_owner(void)
{
	result = (uint64_t)scheme_owner(scheme, page, &owner);
}

/* In an order in which every scheme has a page where one is needed. */
static const struct call {
	const char *name;
	void (*caller)(void);
	size_t op; /* its place in struct scheme_ops */
} calls[] = {
#define OP(member) offsetof(struct scheme_ops, member)
	{"pin", pin, OP(pin)},
	{"find", find, OP(find)},
	{"page_to_pfn", to_pfn, OP(page_to_pfn)},
	{"page_size", size, OP(page_size)},
	{"trylock", trylock, OP(trylock)},
	{"unlock", unlock, OP(unlock)},
	{"mark_dirty", mark_dirty, OP(mark_dirty)},
	{"clear_dirty", clear_dirty, OP(clear_dirty)},
	{"pins", pins, OP(pins)},
	{"unpin", unpin, OP(unpin)},
	{"pin again", pin, OP(pin)},
	{"unpin as written", unpin_written, OP(unpin)},
	{"pin_range", pin_range, OP(pin_range)},
	{"unpin_range", unpin_range, OP(unpin_range)},
	{"poison", poison, OP(poison)},
	{"unpoison", unpoison, OP(unpoison)},
	{"pin_as", pin_as, OP(pin_as)},
	{"owner", find_owner, OP(owner)},
};

/* --- Counting --- */

/* A function while it runs: what it was called with on top of the stack is there until it returns.
 */
struct running {
	uintptr_t entry;
	uintptr_t stack; /* 0: it does not run */
};

static struct {
	struct running caller, op;
	unsigned instructions; /* of the caller, without the scheme's own function */
	unsigned calls;        /* of that */
} count;

/* True: it begins just now. */
static bool follow(struct running *function, uintptr_t next, uintptr_t stack)
{
	if (stack > function->stack)
		function->stack = 0;
	if (function->stack || next != function->entry)
		return false;
	function->stack = stack;
	return true;
}

static void after_instruction(const ucontext_t *context)
{
	uintptr_t next = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
	uintptr_t stack = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];

	(void)follow(&count.caller, next, stack);
	count.calls += follow(&count.op, next, stack);
	count.instructions += count.caller.stack && !count.op.stack;
}

static void run_caller(void *call)
{
	((const struct call *)call)->caller();
}

static void count_call(const struct call *call)
{
	count.caller = (struct running){.entry = (uintptr_t)call->caller};
	count.op.entry = *(const uintptr_t *)((const char *)scheme->ops + call->op);
	count.op.stack = 0;
	count.instructions = count.calls = 0;
	single_step(run_caller, (void *)call, after_instruction);
}

/* Whatever is behind it, a call is as many instructions as for all others, and one call of that
 * scheme's own function. */
TEST(scheme_interface, costs_all_the_same)
{
	unsigned instructions[ARRAY_SIZE(calls)];

	ground_take(MEMORY_DRAM);
	for (size_t i = 0; i < nr_schemes; i++) {
		scheme = ground_begin(schemes[i], FRAMES, POOL);
		frame = pfn_add(scheme->start, 30);
		range = (struct scheme_range){.start = frame,
					      .frames = RANGE_FRAMES,
					      .segments = &segment,
					      .max_segments = 1,
					      .pages = notes};
		for (size_t j = 0; j < ARRAY_SIZE(calls); j++) {
			count_call(&calls[j]);
			if (i == 0)
				instructions[j] = count.instructions;
			if (count.instructions != instructions[j])
				fail("%s: %s takes %u instructions outside of the scheme, %s %u",
				     schemes[i]->name, calls[j].name, count.instructions,
				     schemes[0]->name, instructions[j]);
			if (count.calls != 1 || count.instructions < 3)
				fail("%s: %s is %u calls of its function and %u instructions "
				     "beside, expected 1 and a few",
				     schemes[i]->name, calls[j].name, count.calls,
				     count.instructions);
		}
		if (!scheme_refusal(scheme, SCHEME_OWNERS))
			unpin();
		ground_mend();
	}
}
