/* SPDX-License-Identifier: BSD-2-Clause */
/* What the descriptors must say when the journals of the stress tests are right. */
#include "tests/stress.h"

#include "mm/frame_alloc.h"
#include "tests/harness/memory.h"
#include "tests/test.h"

struct stress stress;

struct shared *shared_of(pfn_t frame)
{
	for (size_t i = 0; i < stress.nr_shared; i++)
		if (pfn_eq(stress.shared[i].start, pfn_area(frame)))
			return &stress.shared[i];
	return NULL;
}

struct poisonings *poisonings_of(pfn_t frame)
{
	struct shared *shared = shared_of(frame);

	for (size_t i = 0; !shared && i < stress.nr_pool; i++)
		if (pfn_eq(stress.pool[i].start, pfn_area(frame)))
			return &stress.pool[i].poisonings;
	return &shared->poisonings;
}

enum { STAMP_BITS = 29 };

uint64_t run_to_slot(const struct run *run)
{
	uint64_t size = run->size == AREA_SIZE ? 1 : 0;

	return run->start.n << (STAMP_BITS + 1) | size << STAMP_BITS | run->stamp;
}

struct run slot_to_run(uint64_t slot)
{
	return (struct run){
		.start = pfn(slot >> (STAMP_BITS + 1)),
		.size = slot >> STAMP_BITS & 1 ? AREA_SIZE : PAGE_SIZE,
		.stamp = (uint32_t)(slot & ((1u << STAMP_BITS) - 1)),
	};
}

uint64_t stress_frames_free(enum memory_kind kind)
{
	struct page_map_usage usage;
	uint64_t frames = frames_free(kind);

	page_map_usage(&usage);
	if (kind == MEMORY_DRAM)
		frames += (usage.spare_table_bytes + usage.table_bytes) / PAGE_SIZE;
	return frames;
}

static unsigned long long address_of(pfn_t frame)
{
	return pfn_to_phys(frame).addr;
}

void check_pin(const struct held_pin *pin)
{
	pfn_t start = page_to_pfn(pin->page);
	const struct shared *shared = shared_of(start);
	const struct page_info *then = &pin->then;
	struct page_info now;

	if (page_look(start, &now)) {
		fail("the pinned page at %#llx has no descriptor", address_of(start));
		return;
	}
	if (now.size != page_size(pin->page) || !pfn_eq(now.start, start))
		fail("the pinned page at %#llx changed its size to %zu", address_of(start),
		     now.size);
	if (now.pins == 0)
		fail("the pinned page at %#llx lost its pin", address_of(start));
	if (pin->locked && !now.locked)
		fail("the locked page at %#llx lost its lock", address_of(start));
	if (shared && !now.allocated)
		fail("the shared page at %#llx was given back", address_of(start));
	if (shared && pin->locked && now.owner != pin->owner)
		fail("the locked page at %#llx has the owner %#x instead of %#x", address_of(start),
		     now.owner, pin->owner);
	if (!shared && !then->allocated && now.allocated)
		fail("the free page at %#llx was handed out while pinned", address_of(start));
	if (!shared && then->allocated && then->owner &&
	    (!now.allocated || now.owner != then->owner))
		fail("the page at %#llx was given back while pinned: owner %#x, then %#x",
		     address_of(start), then->owner, now.owner);
}

void check_run(const struct run *run)
{
	const struct region *region = pfn_to_region(run->start);
	pfn_t end = pfn_add(run->start, run->size >> PAGE_SHIFT);
	struct page_info info;

	/* Anybody may have split a run of 2 MiB. */
	for (pfn_t frame = run->start; pfn_before(frame, end);
	     frame = pfn_add(frame, info.size >> PAGE_SHIFT)) {
		if (page_look(frame, &info)) {
			fail("the frame at %#llx has no descriptor", address_of(frame));
			return;
		}
		if (!info.allocated || (!run->unstamped && info.owner != run->stamp) ||
		    info.size > run->size)
			fail("the frame at %#llx, %zu bytes from %#llx on, is not %#x's: "
			     "allocated %d, owner %#x, page of %zu bytes",
			     address_of(frame), run->size, address_of(run->start), run->stamp,
			     info.allocated, info.owner, info.size);
	}
	if (region->kind == MEMORY_DRAM && !run->unstamped) {
		expect_eq(*(uint64_t *)test_virt(run->start, 0), run->stamp);
		expect_eq(*(uint64_t *)test_virt(run->start, run->size - 8), run->stamp);
	}
}

/* What all journals together have of one page, or of everything. */
struct sum {
	uint64_t pins;
	uint64_t locks;
};

static struct sum sum_of_page(const struct page *page)
{
	struct sum sum = {0};

	for (unsigned cpu = 0; cpu < stress.cpus; cpu++) {
		const struct journal *journal = &stress.journals[cpu];

		for (size_t i = 0; i < journal->nr_pins; i++) {
			if (page && journal->pins[i].page != page)
				continue;
			sum.pins++;
			sum.locks += journal->pins[i].locked;
		}
	}
	return sum;
}

/* Whether found is known, or that and at most so many of the pins by which CPUs keep rows at hand.
 */
