/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of a pool that are bound to frames while I/O is in flight. */
#include "mm/schemes/dynamic.h"

#include <errno.h>
#include <string.h>

#include "mm/host.h"
#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum { POOL = 16, FRAMES = PAGES_PER_AREA };

static struct scheme *scheme;

static void begin(uint32_t pool)
{
	ground_take(MEMORY_DRAM);
	scheme = ground_begin(&dynamic_scheme, FRAMES, pool);
}

static pfn_t frame_at(uint64_t number)
{
	return pfn_add(scheme->start, number);
}

static struct scheme_page *pin_at(uint64_t number)
{
	struct scheme_page *page = NULL;

	require(scheme_pin(scheme, frame_at(number), &page) == 0);
	return page;
}

static void expect_sound(void)
{
	expect_str(dynamic_check(scheme), NULL);
}

/* Two I/Os to one frame find the same page; two frames never have the same. */
TEST(schemes_dynamic, frames_in_flight_have_one_page)
{
	struct scheme_page *pages[POOL];

	begin(POOL);
	for (unsigned i = 0; i < POOL; i++) {
		pages[i] = pin_at(7 * i);
		for (unsigned j = 0; j < i; j++)
			expect(pages[j] != pages[i]);
	}
	for (unsigned i = 0; i < POOL; i++) {
		expect(pin_at(7 * i) == pages[i]);
		expect_eq(scheme_pins(scheme, frame_at(7 * i)), 2);
		expect(pfn_eq(scheme_page_to_pfn(scheme, pages[i]), frame_at(7 * i)));
	}
	expect_eq(dynamic_bound(scheme), POOL);
	expect_sound();
}

/*
 * Also where many frames share a bucket. Of 16 random frames five or more do in one of 250 tries; a
 * look without the lock ends before the fifth.
 */
TEST(schemes_dynamic, crowded_buckets_keep_their_pages)
{
	enum { TRIES = 3000 };

	begin(POOL);
	for (unsigned try = 0; try < TRIES; try++) {
		struct scheme_page *pages[POOL];
		uint64_t numbers[POOL];

		for (unsigned i = 0; i < POOL; i++) {
			numbers[i] = test_random_below(FRAMES);
			pages[i] = pin_at(numbers[i]);
		}
		for (unsigned i = 0; i < POOL; i++) {
			expect(scheme_find(scheme, frame_at(numbers[i])) == pages[i]);
			expect(pin_at(numbers[i]) == pages[i]);
			scheme_unpin(scheme, pages[i], SCHEME_CLEAN);
		}
		for (unsigned i = 0; i < POOL; i++)
			scheme_unpin(scheme, pages[i], SCHEME_CLEAN);
	}
	expect_sound();
}

/* When all pages are in flight a pin is refused, and one that is returned makes room for one. */
TEST(schemes_dynamic, exhaustion_is_refused)
{
	struct scheme_page *pages[POOL], *more;
	struct segment segment;
	struct scheme_page *notes[4];
	struct scheme_range range = {.start = pfn_add(ground_start(), 0),
				     .frames = 4,
				     .segments = &segment,
				     .max_segments = 1,
				     .pages = notes};

	begin(POOL);
	for (unsigned i = 0; i < POOL; i++)
		pages[i] = pin_at(i);
	expect_eq(scheme_pin(scheme, frame_at(100), &more), -ENOMEM);
	expect_eq(scheme_pin(scheme, frame_at(3), &more), 0);
	scheme_unpin(scheme, more, SCHEME_CLEAN);
	scheme_unpin(scheme, pages[9], SCHEME_CLEAN);
	/* Two of the four have a page already, two need one, and one is left. */
	range.start = frame_at(POOL - 2);
	expect_eq(scheme_pin_range(scheme, &range), -ENOMEM);
	expect_eq(range.nr_segments, 0);
	expect_eq(scheme_pins(scheme, frame_at(POOL - 1)), 1);
	expect_eq(scheme_pins(scheme, frame_at(POOL)), 0);
	expect_eq(scheme_pin(scheme, frame_at(100), &more), 0);
	expect_eq(scheme_pin(scheme, frame_at(101), &more), -ENOMEM);
	expect_eq(scheme_pins(scheme, frame_at(9)), 0);
	expect_sound();
}

