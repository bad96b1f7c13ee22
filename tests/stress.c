/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All CPUs at once do what they like with the same few areas, by random numbers. Each keeps a
 * journal of what it has, which is checked against the descriptors as it goes; now and then all
 * stop, and CPU 0 compares everything with everything.
 */
#include "tests/stress.h"

#include "mm/barrier.h"
#include "mm/frame_alloc.h"
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

enum {
	CALLS = 2,  /* of host_on_each_cpu() */
	ROUNDS = 4, /* in each call, between quiet points; at every other nothing is at hand */
	OPERATIONS = 10000, /* of each CPU in a round */
	HOARD_MAX = 4096,
};

static struct barrier barrier;

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
	return pfn_add(stress.pool[below(journal, stress.nr_pool)], below(journal, PAGES_PER_AREA));
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

static void unpin(struct journal *journal, size_t which)
{
	struct held_pin *pin = &journal->pins[which];

	if (pin->locked)
		unlock(journal, pin);
	check_pin(pin);
	page_unpin(pin->page);
	*pin = journal->pins[--journal->nr_pins];
}

static void pin_or_unpin(struct journal *journal)
{
	struct held_pin *pin = &journal->pins[journal->nr_pins];
	pfn_t frame = any_frame(journal);
	struct page *page;

	if (journal->nr_pins && journal->nr_pins >= journal->pins_wanted) {
		unpin(journal, below(journal, journal->nr_pins));
		return;
	}
	if (journal->nr_pins == PINS_MAX)
		return;
	page = page_pin(frame);
	if (!page) {
		fail("frame %#llx cannot be pinned", (unsigned long long)frame.n);
		return;
	}
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

/* --- Sizes and looks --- */

static void split(struct journal *journal)
{
	int error = page_split(any_frame(journal));

	if (error && error != -EBUSY && error != -ENOMEM)
		expect_eq(error, 0);
}

static void collapse(struct journal *journal)
{
	int error = page_collapse(any_frame(journal));

	if (error && error != -EBUSY)
		expect_eq(error, 0);
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

static void stamp(const struct run *run)
{
	pfn_t end = pfn_add(run->start, run->size >> PAGE_SHIFT);
	pfn_t frame = run->start;

	/* Others may split the run meanwhile, but not a page while it is pinned. */
	while (pfn_before(frame, end)) {
		struct page *page = page_pin(frame);

		if (!page) {
			fail("frame %#llx cannot be pinned", (unsigned long long)frame.n);
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

	run->size = one_in(journal, 32) ? AREA_SIZE : PAGE_SIZE;
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

/* False: somebody has a page of it pinned. */
static bool give_back(struct journal *journal, size_t which)
{
	struct run *run = &journal->runs[which];
	int error;

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
		give_back(journal, below(journal, journal->nr_runs));
}

/* Leaves a run for another CPU, and takes the one that was left there. */
static void hand_over(struct journal *journal)
{
	struct run *run, taken;

	if (!journal->nr_runs)
		return;
	run = &journal->runs[below(journal, journal->nr_runs)];
	check_run(run);
	taken = slot_to_run(
		atomic_exchange(&stress.slots[below(journal, SLOTS)], run_to_slot(run)));
	*run = taken.stamp ? taken : journal->runs[--journal->nr_runs];
}

/* --- Rounds --- */

/* How much a CPU wants to have changes, so that areas become free of pins, and memory runs out. */
static void change_mood(struct journal *journal)
{
	journal->pins_wanted = below(journal, PINS_MAX + 1);
	journal->runs_wanted = below(journal, RUNS_MAX + 1);
	while (journal->nr_pins > journal->pins_wanted)
		unpin(journal, journal->nr_pins - 1);
}

static void operate(struct journal *journal)
{
	static void (*const operations[])(struct journal *) = {
		pin_or_unpin,     pin_or_unpin,
		pin_or_unpin,     lock_or_unlock,
		lock_or_unlock,   split,
		collapse,         look,
		allocate_or_free, allocate_or_free,
		allocate_or_free, hand_over,
	};

	journal->operations++;
	if (one_in(journal, 256))
		change_mood(journal);
	else
		operations[below(journal, ARRAY_SIZE(operations))](journal);
}

static void work(void *unused)
{
	unsigned cpu = host_cpu();

	(void)unused;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; cpu < stress.cpus && i < OPERATIONS; i++)
			operate(&stress.journals[cpu]);
		if (round % 2)
			frame_alloc_flush();
		barrier_wait(&barrier);
		if (cpu == 0)
			stress_compare(round % 2);
		barrier_wait(&barrier);
	}
}

/* --- Before and after --- */

/* All memory but the pool and the shared areas. */
static struct hoard {
	pfn_t areas[HOARD_MAX], frames[HOARD_MAX];
	size_t nr_areas, nr_frames;
} hoards[MEMORY_KINDS];

static size_t hoard_runs(enum memory_kind kind, size_t size, pfn_t *runs)
{
	size_t nr = 0;

	while (nr < HOARD_MAX && frame_alloc(kind, NODE_ANY, size, &runs[nr]) == 0)
		nr++;
	return nr;
}

static void give_back_frames(pfn_t *frames, size_t *nr, size_t size)
{
	while (*nr)
		expect_eq(frame_free(frames[--*nr], size), 0);
}

static void give_back_hoards(void *unused)
{
	(void)unused;
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		struct hoard *hoard = &hoards[kind];

		give_back_frames(hoard->frames, &hoard->nr_frames, PAGE_SIZE);
		give_back_frames(hoard->areas, &hoard->nr_areas, AREA_SIZE);
	}
}

static void choose_shared(void)
{
	size_t wanted = SHARED_MAX / MEMORY_KINDS;

	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		for (size_t i = 0; next_region(NULL, (enum memory_kind)kind) && i < wanted; i++) {
			struct shared *shared = &stress.shared[stress.nr_shared];
			struct page *page;

			shared->start = test_take((enum memory_kind)kind, AREA_SIZE);
			shared->owner = OWNER_SHARED | (uint32_t)stress.nr_shared++ << 20;
			page = page_pin(shared->start);
			require(page && page_size(page) == AREA_SIZE);
			page_set_owner(page, shared->owner);
			page_unpin(page);
		}
	}
}

static void choose_pool(void)
{
	size_t wanted = stress.cpus + 4;

	test_cleanup(give_back_hoards, NULL);
	for (int kind = 0; kind < MEMORY_KINDS; kind++) {
		struct hoard *hoard = &hoards[kind];

		hoard->nr_areas = hoard_runs((enum memory_kind)kind, AREA_SIZE, hoard->areas);
		hoard->nr_frames = hoard_runs((enum memory_kind)kind, PAGE_SIZE, hoard->frames);
		for (size_t i = 0; hoard->nr_areas && i < wanted; i++) {
			pfn_t area = hoard->areas[--hoard->nr_areas];

			stress.pool[stress.nr_pool++] = area;
			expect_eq(frame_free(area, AREA_SIZE), 0);
		}
	}
	require(stress.nr_pool > 0);
}

static void begin(void)
{
	memset(&stress, 0, sizeof(stress));
	stress.cpus = host_cpus() < STRESS_CPUS_MAX ? host_cpus() : STRESS_CPUS_MAX;
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++)
		stress.journals[cpu] =
			(struct journal){.random = test_random(), .poisoned = NO_FRAME};
	choose_shared();
	choose_pool();
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		stress.frames_free[kind] = stress_frames_free((enum memory_kind)kind);
	barrier_init(&barrier, host_cpus());
}

