/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What I/O on a virtio disk costs the CPU: a bio from its submission to its end, block layer
 * included and the wait for the device left out, and the driver's part of that.
 */
#include "drivers/virtio_disk.h"
#include "kernel/registers.h" /* rdtsc(): there is nothing to count in a process */
#include "mm/page.h"
#include "tests/count.h"
#include "tests/harness/memory.h"
#include "tests/harness/virtio_disks.h"
#include "tests/test.h"

#include <errno.h>

enum { DEPTH = 32 };

static struct virtio_disk *disk;
static struct virtio_disk_queue *queue;
static struct page *page;
static struct bio bios[DEPTH];
static struct bio_piece pieces[DEPTH];
static unsigned nr;

static void prepare(enum block_operation operation, unsigned depth, size_t length)
{
	nr = depth;
	for (unsigned i = 0; i < nr; i++) {
		pieces[i] = (struct bio_piece){page, i * length, length};
		bios[i] =
			(struct bio){.operation = operation, .pieces = &pieces[i], .nr_pieces = 1};
	}
}

static void submit(void)
{
	for (unsigned i = 0; i < nr; i++)
		count_error |= block_submit(&disk->device, &bios[i]);
}

static bool is_over(const struct virtio_ring *ring)
{
	const struct virtio_packed_descriptor *last;
	uint16_t marks = VIRTIO_PACKED_AVAIL | VIRTIO_PACKED_USED;

	if (!ring->is_packed)
		return __atomic_load_n(&ring->split.used->index, __ATOMIC_ACQUIRE) ==
		       ring->split.put;
	last = &ring->packed.descriptors[(ring->packed.taken + nr - 1u) % ring->size];
	/* Used, in whichever turn; what the driver wrote has one of the marks. */
	return (__atomic_load_n(&last->flags, __ATOMIC_ACQUIRE) & marks) % marks == 0;
}

static void wait(void)
{
	while (!is_over(&queue->ring))
		__builtin_ia32_pause();
}

static void poll(void)
{
	block_poll(&disk->device);
}

static void check(void)
{
	for (unsigned i = 0; i < nr; i++)
		count_error |= bios[i].status;
}

static void read4k_qd1(void)
{
	prepare(BLOCK_READ, 1, PAGE_SIZE);
}

static void read4k_qd32(void)
{
	prepare(BLOCK_READ, DEPTH, PAGE_SIZE);
}

static void read2m(void)
{
	prepare(BLOCK_READ, 1, AREA_SIZE);
}

static void write4k_qd1(void)
{
	prepare(BLOCK_WRITE, 1, PAGE_SIZE);
}

static void write4k_qd32(void)
{
	prepare(BLOCK_WRITE, DEPTH, PAGE_SIZE);
}

static void write2m(void)
{
	prepare(BLOCK_WRITE, 1, AREA_SIZE);
}

/* The driver's part: the request that the block layer made of the last bio, once more. */
static int status;

static void driver_submit(void)
{
	status = disk->device.ops->submit(&disk->device, &queue->block, &bios[0].request);
}

static void driver_take(void)
{
	uint32_t written;
	int slot = virtio_ring_take(&queue->ring, &written);

	count_error |= slot < 0;
	virtio_ring_release(&queue->ring, (unsigned)slot);
}

static void driver_prepare(void)
{
	read4k_qd1();
	count_error |= block_execute(&disk->device, &bios[0]);
}

static void driver_check(void)
{
	count_error |= status != -EINPROGRESS;
}

#define FIGURE(what, depth)                                                                       \
	{                                                                                         \
		.name = #what, .operation = submit, .prepare = what, .undo = check, .wait = wait, \
		.finish = poll, .times = depth                                                    \
	}

static const struct figure figures[] = {
	{.operation = count_nothing},
	FIGURE(read4k_qd1, 1),
	FIGURE(read4k_qd32, DEPTH),
	FIGURE(read2m, 1),
	FIGURE(write4k_qd1, 1),
	FIGURE(write4k_qd32, DEPTH),
	FIGURE(write2m, 1),
	{.name = "driver",
	 .operation = driver_submit,
	 .prepare = driver_prepare,
	 .undo = driver_check,
	 .wait = wait,
	 .finish = driver_take},
};

/* On a split ring. */
TEST(cost, virtio)
{
	disk = virtio_with_serial("split");
	count_needs_clock();
	queue = virtio_disk_queue(disk, 0);
	page = pfn_to_page(test_take(MEMORY_DRAM, AREA_SIZE));
	count(figures, ARRAY_SIZE(figures));
}

/* On a packed ring. */
TEST(cost, virtio_packed)
{
	disk = virtio_with_serial("packed");
	count_needs_clock();
	queue = virtio_disk_queue(disk, 0);
	page = pfn_to_page(test_take(MEMORY_DRAM, AREA_SIZE));
	count(figures, ARRAY_SIZE(figures));
}
