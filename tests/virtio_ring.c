/* SPDX-License-Identifier: BSD-2-Clause */
/* The rings of virtio devices, split and packed, with and without tables of their own for requests.
 */
#include "drivers/virtio_ring.h"
#include "mm/host.h"
#include "tests/harness/memory.h"
#include "tests/harness/virtio_device.h"
#include "tests/test.h"

#include <errno.h>
#include <string.h>

static struct virtio_ring ring;
static struct virtio_device device;
static struct virtio_device_request request;
static pfn_t memory;

static bool device_has_more(void)
{
	struct virtio_device_request other;

	return virtio_device_take(&device, &other);
}

/* What the tests are about: never touched, so that it need not exist. */
static const struct segment data[] = {
	{{0x1234567000}, 4096}, {{0x7654321200}, 512}, {{0x200000}, AREA_SIZE}};

static void start(void)
{
	virtio_ring_start(&ring);
	virtio_device_start(&device, &ring);
}

/* A ring in memory, started, and a device that knows of it. */
static void create(bool packed, bool indirect, uint16_t size)
{
	require(virtio_ring_plan(&ring, packed, indirect, size, VIRTIO_SEGMENTS_MAX) == 0);
	require(virtio_ring_bytes(&ring) <= AREA_SIZE);
	memset(test_virt(memory, 0), 0, AREA_SIZE);
	virtio_ring_place(&ring, pfn_to_phys(memory), test_virt(memory, 0));
	start();
}

/* Calls body() with a ring of each kind. */
static void with_each_ring(void (*body)(void))
{
	memory = test_take(MEMORY_DRAM, AREA_SIZE);
	for (unsigned kind = 0; kind < 4; kind++) {
		create(kind & 1, kind & 2, 32);
		body();
	}
	create(true, true, 43); /* a packed ring need not be a power of two */
	body();
	create(true, false, 43);
	body();
}

static unsigned claim(void)
{
	int slot = virtio_ring_claim(&ring);

	require(slot >= 0 && (unsigned)slot < ring.nr_slots);
	return (unsigned)slot;
}

static void put(unsigned slot, size_t nr, bool device_writes)
{
	ring.slots[slot].header.sector = slot;
	virtio_ring_put(&ring, slot, data, nr, device_writes);
}

/* The slot that a request of the device's comes from: its header says so. */
static unsigned slot_of(const struct virtio_device_request *seen)
{
	const struct virtio_blk_header *header = host_virt(seen->parts[0].start);

	return (unsigned)header->sector;
}

static void expect_taken(int slot, uint32_t written)
{
	uint32_t found = 0;

	expect_eq(virtio_ring_take(&ring, &found), slot);
	expect_eq(found, written);
	virtio_ring_release(&ring, (unsigned)slot);
}

static void expect_refused(void)
{
	uint32_t written;

	expect_eq(virtio_ring_take(&ring, &written), -EIO);
}

/* --- What the device gets. --- */

static void check_parts(unsigned slot, size_t nr, bool device_writes)
{
	phys_t at = virtio_ring_slot(&ring, slot);
	const struct virtio_device_part *parts = request.parts;

	require(request.nr == nr + 2);
	expect_eq(slot_of(&request), slot);
	expect_eq(parts[0].start.addr, at.addr + offsetof(struct virtio_slot, header));
	expect_eq(parts[0].length, sizeof(struct virtio_blk_header));
	expect(!parts[0].writes);
	for (size_t i = 0; i < nr; i++) {
		expect_eq(parts[1 + i].start.addr, data[i].start.addr);
		expect_eq(parts[1 + i].length, data[i].length);
		expect_eq(parts[1 + i].writes, device_writes);
	}
	expect_eq(parts[nr + 1].start.addr, at.addr + offsetof(struct virtio_slot, status));
	expect_eq(parts[nr + 1].length, 1);
	expect(parts[nr + 1].writes);
}

static void check_requests(void)
{
	for (unsigned round = 0; round < 100; round++) {
		size_t nr = round % (ARRAY_SIZE(data) + 1);
		bool device_writes = round & 4;
		unsigned slot;

		if (nr > ring.max_segments)
			continue;
		slot = claim();
		if (round & 8) { /* another one than the first */
			unsigned first = slot;

			slot = claim();
			virtio_ring_release(&ring, first);
		}
		put(slot, nr, device_writes);
		require(virtio_device_take(&device, &request));
		check_parts(slot, nr, device_writes);
		expect(!device_has_more());
		virtio_device_return(&device, request.id, request.descriptors, round);
		expect_taken((int)slot, round);
	}
}

/* A request is its header, its data in their order and its status, around the ring many times. */
TEST(virtio_ring, requests_arrive_whole)
{
	with_each_ring(check_requests);
}

