/* SPDX-License-Identifier: BSD-2-Clause */
/* Proxies in front of pages, and the slots that they come from. */
#include "mm/schemes/proxy.h"

#include <errno.h>
#include <string.h>

#include "mm/host.h"
#include "mm/schemes/slots.h"
#include "tests/harness/memory.h"
#include "tests/harness/scheme_ground.h"
#include "tests/test.h"

enum { POOL = 40, FRAMES = 64, OWNERS = 8 };

static struct scheme *scheme;

static void begin(uint32_t pool)
{
	ground_take(MEMORY_DRAM);
	scheme = ground_begin(&proxy_scheme, FRAMES, pool);
}

static pfn_t frame_at(uint64_t number)
{
	return pfn_add(scheme->start, number);
}

static struct scheme_page *pin_for(uint64_t number, uint64_t mapping, uint64_t index)
{
	struct scheme_page *page = NULL;

	require(scheme_pin_as(scheme, frame_at(number), (struct scheme_owner){mapping, index},
			      &page) == 0);
	return page;
}

/* A frame that many owners share has a proxy for each, with its own mapping and index; lock, dirty
 * note and count are one for all. */
TEST(schemes_proxy, owners_share_one_page)
{
	struct scheme_page *proxies[OWNERS];

	begin(POOL);
	for (unsigned i = 0; i < OWNERS; i++)
		proxies[i] = pin_for(5, 100 + i, 7 * i);
	expect_eq(scheme_pins(scheme, frame_at(5)), OWNERS);
	expect_eq(scheme_trylock(scheme, proxies[0]), 0);
	expect_eq(scheme_mark_dirty(scheme, proxies[1]), 0);
	for (unsigned i = 0; i < OWNERS; i++) {
		struct scheme_owner owner;

		expect_eq(scheme_owner(scheme, proxies[i], &owner), 0);
		expect_eq(owner.mapping, 100 + i);
		expect_eq(owner.index, 7 * i);
		expect(pfn_eq(scheme_page_to_pfn(scheme, proxies[i]), frame_at(5)));
		expect_eq(scheme_trylock(scheme, proxies[i]), -EBUSY);
		expect_eq(scheme_clear_dirty(scheme, proxies[i]), i == 0);
		for (unsigned j = 0; j < i; j++)
			expect(proxies[i] != proxies[j]);
	}
	expect_eq(scheme_unlock(scheme, proxies[OWNERS - 1]), 0);
	for (unsigned i = 0; i < OWNERS; i++)
		scheme_unpin(scheme, proxies[i], SCHEME_CLEAN);
	expect_eq(scheme_pins(scheme, frame_at(5)), 0);
	expect_eq(proxy_free(scheme), POOL);
}

/* Old code that takes a plain reference on a proxy is caught, and nothing was changed by it; on the
 * canonical page it works. */
TEST(schemes_proxy, plain_operation_is_caught)
{
	struct scheme_page *proxy, *page;
	struct scheme_owner owner;

	begin(POOL);
	proxy = pin_for(9, 1, 2);
	page = scheme_find(scheme, frame_at(9));
	require(page != NULL);
	expect((uintptr_t)proxy & 1);
	expect(!((uintptr_t)page & 1));
	expect_eq(plain_page_get(scheme, proxy), -EINVAL);
	expect_eq(plain_page_put(scheme, proxy), -EINVAL);
	expect_eq(proxy_caught(scheme), 2);
	expect_eq(scheme_pins(scheme, frame_at(9)), 1);
	expect_eq(scheme_owner(scheme, proxy, &owner), 0);
	expect_eq(owner.mapping, 1);
	expect_eq(plain_page_get(scheme, page), 0);
	expect_eq(scheme_pins(scheme, frame_at(9)), 2);
	expect_eq(plain_page_put(scheme, page), 0);
	expect_eq(proxy_caught(scheme), 2);
	/* A plain page has no owner and is nobody's to pin again. */
	expect_eq(scheme_owner(scheme, page, &owner), -EINVAL);
	expect_eq(proxy_pin_again(scheme, page), -EINVAL);
	/* But it can be locked and marked, like any. */
	expect_eq(scheme_trylock(scheme, page), 0);
	expect_eq(scheme_trylock(scheme, proxy), -EBUSY);
	expect_eq(scheme_unlock(scheme, page), 0);
}