/* A pool of any size serves any number of frames, one after the other. */
TEST(schemes_dynamic, pool_serves_all_frames)
{
	begin(3);
	for (unsigned i = 0; i < 4 * FRAMES; i++) {
		uint64_t number = test_random_below(FRAMES);
		struct scheme_page *page = pin_at(number);

		expect(pfn_eq(scheme_page_to_pfn(scheme, page), frame_at(number)));
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	}
	expect_eq(dynamic_bound(scheme), 3);
	expect_sound();
}

/* Pages that are locked or written are kept for their frame, until they are cleared. */
TEST(schemes_dynamic, notes_keep_pages)
{
	struct scheme_page *dirty, *other, *more;

	begin(2);
	dirty = pin_at(1);
	scheme_unpin(scheme, dirty, SCHEME_WRITTEN);
	other = pin_at(2);
	expect_eq(scheme_pin(scheme, frame_at(3), &more), -ENOMEM);
	expect(pin_at(1) == dirty);
	expect_eq(scheme_clear_dirty(scheme, dirty), 1);
	expect_eq(scheme_trylock(scheme, dirty), 0);
	scheme_unpin(scheme, dirty, SCHEME_CLEAN);
	expect_eq(scheme_pin(scheme, frame_at(3), &more), -ENOMEM);
	expect_eq(scheme_unlock(scheme, dirty), 0);
	expect_eq(scheme_pin(scheme, frame_at(3), &more), 0);
	expect(more == dirty);
	expect(scheme_find(scheme, frame_at(1)) == NULL);
	expect_eq(scheme_pins(scheme, frame_at(2)), 1);
	scheme_unpin(scheme, other, SCHEME_CLEAN);
	expect_sound();
}

/* A count that is full is refused, and none is lost. */
TEST(schemes_dynamic, full_count_is_refused)
{
	struct dynamic_page *page;
	struct scheme_page *more;

	begin(POOL);
	page = (struct dynamic_page *)pin_at(1);
	atomic_fetch_add(&page->word, (DYNAMIC_PINS_MAX - 1) * DYNAMIC_ONE_PIN);
	expect_eq(scheme_pin(scheme, frame_at(1), &more), -EOVERFLOW);
	expect_eq(scheme_pins(scheme, frame_at(1)), DYNAMIC_PINS_MAX);
	/* Also where it is found last in its chain: a pool of 16 has 32 buckets. */
	for (unsigned i = 1; i < 7; i++)
		(void)pin_at(1 + 32 * i);
	expect_eq(scheme_pin(scheme, frame_at(1), &more), -EOVERFLOW);
	expect_eq(scheme_pins(scheme, frame_at(1)), DYNAMIC_PINS_MAX);
	expect_sound();
}

/* A page that a CPU is about to bind to another frame is nobody's, not even frame 0's. */
TEST(schemes_dynamic, claimed_page_is_nobodys)
{
	static char dram[4 * PAGE_SIZE + HOST_CPUS_MAX * 64] __attribute__((aligned(PAGE_SIZE)));
	const struct scheme_setup setup = {.start = pfn(0), .frames = FRAMES, .pool = POOL};
	struct scheme_page *claimed, *other;
	struct scheme_needs needs;

	scheme_needs(&dynamic_scheme, &setup, &needs);
	require(needs.dram_bytes <= sizeof(dram));
	memset(dram, 0, sizeof(dram));
	scheme = scheme_begin(&dynamic_scheme, &setup, dram);
	claimed = pin_at(0);
	scheme_unpin(scheme, claimed, SCHEME_CLEAN);
	atomic_store(&((struct dynamic_page *)claimed)->word, DYNAMIC_CLAIMED);
	expect(scheme_find(scheme, frame_at(0)) == NULL);
	other = pin_at(0);
	expect(other != claimed);
}

/* A pool takes memory by its size and not by the memory's; none is too small to be one. */
TEST(schemes_dynamic, needs_follow_the_pool)
{
	struct scheme_setup setup = {.start = pfn(0), .frames = 1, .pool = 1024};
	struct scheme_needs little, much;
	struct scheme none;

	scheme_needs(&dynamic_scheme, &setup, &little);
	setup.frames = ((uint64_t)1 << 40) / PAGE_SIZE;
	scheme_needs(&dynamic_scheme, &setup, &much);
	expect_eq(much.dram_bytes, little.dram_bytes);
	expect_eq(much.dram_bytes_most, little.dram_bytes);
	expect(much.dram_bytes >= 1024 * sizeof(struct dynamic_page));
	setup.pool = 0;
	expect(scheme_begin(&dynamic_scheme, &setup, &none) == NULL);
}

