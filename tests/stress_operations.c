/* SPDX-License-Identifier: BSD-2-Clause */
/* What one CPU of the stress tests does: each operation checks what it can see of the rest. */
#include "tests/stress.h"

#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>

/* splitmix64, as the harness has it, for each CPU its own. */
static uint64_t draw(struct journal *journal)
{
	uint64_t mixed = journal->random += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed ^ mixed >> 31;
}

/* [0, limit); that some come up a little more often does not matter here. */
static size_t below(struct journal *journal, size_t limit)
{
	return (draw(journal) >> 32) * limit >> 32;
}

static bool one_in(struct journal *journal, size_t times)
{
	return below(journal, times) == 0;
}

/* Some frame of a shared area. */
static pfn_t shared_frame(struct journal *journal)
{
	pfn_t area = stress.shared[below(journal, stress.nr_shared)].start;

	return pfn_add(area, below(journal, PAGES_PER_AREA));
}

/* Some frame of a shared area or of the pool. */
static pfn_t any_frame(struct journal *journal)
{
	if (below(journal, 4))
		return shared_frame(journal);
	return pfn_add(stress.pool[below(journal, stress.nr_pool)].start,
		       below(journal, PAGES_PER_AREA));
}

/* --- Pins and locks --- */

/* The frames that a page's lock protects, as numbers within the area. */
static void frames_of(const struct page *page, size_t *first, size_t *end)
{
	*first = page_to_pfn(page).n % PAGES_PER_AREA;
	*end = *first + (page_size(page) >> PAGE_SHIFT);
}

static void lock(struct journal *journal, struct held_pin *pin)
{
	struct shared *shared = shared_of(page_to_pfn(pin->page));
	size_t first, end;

	if (!page_trylock(pin->page))
		return;
	pin->locked = true;
	if (!shared)
		return;
	frames_of(pin->page, &first, &end);
	pin->count = shared->counts[first];
	pin->owner = shared->owner | OWNER_LOCKED | (uint32_t)below(journal, 1 << 20);
	page_set_owner(pin->page, pin->owner);
}

static void change_dirty(struct journal *journal, struct shared *shared, struct page *page,
			 size_t first, size_t end)
{
	bool mark = one_in(journal, 2);
	bool noted = false;

	for (size_t i = first; i < end; i++) {
		noted |= shared->dirty[i];
		shared->dirty[i] = mark;
	}
	if (mark)
		page_mark_dirty(page);
	else if (!page_clear_dirty(page) && noted)
		fail("the note that %#llx is dirty was lost",
		     (unsigned long long)pfn_to_phys(page_to_pfn(page)).addr);
}

static void unlock(struct journal *journal, struct held_pin *pin)
{
	struct shared *shared = shared_of(page_to_pfn(pin->page));
	size_t first, end;

	check_pin(pin);
	if (shared) {
		frames_of(pin->page, &first, &end);
		change_dirty(journal, shared, pin->page, first, end);
		expect_eq(shared->counts[first], pin->count);
		shared->counts[first] = pin->count + 1;
		page_set_owner(pin->page, shared->owner);
	}
	pin->locked = false;
	page_unlock(pin->page);
}

void stress_unpin(struct journal *journal, size_t which)
{
	struct held_pin *pin = &journal->pins[which];

	if (pin->locked)
		unlock(journal, pin);
	check_pin(pin);
	page_unpin(pin->page);
	*pin = journal->pins[--journal->nr_pins];
}

/*
 * Pins a frame, which fails only if something in its area is poisoned at the same time, or for a
 * moment afterwards, while another CPU finds out that nothing is.
 */
static struct page *pin_unless_poisoned(pfn_t frame)
{
	const uint64_t moment = 5000000000, start = host_nanoseconds();
	struct poisonings *poisonings = poisonings_of(frame);