static void check_largest(void)
{
	struct segment segments[VIRTIO_SEGMENTS_MAX];
	unsigned slot = claim();

	for (size_t i = 0; i < ring.max_segments; i++)
		segments[i] = (struct segment){phys((i + 1) << 20), 512 * (i + 1)};
	virtio_ring_put(&ring, slot, segments, ring.max_segments, true);
	require(virtio_device_take(&device, &request));
	require(request.nr == ring.max_segments + 2u);
	expect(request.nr <= ring.size);
	for (size_t i = 0; i < ring.max_segments; i++) {
		expect_eq(request.parts[1 + i].start.addr, segments[i].start.addr);
		expect_eq(request.parts[1 + i].length, segments[i].length);
	}
	virtio_device_return(&device, request.id, request.descriptors, 1);
	expect_taken((int)slot, 1);
}

/* As many segments as the ring says arrive, and no chain is longer than the ring. */
TEST(virtio_ring, longest_request_arrives)
{
	with_each_ring(check_largest);
	create(false, true, 256);
	expect_eq(ring.max_segments, VIRTIO_SEGMENTS_MAX);
	check_largest();
}

static void check_full(void)
{
	uint32_t written;

	for (unsigned i = 0; i < ring.nr_slots; i++)
		put(claim(), 2, false);
	expect_eq(virtio_ring_claim(&ring), -1);
	expect_eq(virtio_ring_claim(&ring), -1);
	expect_eq(virtio_ring_take(&ring, &written), -EAGAIN);
	require(virtio_device_take(&device, &request));
	virtio_device_return(&device, request.id, request.descriptors, 1);
	expect_taken((int)slot_of(&request), 1);
	put(claim(), 2, false);
	expect_eq(virtio_ring_claim(&ring), -1);
}

/* When all slots are in use there is none to claim, until one comes back. */
TEST(virtio_ring, full_ring_has_no_slot)
{
	with_each_ring(check_full);
}

/* --- What comes back. --- */

enum { TURNS = 20000 };

/* Puts and returns at random, in any order; each must come back once, with its own number. */
static void check_order(void)
{
	static struct virtio_device_request held[VIRTIO_SLOTS_MAX]; /* more than a stack holds */
	unsigned nr_held = 0, in_use = 0, slot;
	size_t most = ring.max_segments < ARRAY_SIZE(data) ? ring.max_segments : ARRAY_SIZE(data);

	for (unsigned turn = 0; turn < TURNS; turn++) {
		if (in_use < ring.nr_slots && test_random_below(2) == 0) {
			put(claim(), test_random_below(most + 1), true);
			in_use++;
		}
		if (test_random_below(2) == 0 && virtio_device_take(&device, &held[nr_held]))
			nr_held++;
		if (nr_held == 0 || test_random_below(2) == 0)
			continue;
		slot = (unsigned)test_random_below(nr_held);
		request = held[slot];
		held[slot] = held[--nr_held];
		virtio_device_return(&device, request.id, request.descriptors, turn);
		expect_taken((int)slot_of(&request), turn);
		in_use--;
	}
}

/* The device returns requests in any order, and the driver finds which. */
TEST(virtio_ring, requests_come_back_in_any_order)
{
	with_each_ring(check_order);
}

static void check_many(void)
{
	uint32_t written;

	for (unsigned i = 0; i < 70000; i++) {
		put(claim(), 1, false);
		if (!virtio_device_take(&device, &request))
			fail("request %u does not arrive", i);
		virtio_device_return(&device, request.id, request.descriptors, i);
		expect_taken((int)slot_of(&request), i);
	}
	expect_eq(virtio_ring_take(&ring, &written), -EAGAIN);
}

/* The counters of a split ring have 16 bits: nothing happens where they begin anew. */
TEST(virtio_ring, counters_begin_anew)
{
	memory = test_take(MEMORY_DRAM, AREA_SIZE);
	create(false, true, 32);
	check_many();
}

/* --- What makes no sense. --- */

static void check_ids(void)
{
	static const unsigned wrong[] = {64, 0x7fff, 0xffff};
	unsigned slot;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		start();
		put(claim(), 1, true);
		virtio_device_return(&device, wrong[i], 1, 0);
		expect_refused();
		expect_refused(); /* it stays so */
	}
	start();
	slot = claim();
	put(slot, 1, true);
	require(virtio_device_take(&device, &request));
	virtio_device_return(&device, request.id, request.descriptors, 1);
	expect_taken((int)slot, 1);
	put(claim(), 1, true);
	put(claim(), 1, true);
	virtio_device_return(&device, request.id + (2u << ring.share_shift), 1, 0);
	expect_refused(); /* a slot that nobody put */
}

/* A used element names a request that the device has, or the device makes no sense. */
TEST(virtio_ring, unknown_requests_are_refused)
{
	with_each_ring(check_ids);
}