/* A page whose only pin is its holder's goes to any frame that nobody uses, and its old frame may
 * have another one then. */
TEST(schemes_dynamic, repointed_page_is_the_new_frames)
{
	struct scheme_page *page;

	begin(POOL);
	page = pin_at(1);
	for (unsigned i = 2; i < FRAMES; i++) {
		expect_eq(dynamic_repoint(scheme, page, frame_at(i)), 0);
		expect(pfn_eq(scheme_page_to_pfn(scheme, page), frame_at(i)));
		expect_eq(scheme_pins(scheme, frame_at(i)), 1);
		expect_eq(scheme_pins(scheme, frame_at(i - 1)), 0);
		expect(scheme_find(scheme, frame_at(i)) == page);
		expect_sound();
	}
	expect_eq(dynamic_repoint(scheme, page, frame_at(FRAMES - 1)), 0);
	/* In the same bucket, one of 32. */
	expect_eq(dynamic_repoint(scheme, page, frame_at(FRAMES - 33)), 0);
	expect(scheme_find(scheme, frame_at(FRAMES - 33)) == page);
	expect(scheme_find(scheme, frame_at(FRAMES - 1)) == NULL);
	expect_sound();
	expect(pin_at(1) != page);
	expect_sound();
}

/* Not while somebody else has it, not away from a note, and not to a frame that is in use. */
TEST(schemes_dynamic, repointing_disturbs_nobody)
{
	struct scheme_page *page, *other;

	begin(POOL);
	page = pin_at(1);
	(void)pin_at(1);
	expect_eq(dynamic_repoint(scheme, page, frame_at(2)), -EBUSY);
	scheme_unpin(scheme, page, SCHEME_WRITTEN);
	expect_eq(dynamic_repoint(scheme, page, frame_at(2)), -EBUSY);
	expect_eq(scheme_clear_dirty(scheme, page), 1);
	expect_eq(scheme_trylock(scheme, page), 0);
	expect_eq(dynamic_repoint(scheme, page, frame_at(2)), -EBUSY);
	expect_eq(scheme_unlock(scheme, page), 0);
	other = pin_at(2);
	expect_eq(dynamic_repoint(scheme, page, frame_at(2)), -EEXIST);
	scheme_unpin(scheme, other, SCHEME_WRITTEN);
	expect_eq(dynamic_repoint(scheme, page, frame_at(2)), -EEXIST);
	expect_eq(dynamic_repoint(scheme, page, frame_at(FRAMES)), -ENOENT);
	expect_eq(scheme_clear_dirty(scheme, other), 1);
	/* Nobody uses it, but it is still bound. */
	expect_eq(dynamic_repoint(scheme, page, frame_at(2)), 0);
	expect(scheme_find(scheme, frame_at(2)) == page);
	expect_sound();
}

enum { MEMBERS = 4, STRIPES = 40 };

/*
 * The cache of a RAID: it keeps a page for each member of a stripe, points them at the stripe's
 * frames and computes the parity. While that is in flight, which takes pins of its own, the pages
 * cannot be pointed elsewhere.
 */
TEST(schemes_dynamic, raid_cache_repoints_its_pages)
{
	struct scheme_page *cache[MEMBERS], *io[MEMBERS];

	begin(POOL);
	for (unsigned member = 0; member < MEMBERS; member++)
		cache[member] = pin_at(FRAMES - MEMBERS + member);
	for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
		uint64_t *frames[MEMBERS], parity = 0;

		for (unsigned member = 0; member < MEMBERS; member++) {
			pfn_t frame = frame_at(stripe * MEMBERS + member);

			require(dynamic_repoint(scheme, cache[member], frame) == 0);
			require(scheme_pin(scheme, frame, &io[member]) == 0);
			expect(io[member] == cache[member]);
			frames[member] = ground_virt(scheme_page_to_pfn(scheme, io[member]));
			if (member < MEMBERS - 1)
				parity ^= frames[member][stripe] = test_random();
		}
		for (unsigned member = 0; member < MEMBERS; member++)
			expect_eq(dynamic_repoint(scheme, cache[member], frame_at(FRAMES - 1)),
				  -EBUSY);
		frames[MEMBERS - 1][stripe] = parity;
		for (unsigned member = 0; member < MEMBERS; member++)
			scheme_unpin(scheme, io[member], SCHEME_CLEAN);
	}
	for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
		uint64_t sum = 0;

		for (unsigned member = 0; member < MEMBERS; member++)
			sum ^= ((uint64_t *)ground_virt(
				frame_at(stripe * MEMBERS + member)))[stripe];
		expect(sum == 0);
	}
	expect_eq(dynamic_bound(scheme), MEMBERS);
	expect_sound();
}