static void compare_sums(const char *what, uint64_t found, uint64_t known, uint64_t at_hand)
{
	if (found < known || found > known + at_hand)
		fail("%s: %llu by the descriptors, %llu by the journals", what,
		     (unsigned long long)found, (unsigned long long)known);
}

static void compare_pins(const struct journal *journal, uint64_t at_hand)
{
	struct page_info info;

	for (size_t i = 0; i < journal->nr_pins; i++) {
		const struct held_pin *pin = &journal->pins[i];
		struct sum sum = sum_of_page(pin->page);

		check_pin(pin);
		if (page_look(page_to_pfn(pin->page), &info))
			continue;
		compare_sums("pins of a page", info.pins, sum.pins, at_hand ? 1 : 0);
		expect_eq(info.locked, sum.locks);
	}
}

/* What is neither free nor anybody's, since it is poisoned. */
static uint64_t frames_lost(pfn_t area)
{
	uint64_t lost = 0;
	struct page_info info;

	for (pfn_t frame = area; pfn_eq(pfn_area(frame), area);
	     frame = pfn_add(frame, info.size >> PAGE_SHIFT)) {
		if (page_look(frame, &info))
			return lost;
		lost += info.poisoned && !info.allocated ? info.size >> PAGE_SHIFT : 0;
	}
	return lost;
}

static void compare_runs(void)
{
	uint64_t frames[MEMORY_KINDS] = {0};

	for (unsigned cpu = 0; cpu < stress.cpus; cpu++) {
		const struct journal *journal = &stress.journals[cpu];

		for (size_t i = 0; i < journal->nr_runs; i++) {
			const struct run *run = &journal->runs[i];

			check_run(run);
			frames[pfn_to_region(run->start)->kind] += run->size >> PAGE_SHIFT;
		}
	}
	for (size_t i = 0; i < SLOTS; i++) {
		struct run run = slot_to_run(atomic_load(&stress.slots[i]));

		if (run.stamp == 0)
			continue;
		check_run(&run);
		frames[pfn_to_region(run.start)->kind] += run.size >> PAGE_SHIFT;
	}
	for (size_t i = 0; i < stress.nr_pool; i++)
		frames[pfn_to_region(stress.pool[i].start)->kind] +=
			frames_lost(stress.pool[i].start);
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		expect_eq(stress_frames_free((enum memory_kind)kind) + frames[kind],
			  stress.frames_free[kind]);
}

/* The pages of an area: how many frames are poisoned, and what they are beside that. */
static uint64_t compare_pages(pfn_t area, struct sum *sum)
{
	const struct shared *shared = shared_of(area);
	uint64_t poisoned = 0;
	struct page_info info;

	for (pfn_t frame = area; pfn_eq(pfn_area(frame), area);
	     frame = pfn_add(frame, info.size >> PAGE_SHIFT)) {
		if (page_look(frame, &info)) {
			fail("the frame at %#llx has no descriptor", address_of(frame));
			return poisoned;
		}
		sum->pins += info.pins;
		sum->locks += info.locked;
		poisoned += info.poisoned ? info.size >> PAGE_SHIFT : 0;
		if (!shared)
			continue;
		if (!info.allocated || (info.owner != shared->owner && !info.locked))
			fail("the shared page at %#llx: allocated %d, owner %#x", address_of(frame),
			     info.allocated, info.owner);
		for (uint64_t i = frame.n; i < frame.n + (info.size >> PAGE_SHIFT); i++)
			if (shared->dirty[i % PAGES_PER_AREA] && !info.dirty)
				fail("the note that %#llx is dirty was lost", address_of(pfn(i)));
	}
	return poisoned;
}

static void compare_poison(pfn_t area, uint64_t found)
{
	uint64_t known = 0;
	struct page_info info;

	for (unsigned cpu = 0; cpu < stress.cpus; cpu++) {
		pfn_t frame = stress.journals[cpu].poisoned;

		if (!pfn_eq(pfn_area(frame), area))
			continue;
		known++;
		if (page_look(frame, &info) || !info.poisoned)
			fail("the poison of %#llx was lost", address_of(frame));
	}
	/* As long as an area is pinned in whole, all of it is out of use. */
	if (!page_look(area, &info) && info.size == AREA_SIZE && known)
		expect_eq(found, PAGES_PER_AREA);
	else
		expect_eq(found, known);
}

void stress_compare(bool flushed)
{
	const char *broken = page_map_check();
	uint64_t at_hand = frame_alloc_pins();
	struct sum found = {0}, known = sum_of_page(NULL);

	if (broken)
		fail("%s", broken);
	if (flushed)
		expect_eq(at_hand, 0);
	compare_sums("all pins", page_map_pins() - stress.other_pins, known.pins + at_hand, 0);
	for (unsigned cpu = 0; cpu < stress.cpus; cpu++)
		compare_pins(&stress.journals[cpu], at_hand);
	compare_runs();
	for (size_t i = 0; i < stress.nr_pool; i++)
		compare_poison(stress.pool[i].start, compare_pages(stress.pool[i].start, &found));
	for (size_t i = 0; i < stress.nr_shared; i++)
		compare_poison(stress.shared[i].start,
			       compare_pages(stress.shared[i].start, &found));
	compare_sums("pins of these areas", found.pins, known.pins, at_hand);
	expect_eq(found.locks, known.locks);
}