	do {
		unsigned ended = atomic_load(&poisonings->ended);
		struct page *page = page_pin(frame);

		if (page || atomic_load(&poisonings->begun) != ended)
			return page;
	} while (host_nanoseconds() - start < moment);
	fail("frame %#llx cannot be pinned", (unsigned long long)frame.n);
	return NULL;
}

static void pin_or_unpin(struct journal *journal)
{
	struct held_pin *pin = &journal->pins[journal->nr_pins];
	pfn_t frame = any_frame(journal);
	struct page *page;

	if (journal->nr_pins && journal->nr_pins >= journal->pins_wanted) {
		stress_unpin(journal, below(journal, journal->nr_pins));
		return;
	}
	if (journal->nr_pins == PINS_MAX)
		return;
	page = pin_unless_poisoned(frame);
	if (!page)
		return;
	*pin = (struct held_pin){.page = page};
	if (page_look(frame, &pin->then))
		fail("the pinned frame %#llx has no descriptor", (unsigned long long)frame.n);
	journal->nr_pins++;
	check_pin(pin);
}

static void lock_or_unlock(struct journal *journal)
{
	struct held_pin *pin;

	if (!journal->nr_pins)
		return;
	pin = &journal->pins[below(journal, journal->nr_pins)];
	if (pin->locked)
		unlock(journal, pin);
	else
		lock(journal, pin);
}

/* --- Sizes, poison and looks --- */

static void split(struct journal *journal)
{
	int error = page_split(any_frame(journal));

	if (error && error != -EBUSY && error != -ENOMEM)
		expect_eq(error, 0);
}

static void collapse(struct journal *journal)
{
	int error = page_collapse(any_frame(journal));

	if (error && error != -EBUSY && error != -EIO)
		expect_eq(error, 0);
}

/* Whatever others do meanwhile, a frame is out of use from when it is poisoned until it is healed.
 */
static void check_poison(const struct journal *journal)
{
	pfn_t frame = journal->poisoned;
	struct page *page = page_pin(frame);
	struct page_info info;

	if (page)
		fail("the poisoned frame %#llx was pinned", (unsigned long long)frame.n);
	if (page_look(frame, &info) || !info.poisoned)
		fail("the poison of frame %#llx was lost", (unsigned long long)frame.n);
}

void stress_heal(struct journal *journal)
{
	pfn_t frame = journal->poisoned;

	if (pfn_eq(frame, NO_FRAME))
		return;
	check_poison(journal);
	expect_eq(page_unpoison(frame), 0);
	atomic_fetch_add(&poisonings_of(frame)->ended, 1);
	journal->poisoned = NO_FRAME;
}

/* Some frame that is this CPU's to poison, if there is one. */
static void poison(struct journal *journal)
{
	pfn_t frame = any_frame(journal);
	size_t i = frame.n % PAGES_PER_AREA / stress.cpus * stress.cpus + host_cpu();

	if (i >= PAGES_PER_AREA)
		return;
	journal->poisoned = pfn_add(pfn_area(frame), i);
	atomic_fetch_add(&poisonings_of(frame)->begun, 1);
	expect_eq(page_poison(journal->poisoned), 0);
	check_poison(journal);
}

static void poison_or_heal(struct journal *journal)
{
	if (pfn_eq(journal->poisoned, NO_FRAME))
		poison(journal);
	else if (one_in(journal, 4))
		stress_heal(journal);
	else
		check_poison(journal);
}

static void look(struct journal *journal)
{
	pfn_t frame = any_frame(journal);
	const struct shared *shared = shared_of(frame);
	struct page_info info;

	if (page_look(frame, &info)) {
		fail("frame %#llx has no descriptor", (unsigned long long)frame.n);
		return;
	}
	expect(pfn_eq(info.start, info.size == PAGE_SIZE ? frame : pfn_area(frame)));
	if (shared &&
	    (!info.allocated || (info.owner & ~(OWNER_LOCKED | ((1u << 20) - 1))) != shared->owner))
		fail("the shared frame %#llx: allocated %d, owner %#x, page of %zu bytes",
		     (unsigned long long)frame.n, info.allocated, info.owner, info.size);
}