enum { ROUNDS = 3000, FEW = 6 };

/* Frames of which CPUs have more in flight than the pool has pages. */
static void pin_and_repoint(void *unused)
{
	uint64_t random = host_cpu() + 1;

	(void)unused;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct scheme_page *page;
		pfn_t frame;

		random = random * 6364136223846793005u + 1442695040888963407u;
		frame = frame_at((random >> 40) % (2 * FEW));
		if (scheme_pin(scheme, frame, &page))
			continue;
		if (!pfn_eq(scheme_page_to_pfn(scheme, page), frame))
			fail("CPU %u: the page of frame %#llx is that of %#llx", host_cpu(),
			     (unsigned long long)frame.n,
			     (unsigned long long)scheme_page_to_pfn(scheme, page).n);
		scheme_unpin(scheme, page, SCHEME_CLEAN);
	}
}

/* On all CPUs at once a page stays the pinned frame's, no frame has two, and no pin is lost. */
TEST(schemes_dynamic, cpus_share_the_pool)
{
	begin(FEW);
	host_on_each_cpu(pin_and_repoint, NULL);
	for (unsigned i = 0; i < FRAMES; i++)
		expect_eq(scheme_pins(scheme, frame_at(i)), 0);
	expect_sound();
}

/* Each CPU moves a page of its own, to frames that others want too. */
static void move_about(void *unused)
{
	uint64_t random = host_cpu() + 1;
	struct scheme_page *page;

	(void)unused;
	if (scheme_pin(scheme, frame_at(100 + host_cpu()), &page)) {
		fail("CPU %u has no page", host_cpu());
		return;
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		pfn_t before = scheme_page_to_pfn(scheme, page);
		pfn_t frame;
		int error;

		random = random * 6364136223846793005u + 1442695040888963407u;
		frame = frame_at((random >> 40) % 32);
		error = dynamic_repoint(scheme, page, frame);
		if (!pfn_eq(scheme_page_to_pfn(scheme, page), error ? before : frame))
			fail("CPU %u: a page was moved by somebody else", host_cpu());
	}
	scheme_unpin(scheme, page, SCHEME_CLEAN);
}

/* On all CPUs at once pages go where they are sent, or stay. */
TEST(schemes_dynamic, cpus_repoint_their_pages)
{
	begin(HOST_CPUS_MAX);
	host_on_each_cpu(move_about, NULL);
	for (unsigned i = 0; i < FRAMES; i++)
		expect_eq(scheme_pins(scheme, frame_at(i)), 0);
	expect_sound();
}

/* What the check finds when a page's word is this. */
static void expect_broken(struct dynamic_page *page, uint64_t word, const char *text)
{
	uint64_t before = atomic_exchange(&page->word, word);

	expect_str(dynamic_check(scheme), text);
	atomic_store(&page->word, before);
	expect_sound();
}

/* Whatever can be wrong with a chain is found. */
TEST(schemes_dynamic, broken_chains_are_found)
{
	struct dynamic_page *first, *second;
	const char *found = NULL;
	uint64_t word;

	begin(POOL);
	first = (struct dynamic_page *)pin_at(1);
	word = atomic_load(&first->word);
	expect_broken(first, DYNAMIC_CLAIMED, "dynamic pages: a page in a chain is not bound");
	expect_broken(first + 1, word, "dynamic pages: one that is bound is in no chain");
	expect_broken(first + 1, DYNAMIC_CLAIMED,
		      "dynamic pages: one was claimed and neither bound nor left");
	atomic_store(&first->next, (uint32_t)1);
	expect_str(dynamic_check(scheme), "dynamic pages: a chain leads back to itself");
	atomic_store(&first->next, 0);
	/* In another bucket than the first's, or in the same. */
	for (unsigned i = 2; i < FRAMES && !found; i++) {
		uint64_t before;

		second = (struct dynamic_page *)pin_at(i);
		before = atomic_exchange(&second->word, word);
		found = dynamic_check(scheme);
		expect(found != NULL);
		if (found && strstr(found, "another frame"))
			found = NULL;
		atomic_store(&second->word, before);
		scheme_unpin(scheme, (struct scheme_page *)second, SCHEME_CLEAN);
	}
	expect_str(found, "dynamic pages: two are bound to one frame");
	expect_sound();
}