/* Everything is let go of, and then nothing can be busy. */
static void end(void)
{
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++) {
		struct journal *journal = &stress.journals[cpu];

		while (journal->nr_pins)
			unpin(journal, journal->nr_pins - 1);
		if (!pfn_eq(journal->poisoned, NO_FRAME))
			expect_eq(page_unpoison(journal->poisoned), 0);
		journal->poisoned = NO_FRAME;
	}
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++) {
		struct journal *journal = &stress.journals[cpu];

		while (journal->nr_runs && give_back(journal, journal->nr_runs - 1))
			;
	}
	for (size_t i = 0; i < SLOTS; i++) {
		struct run run = slot_to_run(atomic_load(&stress.slots[i]));

		if (run.stamp)
			expect_eq(frame_free(run.start, run.size), 0);
		atomic_store(&stress.slots[i], 0);
	}
	frame_alloc_flush();
	stress_compare(true);
	/* Areas that became tables may be split too. */
	for (size_t i = 0; i < stress.nr_pool; i++)
		expect_eq(page_collapse(stress.pool[i]), 0);
	for (size_t i = 0; i < stress.nr_shared; i++)
		expect_eq(page_collapse(stress.shared[i].start), 0);
}

/* The whole pool is to be had in areas again, less those that became tables. */
static void expect_whole_pool(size_t tables_before)
{
	pfn_t areas[POOL_MAX];
	size_t nr = 0;
	struct page_map_usage usage;

	page_map_usage(&usage);
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		while (nr < POOL_MAX &&
		       frame_alloc((enum memory_kind)kind, NODE_ANY, AREA_SIZE, &areas[nr]) == 0)
			nr++;
	expect_eq(nr + ((usage.spare_table_bytes + usage.table_bytes) / PAGE_SIZE - tables_before) /
				  PAGES_PER_AREA,
		  stress.nr_pool);
	give_back_frames(areas, &nr, AREA_SIZE);
}

/* Whatever CPUs do at the same time, the descriptors say what the sum of it is. */
TEST(stress, descriptors_agree_with_journals)
{
	static uint64_t operations; /* of all repetitions */
	struct page_map_usage usage;

	begin();
	page_map_usage(&usage);
	for (unsigned call = 0; call < CALLS; call++) {
		host_on_each_cpu(work, NULL);
		progress(call + 1, CALLS, "calls");
	}
	end();
	expect_whole_pool((usage.spare_table_bytes + usage.table_bytes) / PAGE_SIZE);
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++)
		operations += stress.journals[cpu].operations;
	measure("operations", operations, "operations");
}