/* A proxy that is pinned again stays until the last of its pins is returned. */
TEST(schemes_proxy, lives_until_its_last_pin)
{
	struct scheme_page *proxy;

	begin(POOL);
	proxy = pin_for(3, 1, 1);
	expect_eq(proxy_pin_again(scheme, proxy), 0);
	expect_eq(proxy_pin_again(scheme, proxy), 0);
	expect_eq(scheme_pins(scheme, frame_at(3)), 3);
	for (int left = 2; left >= 0; left--) {
		expect_eq(proxy_free(scheme), POOL - 1);
		scheme_unpin(scheme, proxy, SCHEME_CLEAN);
		expect_eq(scheme_pins(scheme, frame_at(3)), left);
	}
	expect_eq(proxy_free(scheme), POOL);
	proxy = pin_for(3, 1, 1);
	expect_eq(scheme_poison(scheme, frame_at(3)), 0);
	expect_eq(proxy_pin_again(scheme, proxy), -EIO);
	scheme_unpin(scheme, proxy, SCHEME_CLEAN);
	/* A pin that is refused takes no proxy. */
	expect_eq(scheme_pin(scheme, frame_at(3), &proxy), -EIO);
	expect_eq(proxy_free(scheme), POOL);
}

/* When all proxies are out a pin is refused, of a frame and of a range, and leaves nothing. */
TEST(schemes_proxy, exhaustion_is_refused)
{
	struct scheme_page *proxies[POOL], *more, *notes[4];
	struct segment segment;
	struct scheme_range range = {
		.frames = 4, .segments = &segment, .max_segments = 1, .pages = notes};

	begin(POOL);
	range.start = frame_at(50);
	for (unsigned i = 0; i < POOL; i++)
		proxies[i] = pin_for(i, 1, i);
	expect_eq(scheme_pin(scheme, frame_at(0), &more), -ENOMEM);
	expect_eq(scheme_pins(scheme, frame_at(0)), 1);
	scheme_unpin(scheme, proxies[0], SCHEME_CLEAN);
	expect_eq(scheme_pin_range(scheme, &range), -ENOMEM);
	expect_eq(range.nr_segments, 0);
	expect_eq(scheme_pins(scheme, frame_at(50)), 0);
	expect_eq(proxy_free(scheme), 1);
	expect_eq(scheme_pin(scheme, frame_at(0), &more), 0);
}

static struct slots slots;
static atomic_uint users[POOL];

enum { ROUNDS = 4000, TAKEN = 8 };

static void give_all(uint32_t *mine, unsigned nr)
{
	while (nr-- > 0) {
		atomic_fetch_sub(&users[mine[nr]], 1);
		slots_give(&slots, slots_hand(&slots), mine[nr]);
	}
}

/* Each CPU takes several slots and gives them back, again and again. */
static void take_and_give(void *unused)
{
	uint32_t mine[TAKEN];
	unsigned nr = 0;

	(void)unused;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (nr < TAKEN && slots_take(&slots, &mine[nr])) {
			if (atomic_fetch_add(&users[mine[nr]], 1) != 0)
				fail("slot %u has two users", mine[nr]);
			nr++;
		} else {
			give_all(mine, nr);
			nr = 0;
		}
	}
	give_all(mine, nr);
}

/* On all CPUs at once no slot has two users, and none is lost. */
TEST(schemes_proxy, slots_have_one_user)
{
	pfn_t memory = test_take(MEMORY_DRAM, AREA_SIZE);

	require(slots_bytes(POOL) <= AREA_SIZE);
	memset(test_virt(memory, 0), 0, slots_bytes(POOL));
	slots_begin(&slots, POOL, test_virt(memory, 0));
	host_on_each_cpu(take_and_give, NULL);
	expect_eq(slots_free(&slots), POOL);
}

/* However many are given back by one CPU, all can be had again. */
TEST(schemes_proxy, slots_go_round)
{
	enum { MANY = 400 };
	pfn_t memory = test_take(MEMORY_DRAM, AREA_SIZE);
	static bool taken[MANY];
	uint32_t slot;

	require(slots_bytes(MANY) <= AREA_SIZE);
	memset(test_virt(memory, 0), 0, slots_bytes(MANY));
	slots_begin(&slots, MANY, test_virt(memory, 0));
	for (int round = 0; round < 3; round++) {
		memset(taken, 0, sizeof(taken));
		for (unsigned i = 0; i < MANY; i++) {
			require(slots_take(&slots, &slot));
			expect(slot < MANY && !taken[slot]);
			taken[slot] = true;
			expect_eq(slots_free(&slots), MANY - 1 - i);
		}
		expect(!slots_take(&slots, &slot));
		for (uint32_t i = 0; i < MANY; i++)
			slots_give(&slots, slots_hand(&slots), i);
		expect_eq(slots_free(&slots), MANY);
	}
}