/* Without tables a slot begins at every few descriptors of a split ring, and nowhere between. */
TEST(virtio_ring, middle_of_a_chain_is_refused)
{
	memory = test_take(MEMORY_DRAM, AREA_SIZE);
	create(false, false, 32);
	put(claim(), 1, true);
	require(virtio_device_take(&device, &request));
	virtio_device_return(&device, request.id + 1, 1, 0);
	expect_refused();
}

/* A split ring has an id of 32 bits, of which 16 cannot be right. */
TEST(virtio_ring, high_bits_of_an_id_are_refused)
{
	memory = test_take(MEMORY_DRAM, AREA_SIZE);
	create(false, true, 32);
	put(claim(), 1, true);
	require(virtio_device_take(&device, &request));
	virtio_device_return(&device, request.id | 0x10000, 1, 0);
	expect_refused();
}

/* A used index can be no further than the available one. */
TEST(virtio_ring, index_that_ran_ahead_is_refused)
{
	memory = test_take(MEMORY_DRAM, AREA_SIZE);
	create(false, true, 32);
	put(claim(), 1, true);
	put(claim(), 1, true);
	require(virtio_device_take(&device, &request));
	ring.split.used->ring[0].id = request.id;
	ring.split.used->index = 3;
	expect_refused();
	ring.split.used->index = 0xffff;
	expect_refused();
	ring.split.used->index = 1;
	expect_taken((int)slot_of(&request), 0);
}

static void scribble(void)
{
	uint32_t *word = test_virt(memory, 0);
	uint32_t written;

	for (unsigned turn = 0; turn < 2000; turn++) {
		uint64_t in_use = 0;
		int slot;

		for (unsigned i = 0; i < 8; i++)
			word[test_random_below(virtio_ring_bytes(&ring) / 4)] =
				(uint32_t)test_random();
		if (ring.is_packed)
			ring.packed.descriptors[ring.packed.taken].flags = (uint16_t)test_random();
		else
			ring.split.used->index =
				(uint16_t)(ring.split.taken + test_random_below(2));
		if (ring.free)
			put(claim(), test_random_below(3), true);
		in_use = ~ring.free;
		slot = virtio_ring_take(&ring, &written);
		if (slot < 0)
			continue;
		require((unsigned)slot < ring.nr_slots);
		expect(in_use >> slot & 1);
		virtio_ring_release(&ring, (unsigned)slot);
	}
	start();
	check_requests();
}

/* Whatever a device writes into the ring, no slot comes back that is not in use. */
TEST(virtio_ring, nonsense_returns_no_other_slot)
{
	with_each_ring(scribble);
}

/* --- Reset, and sizes. --- */

static void check_restart(void)
{
	for (unsigned round = 0; round < 3; round++) {
		put(claim(), 1, true);
		put(claim(), 1, true);
		require(virtio_device_take(&device, &request));
		virtio_device_return(&device, request.id, request.descriptors, 1);
	}
	start();
	expect(!device_has_more());
	check_full();
}

/* After a reset the ring is as new, whatever was in flight. */
TEST(virtio_ring, starts_again)
{
	with_each_ring(check_restart);
}

static void expect_plan(bool packed, bool indirect, uint16_t size, size_t segments,
			unsigned max_segments, unsigned slots)
{
	require(virtio_ring_plan(&ring, packed, indirect, size, segments) == 0);
	expect_eq(ring.max_segments, max_segments);
	expect_eq(ring.nr_slots, slots);
	expect(ring.size <= size);
}

/* Rings of any size are used as far as they go; those too small are refused. */
TEST(virtio_ring, sizes)
{
	expect_plan(false, true, 256, 254, 60, 64);
	expect_plan(false, true, 32768, 1000, 60, 64);
	expect_plan(false, true, 16, 64, 14, 16);
	expect_plan(true, true, 4, 64, 2, 4);
	expect_plan(true, true, 65535, 1, 1, 64);
	expect_plan(false, false, 256, 254, 14, 16);
	expect_plan(false, false, 1024, 254, 14, 16);
	expect_plan(false, false, 64, 64, 6, 8);
	expect_plan(false, false, 4, 64, 2, 1);
	expect_plan(false, false, 256, 1, 1, 64);
	expect_plan(true, false, 100, 5, 5, 12);
	expect_eq(virtio_ring_plan(&ring, false, true, 3, 64), -EINVAL);
	expect_eq(virtio_ring_plan(&ring, true, true, 3, 64), -EINVAL);
	expect_eq(virtio_ring_plan(&ring, true, true, 0, 64), -EINVAL);
	expect_eq(virtio_ring_plan(&ring, false, true, 48, 64), -EINVAL);
	expect_eq(virtio_ring_plan(&ring, false, true, 64, 0), -EINVAL);
}