/* --- Memory --- */

static void stamp(struct run *run)
{
	pfn_t end = pfn_add(run->start, run->size >> PAGE_SHIFT);
	pfn_t frame = run->start;

	run->unstamped = false;
	/* Others may split the run meanwhile, but not a page while it is pinned. */
	while (pfn_before(frame, end)) {
		struct page *page = pin_unless_poisoned(frame);

		if (!page) {
			run->unstamped = true;
			return;
		}
		page_set_owner(page, run->stamp);
		frame = pfn_add(page_to_pfn(page), page_size(page) >> PAGE_SHIFT);
		page_unpin(page);
	}
	if (pfn_to_region(run->start)->kind == MEMORY_DRAM) {
		*(uint64_t *)test_virt(run->start, 0) = run->stamp;
		*(uint64_t *)test_virt(run->start, run->size - 8) = run->stamp;
	}
}

static void allocate(struct journal *journal)
{
	enum memory_kind kind = (enum memory_kind)below(journal, MEMORY_KINDS);
	struct run *run = &journal->runs[journal->nr_runs];
	struct page_info info;
	int error;

	*run = (struct run){.size = one_in(journal, 32) ? AREA_SIZE : PAGE_SIZE};
	error = frame_alloc(kind, NODE_ANY, run->size, &run->start);
	if (error) {
		expect_eq(error, -ENOMEM);
		return;
	}
	if (page_look(run->start, &info) || !info.allocated || info.owner)
		fail("frame %#llx was handed out: allocated %d, owner %#x",
		     (unsigned long long)run->start.n, info.allocated, info.owner);
	run->stamp = (host_cpu() + 1) << 24 | (++journal->stamps & 0xffffff);
	stamp(run);
	journal->nr_runs++;
}

bool stress_give_back(struct journal *journal, size_t which)
{
	struct run *run = &journal->runs[which];
	int error;

	if (run->unstamped)
		stamp(run);
	check_run(run);
	error = frame_free(run->start, run->size);
	if (error) {
		expect_eq(error, -EBUSY);
		return false;
	}
	*run = journal->runs[--journal->nr_runs];
	return true;
}

static void allocate_or_free(struct journal *journal)
{
	if (journal->nr_runs < journal->runs_wanted)
		allocate(journal);
	else if (journal->nr_runs)
		stress_give_back(journal, below(journal, journal->nr_runs));
}

/* Leaves a run for another CPU, and takes the one that was left there. */
static void hand_over(struct journal *journal)
{
	struct run *run, taken;

	if (!journal->nr_runs)
		return;
	run = &journal->runs[below(journal, journal->nr_runs)];
	check_run(run);
	if (run->unstamped)
		return;
	taken = slot_to_run(
		atomic_exchange(&stress.slots[below(journal, SLOTS)], run_to_slot(run)));
	*run = taken.stamp ? taken : journal->runs[--journal->nr_runs];
}

/* --- All together --- */

/* How much a CPU wants to have changes, so that areas become free of pins, and memory runs out. */
static void change_mood(struct journal *journal)
{
	journal->pins_wanted = below(journal, PINS_MAX + 1);
	journal->runs_wanted = below(journal, RUNS_MAX + 1);
	while (journal->nr_pins > journal->pins_wanted)
		stress_unpin(journal, journal->nr_pins - 1);
}

void stress_operate(struct journal *journal)
{
	static void (*const operations[])(struct journal *) = {
		pin_or_unpin,     pin_or_unpin,     pin_or_unpin,
		lock_or_unlock,   lock_or_unlock,   split,
		collapse,         poison_or_heal,   look,
		allocate_or_free, allocate_or_free, allocate_or_free,
		hand_over,
	};

	journal->operations++;
	if (one_in(journal, 256))
		change_mood(journal);
	else
		operations[below(journal, ARRAY_SIZE(operations))](journal);
}
